DROP INDEX repair_tickets_by_alarm;
ALTER TABLE repair_tickets DROP COLUMN alarm_at;
