DROP INDEX volunteer_shifts_by_start;
DROP TABLE volunteer_reminders;
DROP TABLE volunteer_guardian_consents;
