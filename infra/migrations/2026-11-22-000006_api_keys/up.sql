-- Keys of client programs. The account that acts is in `principals`, under the key's own UUID; of the secret only a keyed
-- hash is kept. `scopes` and `addresses` are words between spaces. No community means all of them.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    principal_id TEXT NOT NULL UNIQUE REFERENCES principals (id),
    community_id TEXT REFERENCES communities (id),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    addresses TEXT NOT NULL,
    per_minute BIGINT NOT NULL,
    secret_hash BYTEA NOT NULL,
    expires_at BIGINT,
    created_by TEXT REFERENCES principals (id),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT,
    revoked_by TEXT REFERENCES principals (id)
);
CREATE INDEX api_keys_by_community ON api_keys (community_id, id);
