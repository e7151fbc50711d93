DROP INDEX ledger_entries_by_time;
DROP INDEX ledger_entries_numbered;
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, id);
ALTER TABLE ledger_entries DROP COLUMN number;
ALTER TABLE ledger_accounts DROP COLUMN entered_at;
ALTER TABLE ledger_accounts DROP COLUMN entries;
