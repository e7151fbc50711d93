-- Whoever sits on a home's seat, with rows of `enrolment_seat_uses` or under a sibling's: when those are deleted, who is left
-- claims anew. Kept when the papers are purged, for as long as the seat is.
CREATE TABLE enrolment_seat_holders (
    application_id TEXT NOT NULL PRIMARY KEY REFERENCES enrolment_applications (id),
    home_id TEXT NOT NULL REFERENCES homes (id),
    since BIGINT NOT NULL
);
INSERT INTO enrolment_seat_holders (application_id, home_id, since)
SELECT a.id, a.home_id, a.created_at
FROM enrolment_applications a
JOIN enrolment_rounds r ON r.id = a.round_id
WHERE a.state IN ('accepted', 'enrolled') AND a.home_id IS NOT NULL
  AND EXISTS (SELECT 1 FROM enrolment_seat_uses u WHERE u.home_id = a.home_id AND u.school_year = r.school_year);
CREATE INDEX enrolment_seat_holders_by_home ON enrolment_seat_holders (home_id, since);

-- What moves a round's seats waits for the round's own row now.
ALTER TABLE enrolment_allocations DROP COLUMN moves;
