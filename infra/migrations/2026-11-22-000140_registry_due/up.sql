-- What the calendar makes due is looked for in all communities at once.
CREATE INDEX homes_due ON homes (derived_until) WHERE derived_until IS NOT NULL;
DROP INDEX homes_to_derive;
CREATE INDEX home_bindings_leases ON home_bindings (until_on) WHERE state = 'active';
