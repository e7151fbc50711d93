-- Where a ticket came from that a program reported: the spot, the picture, and the sealed contact of whoever told the program.
-- A ticket has such a row or it was reported here.
CREATE TABLE repair_origins (
    ticket_id TEXT NOT NULL PRIMARY KEY REFERENCES repair_tickets (id),
    community_id TEXT NOT NULL REFERENCES communities (id),
    client_id TEXT NOT NULL REFERENCES principals (id),
    contact BYTEA,
    lat DOUBLE PRECISION,
    long DOUBLE PRECISION,
    media_url TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX repair_origins_with_contact ON repair_origins (created_at) WHERE contact IS NOT NULL;
-- What changed lately, for those who keep a copy.
CREATE INDEX repair_tickets_by_change ON repair_tickets (community_id, updated_at);
