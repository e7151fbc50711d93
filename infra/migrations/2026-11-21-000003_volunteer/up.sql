-- Volunteer service 志愿服务, and the ledger 账本 in which its points stand.

-- `detail` is what is shown and not searched by: description, place, eligibility. `published_at` says that residents have
-- seen it: a draft that was cancelled stays among the leaders.
CREATE TABLE volunteer_activities (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    points_per_hour BIGINT NOT NULL,
    max_hours BIGINT NOT NULL,
    flexible BOOLEAN NOT NULL,
    per_household BIGINT,
    hold_s BIGINT NOT NULL,
    created_by TEXT NOT NULL REFERENCES principals (id),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    published_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX volunteer_activities_by_community ON volunteer_activities (community_id, id);

CREATE TABLE volunteer_shifts (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    activity_id TEXT NOT NULL REFERENCES volunteer_activities (id),
    state TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    sign_up_opens_at BIGINT,
    cancel_before_s BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX volunteer_shifts_by_activity ON volunteer_shifts (activity_id, starts_at, id);

-- A post 岗位 is a pool of places. The counters move by conditional, relative UPDATEs only; the conditions stand here once
-- more, so that not even a hand in the database oversells.
CREATE TABLE volunteer_posts (
    shift_id TEXT NOT NULL REFERENCES volunteer_shifts (id),
    number BIGINT NOT NULL,
    name TEXT,
    capacity BIGINT NOT NULL,
    waitlist_capacity BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    offered BIGINT NOT NULL,
    waitlisted BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    due_at BIGINT,
    moves BIGINT NOT NULL,
    PRIMARY KEY (shift_id, number),
    CHECK (taken >= 0 AND offered >= 0 AND waitlisted >= 0),
    CHECK (taken + offered <= capacity),
    CHECK (waitlisted <= waitlist_capacity)
);
CREATE INDEX volunteer_posts_waiting ON volunteer_posts (shift_id) WHERE offered + waitlisted > 0;

-- One resident's claim on one shift; of those that still stand, one a shift.
CREATE TABLE volunteer_sign_ups (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    shift_id TEXT NOT NULL REFERENCES volunteer_shifts (id),
    post BIGINT NOT NULL,
    resident_id TEXT NOT NULL REFERENCES principals (id),
    household_id TEXT,
    state TEXT NOT NULL,
    number BIGINT,
    offered_until BIGINT,
    checked_in_at BIGINT,
    checked_out_at BIGINT,
    minutes BIGINT,
    points BIGINT,
    version BIGINT NOT NULL,
    signed_up_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX volunteer_sign_ups_once ON volunteer_sign_ups (shift_id, resident_id) WHERE state NOT IN ('cancelled', 'expired');
CREATE INDEX volunteer_sign_ups_by_resident ON volunteer_sign_ups (resident_id, id);
CREATE INDEX volunteer_sign_ups_by_post ON volunteer_sign_ups (shift_id, post, state, number);
CREATE INDEX volunteer_sign_ups_by_shift ON volunteer_sign_ups (shift_id, id);

-- The guardian's word with which a minor signed up.
CREATE TABLE volunteer_consents (
    sign_up_id TEXT NOT NULL PRIMARY KEY REFERENCES volunteer_sign_ups (id),
    version TEXT NOT NULL,
    guardian_id TEXT NOT NULL REFERENCES principals (id),
    agreed_at BIGINT NOT NULL
);

-- One row a volunteer. Every command on a sign-up of theirs moves it first, so that two of one person's sign-ups at the
-- same time, for shifts that clash, come one after the other. `ranked`: they agreed to be named in the ranking.
CREATE TABLE volunteer_records (
    resident_id TEXT NOT NULL PRIMARY KEY REFERENCES principals (id),
    moves BIGINT NOT NULL,
    ranked BOOLEAN NOT NULL
);

CREATE TABLE volunteer_swaps (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    own_id TEXT NOT NULL REFERENCES volunteer_sign_ups (id),
    other_id TEXT NOT NULL REFERENCES volunteer_sign_ups (id),
    proposer_id TEXT NOT NULL REFERENCES principals (id),
    partner_id TEXT NOT NULL REFERENCES principals (id),
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    proposed_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX volunteer_swaps_once ON volunteer_swaps (own_id, other_id) WHERE state = 'proposed';
CREATE INDEX volunteer_swaps_by_proposer ON volunteer_swaps (proposer_id, id);
CREATE INDEX volunteer_swaps_by_partner ON volunteer_swaps (partner_id, id);

-- Hours 志愿时长: added when a sign-up is settled, never changed. `served_on` is a calendar day, 2026-03-07.
CREATE TABLE volunteer_hours (
    sign_up_id TEXT NOT NULL PRIMARY KEY REFERENCES volunteer_sign_ups (id),
    community_id TEXT NOT NULL REFERENCES communities (id),
    activity_id TEXT NOT NULL REFERENCES volunteer_activities (id),
    resident_id TEXT NOT NULL REFERENCES principals (id),
    minutes BIGINT NOT NULL CHECK (minutes >= 0),
    served_on TEXT NOT NULL,
    credited_at BIGINT NOT NULL
);
CREATE INDEX volunteer_hours_by_resident ON volunteer_hours (resident_id, community_id);
CREATE INDEX volunteer_hours_by_day ON volunteer_hours (community_id, served_on);

-- What a community has decided about absences and points; without a row, the defaults hold.
CREATE TABLE volunteer_rules (
    community_id TEXT NOT NULL PRIMARY KEY REFERENCES communities (id),
    strikes BIGINT NOT NULL,
    within_days BIGINT NOT NULL,
    block_days BIGINT NOT NULL,
    costs_points BIGINT NOT NULL,
    points_per_month BIGINT,
    points_last_days BIGINT,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE volunteer_certificates (
    code TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    resident_id TEXT NOT NULL REFERENCES principals (id),
    masked_name TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    issuer TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_by TEXT,
    revoked_because TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX volunteer_certificates_by_resident ON volunteer_certificates (resident_id, issued_at);

-- An account belongs to a person, or is a fund of a community. Only a person's keeps its balance: a fund stands in every
-- posting and would be the one row that all wait for. `expires_next_at`: nothing of it expires before.
CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    unit TEXT NOT NULL,
    person_id TEXT REFERENCES principals (id),
    community_id TEXT REFERENCES communities (id),
    fund TEXT,
    balance BIGINT CHECK (balance >= 0),
    expires_next_at BIGINT,
    created_at BIGINT NOT NULL,
    CHECK ((person_id IS NULL) <> (fund IS NULL))
);
CREATE UNIQUE INDEX ledger_accounts_of_person ON ledger_accounts (person_id, unit) WHERE person_id IS NOT NULL;
CREATE UNIQUE INDEX ledger_accounts_of_fund ON ledger_accounts (community_id, fund, unit) WHERE fund IS NOT NULL;

-- Written first: a source posts once, and nothing is reversed twice.
CREATE TABLE ledger_transactions (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    source_kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    reason TEXT,
    reverses TEXT REFERENCES ledger_transactions (id),
    actor_id TEXT,
    occurred_at BIGINT NOT NULL,
    UNIQUE (source_kind, source_id)
);
CREATE UNIQUE INDEX ledger_transactions_reversed ON ledger_transactions (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX ledger_transactions_by_community ON ledger_transactions (community_id, id);

-- Two a transaction, which sum to zero. `balance_after` stands with the person's.
CREATE TABLE ledger_entries (
    id TEXT NOT NULL PRIMARY KEY,
    transaction_id TEXT NOT NULL REFERENCES ledger_transactions (id),
    account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
    amount BIGINT NOT NULL CHECK (amount <> 0),
    balance_after BIGINT,
    occurred_at BIGINT NOT NULL,
    UNIQUE (transaction_id, account_id)
);
CREATE INDEX ledger_entries_by_account ON ledger_entries (account_id, id);

-- What was granted at once and expires at once.
CREATE TABLE ledger_lots (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
    granted BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT,
    CHECK (remaining >= 0 AND remaining <= granted)
);
CREATE INDEX ledger_lots_left ON ledger_lots (account_id) WHERE remaining > 0;

-- Which lots a transaction opened (with what was granted) or drew from (negative), for a reversal to find.
CREATE TABLE ledger_draws (
    transaction_id TEXT NOT NULL REFERENCES ledger_transactions (id),
    lot_id TEXT NOT NULL REFERENCES ledger_lots (id),
    amount BIGINT NOT NULL,
    PRIMARY KEY (transaction_id, lot_id)
);
