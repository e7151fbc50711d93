-- A guardian's word 监护人同意 that a minor may take part in an activity; one of each guardian's holds at a time.
CREATE TABLE volunteer_guardian_consents (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    activity_id TEXT NOT NULL REFERENCES volunteer_activities (id),
    minor_id TEXT NOT NULL REFERENCES principals (id),
    guardian_id TEXT NOT NULL REFERENCES principals (id),
    text_version TEXT NOT NULL,
    version BIGINT NOT NULL,
    agreed_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE UNIQUE INDEX volunteer_guardian_consents_once ON volunteer_guardian_consents (activity_id, minor_id, guardian_id) WHERE withdrawn_at IS NULL;
CREATE INDEX volunteer_guardian_consents_by_minor ON volunteer_guardian_consents (minor_id, id);
CREATE INDEX volunteer_guardian_consents_by_guardian ON volunteer_guardian_consents (guardian_id, id);

-- Who was reminded of what: once for a sign-up and a time of its shift. Forgotten when the shift has begun.
CREATE TABLE volunteer_reminders (
    sign_up_id TEXT NOT NULL REFERENCES volunteer_sign_ups (id),
    starts_at BIGINT NOT NULL,
    PRIMARY KEY (sign_up_id, starts_at)
);
CREATE INDEX volunteer_reminders_by_start ON volunteer_reminders (starts_at);
CREATE INDEX volunteer_shifts_by_start ON volunteer_shifts (starts_at) WHERE state = 'scheduled';
