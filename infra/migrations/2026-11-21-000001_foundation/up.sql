-- The walking skeleton: who acts, where, what happened, and repair tickets.
--
-- One dialect for SQLite and PostgreSQL: TEXT, BIGINT, BOOLEAN, BYTEA; no defaults, no triggers, no database clock.
-- Ids are TypeIDs (`tkt_…`, sorted by time); instants are milliseconds since 1970 in BIGINT; `version` counts changes
-- and is the ETag. What is only ever shown together lives in one JSON text; what is searched by has a column.

-- An account. People are told apart by what they log in with: `residents`, `staff`.
CREATE TABLE principals (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    display_name TEXT NOT NULL,
    disabled_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A resident is known by the WeChat openid. Openid and phone are sealed; the indexes are keyed hashes, for equality only.
CREATE TABLE residents (
    principal_id TEXT NOT NULL PRIMARY KEY REFERENCES principals (id),
    openid_index BYTEA NOT NULL UNIQUE,
    openid_sealed BYTEA NOT NULL,
    phone_index BYTEA,
    phone_sealed BYTEA,
    phone_bound_at BIGINT
);
CREATE INDEX residents_by_phone ON residents (phone_index) WHERE phone_index IS NOT NULL;

-- `totp_step` is the last time step whose code was used. `openid_sealed`: where notices to this person go, if anywhere.
CREATE TABLE staff (
    principal_id TEXT NOT NULL PRIMARY KEY REFERENCES principals (id),
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    totp_sealed BYTEA,
    totp_step BIGINT NOT NULL,
    openid_sealed BYTEA
);

-- Wrong passwords since the last right one, for every user name that was tried, whether somebody has it or not: who
-- guesses names must not learn from a lock-out which ones exist.
CREATE TABLE login_failures (
    name_index BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    last_at BIGINT NOT NULL
);
CREATE INDEX login_failures_by_age ON login_failures (last_at);

-- community_id '*' means the whole platform.
CREATE TABLE role_grants (
    principal_id TEXT NOT NULL REFERENCES principals (id),
    community_id TEXT NOT NULL,
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (principal_id, community_id, role)
);
CREATE INDEX role_grants_by_community ON role_grants (community_id, role);

-- A log-in on one device. Refresh tokens are keyed hashes of (session, generation), so none is stored; `generation` is
-- the one that may be spent next, and `rotated_at` says until when its predecessor may be repeated.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    principal_id TEXT NOT NULL REFERENCES principals (id),
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    idle_until BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT
);
CREATE INDEX sessions_by_principal ON sessions (principal_id);
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- The tenant.
CREATE TABLE communities (
    id TEXT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE homes (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    label TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX homes_by_community ON homes (community_id, id);

-- Who may speak for a home. One active binding for a person and a home.
CREATE TABLE home_bindings (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    home_id TEXT NOT NULL REFERENCES homes (id),
    principal_id TEXT NOT NULL REFERENCES principals (id),
    relation TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX home_bindings_once ON home_bindings (home_id, principal_id) WHERE ended_at IS NULL;
CREATE INDEX home_bindings_by_principal ON home_bindings (principal_id);

-- What was uploaded; the bytes are in the object store under `sha256`. Readable by its owner and, once `subject_id`
-- names the thing it belongs to, by whoever may see that thing.
CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES principals (id),
    subject_id TEXT,
    sha256 TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX files_by_subject ON files (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX files_by_hash ON files (sha256);
CREATE INDEX files_unattached ON files (created_at) WHERE subject_id IS NULL;

CREATE TABLE repair_categories (
    community_id TEXT NOT NULL REFERENCES communities (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    dispatch TEXT NOT NULL,
    accept_within_s BIGINT NOT NULL,
    arrive_within_s BIGINT NOT NULL,
    resolve_within_s BIGINT NOT NULL,
    calendar TEXT NOT NULL,
    chargeable BOOLEAN NOT NULL,
    photos_required BOOLEAN NOT NULL,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (community_id, code)
);

-- `detail` is everything that is shown but not searched by: texts, photos, clocks, quote, rating. `due_at` is the next
-- promise to fall due, null while the clock stands still.
CREATE TABLE repair_tickets (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    category TEXT NOT NULL,
    state TEXT NOT NULL,
    reporter_id TEXT NOT NULL REFERENCES principals (id),
    worker_id TEXT,
    home_id TEXT,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    due_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX repair_tickets_by_community ON repair_tickets (community_id, id);
CREATE INDEX repair_tickets_by_state ON repair_tickets (community_id, state, id);
CREATE INDEX repair_tickets_by_reporter ON repair_tickets (reporter_id, id);
CREATE INDEX repair_tickets_by_worker ON repair_tickets (worker_id, id) WHERE worker_id IS NOT NULL;
CREATE INDEX repair_tickets_by_due ON repair_tickets (community_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX repair_tickets_resolved ON repair_tickets (updated_at) WHERE state = 'resolved';

-- Every home that a ticket touches, the reported one included.
CREATE TABLE repair_ticket_homes (
    home_id TEXT NOT NULL REFERENCES homes (id),
    ticket_id TEXT NOT NULL REFERENCES repair_tickets (id),
    PRIMARY KEY (home_id, ticket_id)
);

-- What happened. Written with the change itself; ticket history, the feed, webhooks and notices only read it.
-- `data` is thin and fit for a webhook; `note` is what a person wrote, for those who may see the whole thing.
-- `position` is given after the commit, so that a reader going by it never misses a late commit.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL,
    type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_version BIGINT NOT NULL,
    actor_id TEXT,
    data TEXT NOT NULL,
    note TEXT,
    notices TEXT,
    occurred_at BIGINT NOT NULL,
    position BIGINT
);
CREATE INDEX events_by_subject ON events (subject_id, id);
CREATE UNIQUE INDEX events_by_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_unplaced ON events (id) WHERE position IS NULL;

-- A message to one person about one event: never two, whatever is retried.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    template TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (event_id, recipient_id)
);
CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notices_by_recipient ON notices (recipient_id, id);

-- How many messages of a template the person has agreed to receive: one tap on "allow" is one message.
CREATE TABLE notice_credits (
    principal_id TEXT NOT NULL REFERENCES principals (id),
    template TEXT NOT NULL,
    credits BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (principal_id, template)
);

-- The answer to a keyed POST, stored with its effect. `body_sealed` because an answer may hold tokens or personal data.
CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, operation, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Who runs a background job at the moment; another instance may take over after `until`.
CREATE TABLE job_leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Facts about the installation: which keys it was made with, how far the readers of events have come.
CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
