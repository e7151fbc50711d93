-- What was found by looking at every row.
CREATE INDEX ledger_draws_by_lot ON ledger_draws (lot_id, transaction_id);
CREATE INDEX volunteer_swaps_by_own ON volunteer_swaps (own_id);
CREATE INDEX delegations_by_grantor ON delegations (granted_by, expires_at);
CREATE INDEX home_bindings_by_community ON home_bindings (community_id, id);
