DROP INDEX enrolment_applications_child;
DROP TABLE enrolment_later_draws;
DROP TABLE enrolment_child_holds;
CREATE UNIQUE INDEX enrolment_applications_child ON enrolment_applications (round_id, child_index) WHERE state <> 'withdrawn';
