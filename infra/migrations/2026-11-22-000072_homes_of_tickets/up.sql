-- A ticket that others were merged into looks up its homes whenever it is saved, and those who reported them see it.
CREATE INDEX repair_ticket_homes_by_ticket ON repair_ticket_homes (ticket_id);
CREATE TABLE repair_ticket_reporters (
    principal_id TEXT NOT NULL REFERENCES principals (id),
    ticket_id TEXT NOT NULL REFERENCES repair_tickets (id),
    PRIMARY KEY (principal_id, ticket_id)
);
