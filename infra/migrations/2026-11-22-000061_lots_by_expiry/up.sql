-- A grant looks at what expires next, not at all that is left.
DROP INDEX ledger_lots_left;
CREATE INDEX ledger_lots_left ON ledger_lots (account_id, expires_at) WHERE remaining > 0;
