-- Those that wait for a worker, and those that are over and whose file is still to be deleted. All others have none.
CREATE INDEX imports_with_files ON imports (id) WHERE stored_as IS NOT NULL;
