DROP INDEX notices_by_msgid; ALTER TABLE notices DROP COLUMN msgid; ALTER TABLE notices DROP COLUMN read_at;
DROP TABLE mini_codes; DROP TABLE wechat_pushes; DROP TABLE content_checks;
