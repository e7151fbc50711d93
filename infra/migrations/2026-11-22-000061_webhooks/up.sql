-- Where programs are told of what happens. `events` are patterns and `about` resources, words between spaces; `about` is
-- what whoever registered the endpoint may hear of. No community means all of them. A removed endpoint stays until its
-- deliveries are tidied away.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT REFERENCES communities (id),
    owner_id TEXT NOT NULL REFERENCES principals (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    about TEXT NOT NULL,
    description TEXT,
    state TEXT NOT NULL,
    because TEXT,
    failing_since BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX webhooks_by_community ON webhooks (community_id, id) WHERE removed_at IS NULL;

-- What deliveries are signed with; one that was replaced signs on until it expires.
CREATE TABLE webhook_secrets (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    secret_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX webhook_secrets_by_webhook ON webhook_secrets (webhook_id, id);

-- One event on its way to one endpoint, at most one row for both whatever is retried or replayed. `log` is the last attempts;
-- `attempts` counts those since it was last begun. `due_at` is null when there is nothing more to do.
CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    log TEXT NOT NULL,
    occurred_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- The feed of one community, and of a time.
CREATE INDEX events_of_community ON events (community_id, position) WHERE position IS NOT NULL;
CREATE INDEX events_by_time ON events (occurred_at, id);
