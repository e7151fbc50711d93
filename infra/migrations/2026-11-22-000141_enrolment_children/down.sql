DROP INDEX enrolment_applications_by_child;
DROP TABLE enrolment_child_held;
