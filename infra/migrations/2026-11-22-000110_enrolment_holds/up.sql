-- For how long a draft keeps others from beginning one for the same child: two parents at the same moment are one registration,
-- and nobody keeps the parents out for long with nothing but the child's number. What was handed in holds the child by the
-- unique key below; who was rejected, withdrew or was struck out holds it no longer.
CREATE TABLE enrolment_child_holds (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    child_index BYTEA NOT NULL,
    application_id TEXT NOT NULL REFERENCES enrolment_applications (id),
    until_at BIGINT NOT NULL,
    PRIMARY KEY (round_id, child_index)
);
CREATE INDEX enrolment_child_holds_by_application ON enrolment_child_holds (application_id);

-- Draws 摇号 for those who came after the round's own: the second, the third. Their order follows that of the first.
CREATE TABLE enrolment_later_draws (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    number BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_by TEXT NOT NULL REFERENCES principals (id),
    created_at BIGINT NOT NULL,
    revealed_at BIGINT,
    version BIGINT NOT NULL,
    UNIQUE (round_id, number)
);

DROP INDEX enrolment_applications_child;
CREATE UNIQUE INDEX enrolment_applications_child ON enrolment_applications (round_id, child_index) WHERE state NOT IN ('draft', 'ineligible', 'revoked', 'withdrawn');
