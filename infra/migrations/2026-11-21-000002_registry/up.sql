-- The registry 一房一档: places, people, and dated facts between them.
--
-- Expands the foundation's `communities`, `homes` and `home_bindings`: new columns are nullable, so rows and code of before
-- go on working; `homes.label` stays what tickets show. Days are DATE in Asia/Shanghai; an interval runs from `from_on` up to,
-- not including, `until_on`. What tells who somebody is stands sealed; `*_index` are keyed hashes, for equality only.

ALTER TABLE communities ADD COLUMN street TEXT;

CREATE TABLE estate_groups (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    name TEXT NOT NULL,
    external_code TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (community_id, name)
);

-- `name_key` is the name in the form for comparing: 12号楼 and 十二栋 are both 12.
CREATE TABLE estates (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    group_id TEXT REFERENCES estate_groups (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    external_code TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (community_id, name_key)
);
CREATE UNIQUE INDEX estates_by_code ON estates (community_id, external_code) WHERE external_code IS NOT NULL;

CREATE TABLE grids (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    external_code TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (community_id, name_key)
);
CREATE UNIQUE INDEX grids_by_code ON grids (community_id, external_code) WHERE external_code IS NOT NULL;

-- Who looks after a grid; read with every log-in of a grid worker.
CREATE TABLE grid_staff (
    grid_id TEXT NOT NULL REFERENCES grids (id),
    principal_id TEXT NOT NULL REFERENCES principals (id),
    community_id TEXT NOT NULL REFERENCES communities (id),
    PRIMARY KEY (grid_id, principal_id)
);
CREATE INDEX grid_staff_by_principal ON grid_staff (principal_id);

CREATE TABLE buildings (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    estate_id TEXT NOT NULL REFERENCES estates (id),
    grid_id TEXT REFERENCES grids (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    external_code TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (community_id, estate_id, name_key)
);
CREATE INDEX buildings_by_community ON buildings (community_id, id);
CREATE INDEX buildings_by_grid ON buildings (grid_id) WHERE grid_id IS NOT NULL;
CREATE UNIQUE INDEX buildings_by_code ON buildings (community_id, external_code) WHERE external_code IS NOT NULL;

-- `grid_id` repeats the building's, because sight goes by it. `key` is unit and number in the form for comparing, parted
-- by a slash. `occupancy_set` is a keeper's word and goes before `occupancy_derived`, what the facts say; that holds until
-- the day `derived_until`, when a fact begins or ends and it has to be worked out again.
ALTER TABLE homes ADD COLUMN building_id TEXT REFERENCES buildings (id);
ALTER TABLE homes ADD COLUMN grid_id TEXT REFERENCES grids (id);
ALTER TABLE homes ADD COLUMN unit TEXT;
ALTER TABLE homes ADD COLUMN floor BIGINT;
ALTER TABLE homes ADD COLUMN number TEXT;
ALTER TABLE homes ADD COLUMN key TEXT;
ALTER TABLE homes ADD COLUMN area_hundredths BIGINT;
ALTER TABLE homes ADD COLUMN occupancy_derived TEXT;
ALTER TABLE homes ADD COLUMN occupancy_set TEXT;
ALTER TABLE homes ADD COLUMN derived_until DATE;
ALTER TABLE homes ADD COLUMN external_code TEXT;
CREATE UNIQUE INDEX homes_by_key ON homes (building_id, key) WHERE building_id IS NOT NULL;
CREATE UNIQUE INDEX homes_by_code ON homes (community_id, external_code) WHERE external_code IS NOT NULL;
CREATE INDEX homes_by_building ON homes (building_id, id) WHERE building_id IS NOT NULL;
CREATE INDEX homes_by_grid ON homes (grid_id) WHERE grid_id IS NOT NULL;
CREATE INDEX homes_to_derive ON homes (community_id, derived_until) WHERE derived_until IS NOT NULL;

-- Every word that a keeper said about a home; the last one is `homes.occupancy_set`.
CREATE TABLE home_occupancies (
    home_id TEXT NOT NULL REFERENCES homes (id),
    home_version BIGINT NOT NULL,
    status TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (home_id, home_version)
);

-- `sealed` is name, document, telephone, sex and birth date in one, opened once for a row.
CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    sealed BYTEA NOT NULL,
    name_index BYTEA NOT NULL,
    document_index BYTEA,
    phone_index BYTEA,
    external_code TEXT,
    deceased_on DATE,
    moved_out_on DATE,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX people_by_community ON people (community_id, id);
CREATE INDEX people_by_name ON people (community_id, name_index);
CREATE UNIQUE INDEX people_by_document ON people (community_id, document_index) WHERE document_index IS NOT NULL;
CREATE INDEX people_by_phone ON people (community_id, phone_index) WHERE phone_index IS NOT NULL;
CREATE UNIQUE INDEX people_by_code ON people (community_id, external_code) WHERE external_code IS NOT NULL;

-- What was written of a person or a home before: one row for a field and the version that changed it.
CREATE TABLE registry_alterations (
    subject_id TEXT NOT NULL,
    subject_version BIGINT NOT NULL,
    field TEXT NOT NULL,
    before_sealed BYTEA,
    after_sealed BYTEA,
    altered_by TEXT NOT NULL,
    altered_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, subject_version, field)
);

-- A person and a home, tied in one way, for an interval. Never overwritten: a correction supersedes. Superseding is guarded by
-- `superseded_at IS NULL`, which is why there is no version. Shares (basis points) and sole residences are kept sound by saving
-- home and person one version on with every fact; the unique indexes catch the commonest collisions once more.
CREATE TABLE household_facts (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    home_id TEXT NOT NULL REFERENCES homes (id),
    kind TEXT NOT NULL,
    from_on DATE NOT NULL,
    until_on DATE,
    share_points BIGINT,
    sole BOOLEAN NOT NULL,
    separated BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    corrects TEXT,
    superseded_by TEXT,
    superseded_at BIGINT
);
CREATE INDEX household_facts_by_home ON household_facts (home_id, from_on);
CREATE INDEX household_facts_by_person ON household_facts (person_id, from_on);
CREATE UNIQUE INDEX household_facts_once ON household_facts (home_id, person_id, kind) WHERE superseded_at IS NULL AND until_on IS NULL;
CREATE UNIQUE INDEX household_facts_one_hukou ON household_facts (person_id) WHERE kind = 'hukou' AND superseded_at IS NULL AND until_on IS NULL;
CREATE UNIQUE INDEX household_facts_one_sole ON household_facts (person_id) WHERE sole AND superseded_at IS NULL AND until_on IS NULL;

-- `visible_to` is roles joined by blanks.
CREATE TABLE tags (
    community_id TEXT NOT NULL REFERENCES communities (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    legal_basis TEXT NOT NULL,
    visible_to TEXT NOT NULL,
    valid_days BIGINT,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (community_id, code),
    UNIQUE (community_id, name)
);

CREATE TABLE person_tags (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id),
    code TEXT NOT NULL,
    from_on DATE NOT NULL,
    until_on DATE,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    removed_by TEXT,
    removed_at BIGINT,
    version BIGINT NOT NULL,
    FOREIGN KEY (community_id, code) REFERENCES tags (community_id, code)
);
CREATE INDEX person_tags_by_person ON person_tags (person_id);
CREATE INDEX person_tags_by_code ON person_tags (community_id, code, person_id) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX person_tags_once ON person_tags (person_id, code) WHERE removed_at IS NULL AND until_on IS NULL;

-- `until_on` is the first day after a tenant's lease. The unique index of the foundation counts rows without `ended_at`, so a
-- lease that ran out is written down (settled) before the same account claims the same home again.
ALTER TABLE home_bindings ADD COLUMN person_id TEXT REFERENCES people (id);
ALTER TABLE home_bindings ADD COLUMN until_on DATE;
ALTER TABLE home_bindings ADD COLUMN decided_by TEXT;
CREATE INDEX home_bindings_by_home ON home_bindings (home_id);
CREATE INDEX home_bindings_pending ON home_bindings (community_id, id) WHERE state = 'pending';
CREATE INDEX home_bindings_by_person ON home_bindings (person_id) WHERE person_id IS NOT NULL;

-- For whom somebody acts: an account (`behalf_account`) or a person whom only the registry knows (`behalf_person`).
CREATE TABLE delegations (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    behalf_account TEXT REFERENCES principals (id),
    behalf_person TEXT REFERENCES people (id),
    delegate_id TEXT NOT NULL REFERENCES principals (id),
    scopes TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    version BIGINT NOT NULL,
    CHECK ((behalf_account IS NULL) <> (behalf_person IS NULL))
);
CREATE INDEX delegations_by_delegate ON delegations (delegate_id, expires_at);
CREATE INDEX delegations_by_account ON delegations (behalf_account) WHERE behalf_account IS NOT NULL;
CREATE INDEX delegations_by_person ON delegations (behalf_person) WHERE behalf_person IS NOT NULL;

-- `changes_sealed`: field and value, as a resident proposed them.
CREATE TABLE registry_proposals (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    home_id TEXT NOT NULL REFERENCES homes (id),
    person_id TEXT REFERENCES people (id),
    proposer_id TEXT NOT NULL REFERENCES principals (id),
    changes_sealed BYTEA NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX registry_proposals_by_state ON registry_proposals (community_id, state, id);
CREATE INDEX registry_proposals_by_proposer ON registry_proposals (proposer_id, id);

CREATE TABLE home_visits (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    home_id TEXT NOT NULL REFERENCES homes (id),
    visitor_id TEXT NOT NULL REFERENCES principals (id),
    due_on DATE NOT NULL,
    state TEXT NOT NULL,
    missed BIGINT NOT NULL,
    outcome TEXT,
    note_sealed BYTEA,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX home_visits_by_state ON home_visits (community_id, state, due_on);
CREATE INDEX home_visits_by_visitor ON home_visits (visitor_id, state, due_on);
CREATE INDEX home_visits_by_home ON home_visits (home_id, id);

-- Columns of an import that are kept without being understood.
CREATE TABLE registry_extras (
    subject_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value_sealed BYTEA NOT NULL,
    PRIMARY KEY (subject_id, name)
);

-- `done_through` is the last line whose effect is committed, so that a run after a crash goes on behind it. `counts` is how many
-- rows created, changed and left unchanged what they are about, parted by blanks. `stored_as` names the
-- file in the object store; it goes when the import is over.
CREATE TABLE imports (
    id TEXT NOT NULL PRIMARY KEY,
    community_id TEXT NOT NULL REFERENCES communities (id),
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    atomic BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    stored_as TEXT,
    total BIGINT,
    counts TEXT NOT NULL,
    failed BIGINT NOT NULL,
    done_through BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX imports_by_community ON imports (community_id, id);
CREATE INDEX imports_waiting ON imports (id) WHERE state IN ('queued', 'running');

-- What was wrong with which cell; never the value. At most 10,000 for one import.
CREATE TABLE import_errors (
    import_id TEXT NOT NULL REFERENCES imports (id),
    line BIGINT NOT NULL,
    position BIGINT NOT NULL,
    column_name TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (import_id, line, position)
);

-- What a dry run found: one row for a line that would change something, at most 1,000 for one import.
CREATE TABLE import_diffs (
    import_id TEXT NOT NULL REFERENCES imports (id),
    line BIGINT NOT NULL,
    diff_sealed BYTEA NOT NULL,
    PRIMARY KEY (import_id, line)
);
