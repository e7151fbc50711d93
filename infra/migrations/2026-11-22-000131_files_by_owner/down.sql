DROP INDEX files_by_owner;
