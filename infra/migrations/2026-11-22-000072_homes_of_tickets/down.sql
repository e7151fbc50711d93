DROP TABLE repair_ticket_reporters;
DROP INDEX repair_ticket_homes_by_ticket;
