-- All checks of a thing: a partial index is used only for a statement with literals, and such a one is prepared anew each time.
DROP INDEX content_checks_withheld;
CREATE INDEX content_checks_by_subject ON content_checks (subject_id);
