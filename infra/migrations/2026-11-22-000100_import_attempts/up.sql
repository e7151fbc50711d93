-- How often an import was begun since it last got any further (`done_through`), and before which instant it is not begun again:
-- one that fails every time neither keeps the others waiting nor is tried for ever. The row goes with the import's file.
CREATE TABLE import_attempts (
    import_id TEXT NOT NULL PRIMARY KEY REFERENCES imports (id),
    attempts BIGINT NOT NULL,
    done_through BIGINT NOT NULL,
    not_before BIGINT NOT NULL
);
