-- When a ticket next warns or escalates. Promises that were given before have no alarms.
ALTER TABLE repair_tickets ADD COLUMN alarm_at BIGINT;
CREATE INDEX repair_tickets_by_alarm ON repair_tickets (alarm_at) WHERE alarm_at IS NOT NULL;
