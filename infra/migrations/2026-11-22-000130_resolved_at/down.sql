DROP INDEX repair_tickets_resolved;
CREATE INDEX repair_tickets_resolved ON repair_tickets (updated_at) WHERE state = 'resolved';
ALTER TABLE repair_tickets DROP COLUMN resolved_at;
