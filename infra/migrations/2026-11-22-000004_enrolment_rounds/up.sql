-- School enrolment 入学登记: schools, and rounds with their rules, seat plans and zones.

-- Without a row in `school_communities`, a school serves all communities.
CREATE TABLE schools (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    stage TEXT,
    created_by TEXT NOT NULL REFERENCES principals (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE school_communities (
    community_id TEXT NOT NULL REFERENCES communities (id),
    school_id TEXT NOT NULL REFERENCES schools (id),
    PRIMARY KEY (community_id, school_id)
);
CREATE INDEX school_communities_by_school ON school_communities (school_id);

-- `detail` is what is shown and not searched by: birth window, calendar, announcement. `zones` is a list, read whole. `stamp`
-- is another one after every change, also after one that was rolled back: what was worked out of a round is kept by it.
CREATE TABLE enrolment_rounds (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    school_year BIGINT NOT NULL,
    stage TEXT NOT NULL,
    detail TEXT NOT NULL,
    zones TEXT NOT NULL,
    rules_version BIGINT NOT NULL,
    plan_version BIGINT NOT NULL,
    stamp TEXT NOT NULL,
    created_by TEXT NOT NULL REFERENCES principals (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    announced_at BIGINT
);
CREATE INDEX enrolment_rounds_by_community ON enrolment_rounds (community_id, id);

-- The rules of a round, one row for each version that its draft had; a published round keeps the last.
CREATE TABLE enrolment_rule_sets (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    version BIGINT NOT NULL,
    rules TEXT NOT NULL,
    made_by TEXT,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (round_id, version)
);

-- Seat plans 学位计划: a plan that was published is followed by another one, with a reason, and never overwritten.
CREATE TABLE enrolment_seat_plans (
    round_id TEXT NOT NULL REFERENCES enrolment_rounds (id),
    version BIGINT NOT NULL,
    reason TEXT,
    made_by TEXT,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (round_id, version)
);

CREATE TABLE enrolment_seats (
    round_id TEXT NOT NULL,
    plan_version BIGINT NOT NULL,
    school_id TEXT NOT NULL REFERENCES schools (id),
    seats BIGINT NOT NULL CHECK (seats >= 0),
    PRIMARY KEY (round_id, plan_version, school_id),
    FOREIGN KEY (round_id, plan_version) REFERENCES enrolment_seat_plans (round_id, version)
);
