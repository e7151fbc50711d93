DROP INDEX home_bindings_leases;
CREATE INDEX homes_to_derive ON homes (community_id, derived_until) WHERE derived_until IS NOT NULL;
DROP INDEX homes_due;
