-- What did not pass the platform's content check at once: `part` of the thing `subject_id`, and `item` of several such parts (an
-- event, a file). `trace_id` is the platform's name for a picture that it looks at; `due_at` when somebody has to do something
-- about it. The words themselves stay where they are.
CREATE TABLE content_checks (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    subject_id TEXT NOT NULL,
    part TEXT NOT NULL,
    item TEXT,
    author_id TEXT NOT NULL REFERENCES principals (id),
    state TEXT NOT NULL,
    cause TEXT,
    label BIGINT,
    trace_id TEXT,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    decided_by TEXT,
    decided_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX content_checks_withheld ON content_checks (subject_id) WHERE state IN ('waiting', 'held', 'rejected');
CREATE INDEX content_checks_by_state ON content_checks (community_id, state, id);
CREATE INDEX content_checks_due ON content_checks (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX content_checks_by_trace ON content_checks (trace_id) WHERE trace_id IS NOT NULL;

-- What the platform has pushed lately, so that a repetition is known. `key` is a hash of the whole message.
CREATE TABLE wechat_pushes (
    key TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX wechat_pushes_by_age ON wechat_pushes (received_at);

-- Mini-program codes by what they lead to: the platform draws the same picture every time.
CREATE TABLE mini_codes (
    target TEXT NOT NULL PRIMARY KEY,
    picture BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- The inbox: when the person has read it; and the platform's name for the message, by which it tells its fate.
ALTER TABLE notices ADD COLUMN read_at BIGINT;
ALTER TABLE notices ADD COLUMN msgid TEXT;
CREATE INDEX notices_by_msgid ON notices (msgid) WHERE msgid IS NOT NULL;
