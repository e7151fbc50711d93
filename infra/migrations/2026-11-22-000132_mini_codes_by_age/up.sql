-- Codes of shifts that are long over are forgotten.
CREATE INDEX mini_codes_by_age ON mini_codes (created_at);
