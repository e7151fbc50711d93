ALTER TABLE enrolment_allocations ADD COLUMN moves BIGINT NOT NULL DEFAULT 0;
DROP TABLE enrolment_seat_holders;
