-- School enrolment 入学登记, the families' side: applications, seats in use, draws, placements, and what is left of papers.

-- One child in one round. `sealed` holds all that tells who somebody is, and what they said of themselves; it is emptied when
-- the papers are purged. `detail` is what is shown and not searched by. `tier` is the verified one or, before, that which the
-- rules gave at hand-in. `due_at`: until when an offer waits, once the family knows of it.
CREATE TABLE enrolment_applications (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    receipt TEXT NOT NULL,
    applicant_id TEXT NOT NULL REFERENCES principals (id),
    state TEXT NOT NULL,
    child_index BYTEA,
    sealed BYTEA,
    home_id TEXT REFERENCES homes (id),
    tier TEXT,
    batch BIGINT,
    school_id TEXT REFERENCES schools (id),
    detail TEXT NOT NULL,
    due_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX enrolment_applications_receipt ON enrolment_applications (round_id, receipt);
CREATE UNIQUE INDEX enrolment_applications_child ON enrolment_applications (round_id, child_index) WHERE state <> 'withdrawn';
CREATE INDEX enrolment_applications_by_round ON enrolment_applications (round_id, id);
CREATE INDEX enrolment_applications_by_state ON enrolment_applications (round_id, state, id);
CREATE INDEX enrolment_applications_by_applicant ON enrolment_applications (applicant_id, id);
CREATE INDEX enrolment_applications_by_community ON enrolment_applications (community_id, id);
CREATE INDEX enrolment_applications_due ON enrolment_applications (due_at) WHERE state = 'offered';

-- The guardians by a keyed hash of their documents: whose child it is, for the seat lock and for reviewers who must keep out.
CREATE TABLE enrolment_guardians (
    application_id TEXT NOT NULL REFERENCES enrolment_applications (id),
    document_index BYTEA NOT NULL,
    PRIMARY KEY (application_id, document_index)
);

-- The schools that a family listed, once more in the clear, to count how many ask for one.
CREATE TABLE enrolment_choices (
    application_id TEXT NOT NULL REFERENCES enrolment_applications (id),
    position BIGINT NOT NULL,
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    school_id TEXT NOT NULL REFERENCES schools (id),
    PRIMARY KEY (application_id, position)
);
CREATE INDEX enrolment_choices_by_school ON enrolment_choices (round_id, school_id, position);

-- Six years, one seat 六年一学位: this key is what decides between two families at the same moment.
CREATE TABLE enrolment_seat_uses (
    home_id TEXT NOT NULL REFERENCES homes (id),
    school_year BIGINT NOT NULL,
    application_id TEXT NOT NULL REFERENCES enrolment_applications (id),
    PRIMARY KEY (home_id, school_year)
);
CREATE INDEX enrolment_seat_uses_by_application ON enrolment_seat_uses (application_id);

-- Leave to hand in late, one for a resident and a round.
CREATE TABLE enrolment_late_permits (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    applicant_id TEXT NOT NULL REFERENCES principals (id),
    until_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    granted_by TEXT NOT NULL REFERENCES principals (id),
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (round_id, applicant_id)
);

-- A draw 摇号; one for a round. `document` is what anybody may read and check.
CREATE TABLE enrolment_draws (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    round_id TEXT NOT NULL UNIQUE REFERENCES enrolment_rounds (id),
    document TEXT NOT NULL,
    created_by TEXT NOT NULL REFERENCES principals (id),
    created_at BIGINT NOT NULL,
    revealed_at BIGINT,
    version BIGINT NOT NULL
);

-- The allocation of a round. `canonical` is the text whose hash is `digest`; it names receipts only. Whatever gives or frees
-- a seat moves `moves` first, so that two of them come one after the other and a seat is not given twice.
CREATE TABLE enrolment_allocations (
    round_id TEXT NOT NULL PRIMARY KEY REFERENCES enrolment_rounds (id),
    community_id TEXT NOT NULL REFERENCES communities (id),
    plan_version BIGINT NOT NULL,
    draw_id TEXT REFERENCES enrolment_draws (id),
    draw_decided BOOLEAN NOT NULL,
    digest TEXT NOT NULL,
    canonical TEXT NOT NULL,
    allocated_by TEXT NOT NULL REFERENCES principals (id),
    allocated_at BIGINT NOT NULL,
    moves BIGINT NOT NULL
);

-- Why a child is where the allocation put it; without personal data.
CREATE TABLE enrolment_traces (
    application_id TEXT NOT NULL PRIMARY KEY REFERENCES enrolment_applications (id),
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    trace TEXT NOT NULL
);

-- 递补顺序: in which order a released seat of a school is offered.
CREATE TABLE enrolment_waiting (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    school_id TEXT NOT NULL REFERENCES schools (id),
    position BIGINT NOT NULL,
    application_id TEXT NOT NULL REFERENCES enrolment_applications (id),
    PRIMARY KEY (round_id, school_id, position)
);

-- The proof that a round's papers are gone: how many, and the hash of the list of what they were.
CREATE TABLE enrolment_purges (
    round_id TEXT NOT NULL PRIMARY KEY REFERENCES enrolment_rounds (id),
    community_id TEXT NOT NULL REFERENCES communities (id),
    applications BIGINT NOT NULL,
    papers BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    manifest_hash TEXT NOT NULL,
    purged_at BIGINT NOT NULL
);
