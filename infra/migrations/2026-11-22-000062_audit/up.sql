-- Who did what, on whose behalf, to what, from where, and with what result; also what was refused, and who looked at what is
-- protected. Rows are added and never changed, but for `position` and `hash`, which sealing writes once: the hash is keyed and
-- covers the row and the hash before it. Rows leave only from the old end, after the time that the operator has set.
CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT,
    actor_id TEXT,
    actor_kind TEXT,
    on_behalf_of TEXT,
    action TEXT NOT NULL,
    subject_id TEXT,
    result TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    address TEXT,
    request_id TEXT,
    occurred_at BIGINT NOT NULL,
    position BIGINT,
    hash BYTEA
);
CREATE UNIQUE INDEX audit_events_by_position ON audit_events (position) WHERE position IS NOT NULL;
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE position IS NULL;
CREATE INDEX audit_events_by_community ON audit_events (community_id, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id) WHERE subject_id IS NOT NULL;
