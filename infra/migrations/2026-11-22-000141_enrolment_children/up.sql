-- For whom an account has kept others from beginning a draft, once for a child and a round: who writes another child's number into a
-- draft and the first one's again has held it, and holds it no more. It goes with the round's papers.
CREATE TABLE enrolment_child_held (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    child_index BYTEA NOT NULL,
    applicant_id TEXT NOT NULL REFERENCES principals (id),
    PRIMARY KEY (round_id, child_index, applicant_id)
);
INSERT INTO enrolment_child_held (round_id, child_index, applicant_id)
SELECT h.round_id, h.child_index, a.applicant_id FROM enrolment_child_holds h JOIN enrolment_applications a ON a.id = h.application_id;

-- Asked of every application that is begun; the unique index of children knows only what was handed in.
CREATE INDEX enrolment_applications_by_child ON enrolment_applications (round_id, child_index);
