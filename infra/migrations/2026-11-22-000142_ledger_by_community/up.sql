-- What was posted in a community since a day, for its ranking.
CREATE INDEX ledger_transactions_by_day ON ledger_transactions (community_id, occurred_at);
