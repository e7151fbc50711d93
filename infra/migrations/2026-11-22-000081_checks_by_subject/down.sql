DROP INDEX content_checks_by_subject;
CREATE INDEX content_checks_withheld ON content_checks (subject_id) WHERE state IN ('waiting', 'held', 'rejected');
