-- Since when a ticket waits for its reporter's word: what is added to it meanwhile is a change, and does not put off the day on
-- which silence confirms it.
ALTER TABLE repair_tickets ADD COLUMN resolved_at BIGINT;
UPDATE repair_tickets SET resolved_at = COALESCE(
    (SELECT MAX(events.occurred_at) FROM events WHERE events.subject_id = repair_tickets.id AND events.type = 'repair_ticket.resolved'),
    updated_at) WHERE state = 'resolved';
DROP INDEX repair_tickets_resolved;
CREATE INDEX repair_tickets_resolved ON repair_tickets (resolved_at) WHERE state = 'resolved';
