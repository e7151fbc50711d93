-- A person's entries have numbers, given while their account is held: 1, 2, … Ids are made before anybody waits for an account, so
-- their order is not the order in which things were posted. Funds are in every posting and number nothing.
--
-- `entries` of an account: how many there are. `entered_at`: when the last was made; no later one is earlier.
ALTER TABLE ledger_accounts ADD COLUMN entries BIGINT;
ALTER TABLE ledger_accounts ADD COLUMN entered_at BIGINT;
ALTER TABLE ledger_entries ADD COLUMN number BIGINT;

-- What is there is numbered by time, then by id. Of entries that were posted at once nobody knows the order any more; what the account
-- held after each is reckoned in the order that they have now, so that statements add up.
UPDATE ledger_entries SET number = n.number, balance_after = n.held
FROM (
    SELECT e.id, ROW_NUMBER() OVER (PARTITION BY e.account_id ORDER BY e.occurred_at, e.id) AS number,
        CAST(SUM(e.amount) OVER (PARTITION BY e.account_id ORDER BY e.occurred_at, e.id) AS BIGINT) AS held
    FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id WHERE a.person_id IS NOT NULL
) AS n
WHERE n.id = ledger_entries.id;
UPDATE ledger_accounts SET
    entries = (SELECT COUNT(*) FROM ledger_entries e WHERE e.account_id = ledger_accounts.id),
    entered_at = (SELECT MAX(e.occurred_at) FROM ledger_entries e WHERE e.account_id = ledger_accounts.id)
WHERE person_id IS NOT NULL;

DROP INDEX ledger_entries_by_account;
CREATE UNIQUE INDEX ledger_entries_numbered ON ledger_entries (account_id, number) WHERE number IS NOT NULL;
CREATE INDEX ledger_entries_by_time ON ledger_entries (account_id, occurred_at) WHERE number IS NOT NULL;
