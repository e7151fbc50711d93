-- Forward only: going back is restoring a backup.
SELECT 1;
