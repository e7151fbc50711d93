DROP INDEX ledger_draws_by_lot;
DROP INDEX volunteer_swaps_by_own;
DROP INDEX delegations_by_grantor;
DROP INDEX home_bindings_by_community;
