DROP INDEX repair_tickets_by_change;
DROP TABLE repair_origins;
