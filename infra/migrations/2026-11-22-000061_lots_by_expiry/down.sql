DROP INDEX ledger_lots_left;
CREATE INDEX ledger_lots_left ON ledger_lots (account_id) WHERE remaining > 0;
