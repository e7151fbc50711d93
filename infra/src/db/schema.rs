//! The tables as Diesel knows them; `migrations/` explains them.

diesel::table! { principals (id) { id -> Text, kind -> Text, display_name -> Text, disabled_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { residents (principal_id) { principal_id -> Text, openid_index -> Binary, openid_sealed -> Binary, phone_index -> Nullable<Binary>, phone_sealed -> Nullable<Binary>, phone_bound_at -> Nullable<BigInt>, } }

diesel::table! { staff (principal_id) { principal_id -> Text, username -> Text, password_hash -> Text, password_changed_at -> BigInt, totp_sealed -> Nullable<Binary>, totp_step -> BigInt, openid_sealed -> Nullable<Binary>, } }

diesel::table! { login_failures (name_index) { name_index -> Binary, failures -> BigInt, locked_until -> Nullable<BigInt>, last_at -> BigInt, } }

diesel::table! { role_grants (principal_id, community_id, role) { principal_id -> Text, community_id -> Text, role -> Text, granted_at -> BigInt, } }

diesel::table! { sessions (id) { id -> Text, principal_id -> Text, generation -> BigInt, rotated_at -> BigInt, created_at -> BigInt, idle_until -> BigInt, ends_at -> BigInt, ended_at -> Nullable<BigInt>, end_reason -> Nullable<Text>, } }

diesel::table! { api_keys (id) { id -> Text, principal_id -> Text, community_id -> Nullable<Text>, name -> Text, scopes -> Text, addresses -> Text, per_minute -> BigInt, secret_hash -> Binary, expires_at -> Nullable<BigInt>, created_by -> Nullable<Text>, created_at -> BigInt, last_used_at -> Nullable<BigInt>, revoked_at -> Nullable<BigInt>, revoked_by -> Nullable<Text>, } }

diesel::table! { communities (id) { id -> Text, code -> Text, name -> Text, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, street -> Nullable<Text>, } }

diesel::table! { homes (id) { id -> Text, community_id -> Text, label -> Text, version -> BigInt, created_at -> BigInt, building_id -> Nullable<Text>, grid_id -> Nullable<Text>, unit -> Nullable<Text>, floor -> Nullable<BigInt>, number -> Nullable<Text>, key -> Nullable<Text>, area_hundredths -> Nullable<BigInt>, occupancy_derived -> Nullable<Text>, occupancy_set -> Nullable<Text>, derived_until -> Nullable<Date>, external_code -> Nullable<Text>, } }

diesel::table! { home_bindings (id) { id -> Text, community_id -> Text, home_id -> Text, principal_id -> Text, relation -> Text, state -> Text, version -> BigInt, created_at -> BigInt, ended_at -> Nullable<BigInt>, person_id -> Nullable<Text>, until_on -> Nullable<Date>, decided_by -> Nullable<Text>, } }

diesel::table! { files (id) { id -> Text, owner_id -> Text, subject_id -> Nullable<Text>, sha256 -> Text, content_type -> Text, size -> BigInt, created_at -> BigInt, } }

diesel::table! { repair_categories (community_id, code) { community_id -> Text, code -> Text, name -> Text, dispatch -> Text, accept_within_s -> BigInt, arrive_within_s -> BigInt, resolve_within_s -> BigInt, calendar -> Text, chargeable -> Bool, photos_required -> Bool, active -> Bool, version -> BigInt, updated_at -> BigInt, } }

diesel::table! { repair_tickets (id) { id -> Text, community_id -> Text, category -> Text, state -> Text, reporter_id -> Text, worker_id -> Nullable<Text>, home_id -> Nullable<Text>, title -> Text, detail -> Text, due_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, alarm_at -> Nullable<BigInt>, resolved_at -> Nullable<BigInt>, } }

diesel::table! { repair_origins (ticket_id) { ticket_id -> Text, community_id -> Text, client_id -> Text, contact -> Nullable<Binary>, lat -> Nullable<Double>, long -> Nullable<Double>, media_url -> Nullable<Text>, created_at -> BigInt, } }

diesel::table! { repair_ticket_homes (home_id, ticket_id) { home_id -> Text, ticket_id -> Text, } }

diesel::table! { repair_ticket_reporters (principal_id, ticket_id) { principal_id -> Text, ticket_id -> Text, } }

diesel::table! { events (id) { id -> Text, community_id -> Text, #[sql_name = "type"] kind -> Text, subject_id -> Text, subject_version -> BigInt, actor_id -> Nullable<Text>, data -> Text, note -> Nullable<Text>, notices -> Nullable<Text>, occurred_at -> BigInt, position -> Nullable<BigInt>, } }

diesel::table! { notices (id) { id -> Text, event_id -> Text, recipient_id -> Text, template -> Text, state -> Text, attempts -> BigInt, due_at -> Nullable<BigInt>, error -> Nullable<Text>, created_at -> BigInt, read_at -> Nullable<BigInt>, msgid -> Nullable<Text>, } }

diesel::table! { content_checks (id) { id -> Text, community_id -> Text, subject_id -> Text, part -> Text, item -> Nullable<Text>, author_id -> Text, state -> Text, cause -> Nullable<Text>, label -> Nullable<BigInt>, trace_id -> Nullable<Text>, attempts -> BigInt, due_at -> Nullable<BigInt>, decided_by -> Nullable<Text>, decided_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { wechat_pushes (key) { key -> Text, event -> Text, received_at -> BigInt, } }

diesel::table! { mini_codes (target) { target -> Text, picture -> Binary, created_at -> BigInt, } }

diesel::table! { notice_credits (principal_id, template) { principal_id -> Text, template -> Text, credits -> BigInt, updated_at -> BigInt, } }

diesel::table! { idempotency_keys (owner, operation, key) { owner -> Text, operation -> Text, key -> Text, fingerprint -> Binary, status -> BigInt, headers -> Text, body_sealed -> Binary, created_at -> BigInt, } }

diesel::table! { job_leases (name) { name -> Text, holder -> Text, until -> BigInt, } }

diesel::table! { settings (name) { name -> Text, value -> Text, } }

diesel::table! { volunteer_activities (id) { id -> Text, community_id -> Text, state -> Text, title -> Text, detail -> Text, points_per_hour -> BigInt, max_hours -> BigInt, flexible -> Bool, per_household -> Nullable<BigInt>, hold_s -> BigInt, created_by -> Text, version -> BigInt, created_at -> BigInt, published_at -> Nullable<BigInt>, ended_at -> Nullable<BigInt>, } }

diesel::table! { volunteer_shifts (id) { id -> Text, community_id -> Text, activity_id -> Text, state -> Text, starts_at -> BigInt, ends_at -> BigInt, sign_up_opens_at -> Nullable<BigInt>, cancel_before_s -> BigInt, version -> BigInt, created_at -> BigInt, } }

diesel::table! { volunteer_posts (shift_id, number) { shift_id -> Text, number -> BigInt, name -> Nullable<Text>, capacity -> BigInt, waitlist_capacity -> BigInt, taken -> BigInt, offered -> BigInt, waitlisted -> BigInt, last_number -> BigInt, due_at -> Nullable<BigInt>, moves -> BigInt, } }

diesel::table! { volunteer_sign_ups (id) { id -> Text, community_id -> Text, shift_id -> Text, post -> BigInt, resident_id -> Text, household_id -> Nullable<Text>, state -> Text, number -> Nullable<BigInt>, offered_until -> Nullable<BigInt>, checked_in_at -> Nullable<BigInt>, checked_out_at -> Nullable<BigInt>, minutes -> Nullable<BigInt>, points -> Nullable<BigInt>, version -> BigInt, signed_up_at -> BigInt, ended_at -> Nullable<BigInt>, } }

diesel::table! { volunteer_consents (sign_up_id) { sign_up_id -> Text, version -> Text, guardian_id -> Text, agreed_at -> BigInt, } }

diesel::table! { volunteer_records (resident_id) { resident_id -> Text, moves -> BigInt, ranked -> Bool, } }

diesel::table! { volunteer_swaps (id) { id -> Text, community_id -> Text, own_id -> Text, other_id -> Text, proposer_id -> Text, partner_id -> Text, state -> Text, version -> BigInt, proposed_at -> BigInt, until_at -> BigInt, ended_at -> Nullable<BigInt>, } }

diesel::table! { volunteer_hours (sign_up_id) { sign_up_id -> Text, community_id -> Text, activity_id -> Text, resident_id -> Text, minutes -> BigInt, served_on -> Text, credited_at -> BigInt, } }

diesel::table! { volunteer_rules (community_id) { community_id -> Text, strikes -> BigInt, within_days -> BigInt, block_days -> BigInt, costs_points -> BigInt, points_per_month -> Nullable<BigInt>, points_last_days -> Nullable<BigInt>, version -> BigInt, updated_at -> BigInt, } }

diesel::table! { volunteer_certificates (code) { code -> Text, community_id -> Text, resident_id -> Text, masked_name -> Text, minutes -> BigInt, issuer -> Text, issued_at -> BigInt, revoked_at -> Nullable<BigInt>, revoked_by -> Nullable<Text>, revoked_because -> Nullable<Text>, version -> BigInt, } }

diesel::table! { volunteer_guardian_consents (id) { id -> Text, community_id -> Text, activity_id -> Text, minor_id -> Text, guardian_id -> Text, text_version -> Text, version -> BigInt, agreed_at -> BigInt, withdrawn_at -> Nullable<BigInt>, } }

diesel::table! { volunteer_reminders (sign_up_id, starts_at) { sign_up_id -> Text, starts_at -> BigInt, } }

diesel::table! { ledger_accounts (id) { id -> Text, unit -> Text, person_id -> Nullable<Text>, community_id -> Nullable<Text>, fund -> Nullable<Text>, balance -> Nullable<BigInt>, expires_next_at -> Nullable<BigInt>, created_at -> BigInt, entries -> Nullable<BigInt>, entered_at -> Nullable<BigInt>, } }

diesel::table! { ledger_transactions (id) { id -> Text, community_id -> Text, source_kind -> Text, source_id -> Text, reason -> Nullable<Text>, reverses -> Nullable<Text>, actor_id -> Nullable<Text>, occurred_at -> BigInt, } }

diesel::table! { ledger_entries (id) { id -> Text, transaction_id -> Text, account_id -> Text, amount -> BigInt, balance_after -> Nullable<BigInt>, occurred_at -> BigInt, number -> Nullable<BigInt>, } }

diesel::table! { ledger_lots (id) { id -> Text, account_id -> Text, granted -> BigInt, remaining -> BigInt, expired -> BigInt, granted_at -> BigInt, expires_at -> Nullable<BigInt>, } }

diesel::table! { ledger_draws (transaction_id, lot_id) { transaction_id -> Text, lot_id -> Text, amount -> BigInt, } }
diesel::table! { estate_groups (id) { id -> Text, community_id -> Text, name -> Text, external_code -> Nullable<Text>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { estates (id) { id -> Text, community_id -> Text, group_id -> Nullable<Text>, name -> Text, name_key -> Text, external_code -> Nullable<Text>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { grids (id) { id -> Text, community_id -> Text, name -> Text, name_key -> Text, external_code -> Nullable<Text>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { grid_staff (grid_id, principal_id) { grid_id -> Text, principal_id -> Text, community_id -> Text, } }

diesel::table! { buildings (id) { id -> Text, community_id -> Text, estate_id -> Text, grid_id -> Nullable<Text>, name -> Text, name_key -> Text, external_code -> Nullable<Text>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { home_occupancies (home_id, home_version) { home_id -> Text, home_version -> BigInt, status -> Text, set_by -> Text, set_at -> BigInt, } }

diesel::table! { people (id) { id -> Text, community_id -> Text, sealed -> Binary, name_index -> Binary, document_index -> Nullable<Binary>, phone_index -> Nullable<Binary>, external_code -> Nullable<Text>, deceased_on -> Nullable<Date>, moved_out_on -> Nullable<Date>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { registry_alterations (subject_id, subject_version, field) { subject_id -> Text, subject_version -> BigInt, field -> Text, before_sealed -> Nullable<Binary>, after_sealed -> Nullable<Binary>, altered_by -> Text, altered_at -> BigInt, } }

diesel::table! { household_facts (id) { id -> Text, community_id -> Text, person_id -> Text, home_id -> Text, kind -> Text, from_on -> Date, until_on -> Nullable<Date>, share_points -> Nullable<BigInt>, sole -> Bool, separated -> Bool, source -> Text, recorded_by -> Text, recorded_at -> BigInt, corrects -> Nullable<Text>, superseded_by -> Nullable<Text>, superseded_at -> Nullable<BigInt>, } }

diesel::table! { tags (community_id, code) { community_id -> Text, code -> Text, name -> Text, legal_basis -> Text, visible_to -> Text, valid_days -> Nullable<BigInt>, active -> Bool, version -> BigInt, updated_at -> BigInt, } }

diesel::table! { person_tags (id) { id -> Text, community_id -> Text, person_id -> Text, code -> Text, from_on -> Date, until_on -> Nullable<Date>, set_by -> Text, set_at -> BigInt, removed_by -> Nullable<Text>, removed_at -> Nullable<BigInt>, version -> BigInt, } }

diesel::table! { delegations (id) { id -> Text, community_id -> Text, behalf_account -> Nullable<Text>, behalf_person -> Nullable<Text>, delegate_id -> Text, scopes -> Text, granted_by -> Text, granted_at -> BigInt, expires_at -> BigInt, revoked_at -> Nullable<BigInt>, version -> BigInt, } }

diesel::table! { registry_proposals (id) { id -> Text, community_id -> Text, home_id -> Text, person_id -> Nullable<Text>, proposer_id -> Text, changes_sealed -> Binary, state -> Text, decided_by -> Nullable<Text>, decided_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { home_visits (id) { id -> Text, community_id -> Text, home_id -> Text, visitor_id -> Text, due_on -> Date, state -> Text, missed -> BigInt, outcome -> Nullable<Text>, note_sealed -> Nullable<Binary>, version -> BigInt, created_at -> BigInt, ended_at -> Nullable<BigInt>, } }

diesel::table! { registry_extras (subject_id, name) { subject_id -> Text, name -> Text, value_sealed -> Binary, } }

diesel::table! { imports (id) { id -> Text, community_id -> Text, kind -> Text, format -> Text, dry_run -> Bool, atomic -> Bool, state -> Text, stored_as -> Nullable<Text>, total -> Nullable<BigInt>, counts -> Text, failed -> BigInt, done_through -> BigInt, created_by -> Text, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { import_attempts (import_id) { import_id -> Text, attempts -> BigInt, done_through -> BigInt, not_before -> BigInt, } }

diesel::table! { import_errors (import_id, line, position) { import_id -> Text, line -> BigInt, position -> BigInt, column_name -> Text, code -> Text, message -> Text, } }

diesel::table! { import_diffs (import_id, line) { import_id -> Text, line -> BigInt, diff_sealed -> Binary, } }

diesel::table! { schools (id) { id -> Text, name -> Text, stage -> Nullable<Text>, created_by -> Text, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { school_communities (community_id, school_id) { community_id -> Text, school_id -> Text, } }

diesel::table! { enrolment_rounds (id) { id -> Text, community_id -> Text, state -> Text, title -> Text, school_year -> BigInt, stage -> Text, detail -> Text, zones -> Text, rules_version -> BigInt, plan_version -> BigInt, stamp -> Text, created_by -> Text, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, announced_at -> Nullable<BigInt>, } }

diesel::table! { enrolment_rule_sets (round_id, version) { round_id -> Text, version -> BigInt, rules -> Text, made_by -> Nullable<Text>, made_at -> BigInt, } }

diesel::table! { enrolment_seat_plans (round_id, version) { round_id -> Text, version -> BigInt, reason -> Nullable<Text>, made_by -> Nullable<Text>, made_at -> BigInt, } }

diesel::table! { enrolment_seats (round_id, plan_version, school_id) { round_id -> Text, plan_version -> BigInt, school_id -> Text, seats -> BigInt, } }

diesel::table! { enrolment_applications (id) { id -> Text, community_id -> Text, round_id -> Text, receipt -> Text, applicant_id -> Text, state -> Text, child_index -> Nullable<Binary>, sealed -> Nullable<Binary>, home_id -> Nullable<Text>, tier -> Nullable<Text>, batch -> Nullable<BigInt>, school_id -> Nullable<Text>, detail -> Text, due_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, } }

diesel::table! { enrolment_guardians (application_id, document_index) { application_id -> Text, document_index -> Binary, } }

diesel::table! { enrolment_choices (application_id, position) { application_id -> Text, position -> BigInt, round_id -> Text, school_id -> Text, } }

diesel::table! { enrolment_seat_uses (home_id, school_year) { home_id -> Text, school_year -> BigInt, application_id -> Text, } }

diesel::table! { enrolment_seat_holders (application_id) { application_id -> Text, home_id -> Text, since -> BigInt, } }

diesel::table! { enrolment_late_permits (round_id, applicant_id) { round_id -> Text, applicant_id -> Text, until_at -> BigInt, reason -> Text, granted_by -> Text, granted_at -> BigInt, } }

diesel::table! { enrolment_child_holds (round_id, child_index) { round_id -> Text, child_index -> Binary, application_id -> Text, until_at -> BigInt, } }

diesel::table! { enrolment_child_held (round_id, child_index, applicant_id) { round_id -> Text, child_index -> Binary, applicant_id -> Text, } }

diesel::table! { enrolment_later_draws (id) { id -> Text, community_id -> Text, round_id -> Text, number -> BigInt, document -> Text, created_by -> Text, created_at -> BigInt, revealed_at -> Nullable<BigInt>, version -> BigInt, } }

diesel::table! { enrolment_draws (id) { id -> Text, community_id -> Text, round_id -> Text, document -> Text, created_by -> Text, created_at -> BigInt, revealed_at -> Nullable<BigInt>, version -> BigInt, } }

diesel::table! { enrolment_allocations (round_id) { round_id -> Text, community_id -> Text, plan_version -> BigInt, draw_id -> Nullable<Text>, draw_decided -> Bool, digest -> Text, canonical -> Text, allocated_by -> Text, allocated_at -> BigInt, } }

diesel::table! { enrolment_traces (application_id) { application_id -> Text, round_id -> Text, trace -> Text, } }

diesel::table! { enrolment_waiting (round_id, school_id, position) { round_id -> Text, school_id -> Text, position -> BigInt, application_id -> Text, } }

diesel::table! { enrolment_purges (round_id) { round_id -> Text, community_id -> Text, applications -> BigInt, papers -> BigInt, manifest -> Text, manifest_hash -> Text, purged_at -> BigInt, } }

diesel::table! { webhooks (id) { id -> Text, community_id -> Nullable<Text>, owner_id -> Text, url -> Text, events -> Text, about -> Text, description -> Nullable<Text>, state -> Text, because -> Nullable<Text>, failing_since -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, removed_at -> Nullable<BigInt>, } }

diesel::table! { webhook_secrets (id) { id -> Text, webhook_id -> Text, secret_sealed -> Binary, created_at -> BigInt, expires_at -> Nullable<BigInt>, } }

diesel::table! { webhook_deliveries (id) { id -> Text, webhook_id -> Text, event_id -> Text, #[sql_name = "type"] kind -> Text, state -> Text, attempts -> BigInt, due_at -> Nullable<BigInt>, log -> Text, occurred_at -> BigInt, version -> BigInt, created_at -> BigInt, ended_at -> Nullable<BigInt>, } }

diesel::table! { audit_events (id) { id -> Text, community_id -> Nullable<Text>, actor_id -> Nullable<Text>, actor_kind -> Nullable<Text>, on_behalf_of -> Nullable<Text>, action -> Text, subject_id -> Nullable<Text>, result -> Text, code -> Nullable<Text>, detail -> Nullable<Text>, address -> Nullable<Text>, request_id -> Nullable<Text>, occurred_at -> BigInt, position -> Nullable<BigInt>, hash -> Nullable<Binary>, } }

diesel::joinable!(sessions -> principals (principal_id));
diesel::joinable!(staff -> principals (principal_id));
diesel::joinable!(role_grants -> principals (principal_id));
diesel::joinable!(buildings -> estates (estate_id));
diesel::joinable!(homes -> buildings (building_id));
diesel::joinable!(home_bindings -> homes (home_id));
diesel::joinable!(home_visits -> homes (home_id));
diesel::joinable!(registry_proposals -> homes (home_id));
diesel::joinable!(household_facts -> homes (home_id));
diesel::joinable!(household_facts -> people (person_id));
diesel::joinable!(person_tags -> people (person_id));
diesel::joinable!(grid_staff -> grids (grid_id));

diesel::allow_tables_to_appear_in_same_query!(
    principals,
    residents,
    staff,
    role_grants,
    sessions,
    communities,
    homes,
    home_bindings,
    files,
    repair_categories,
    repair_tickets,
    repair_origins,
    repair_ticket_homes,
    repair_ticket_reporters,
    events,
    notices,
    content_checks,
    wechat_pushes,
    mini_codes,
    notice_credits,
    estate_groups,
    estates,
    grids,
    grid_staff,
    buildings,
    home_occupancies,
    people,
    registry_alterations,
    household_facts,
    tags,
    person_tags,
    delegations,
    registry_proposals,
    home_visits,
    registry_extras,
    imports,
    import_attempts,
    import_errors,
    import_diffs,
);

diesel::allow_tables_to_appear_in_same_query!(
    volunteer_activities,
    volunteer_shifts,
    volunteer_posts,
    volunteer_sign_ups,
    volunteer_consents,
    volunteer_records,
    volunteer_swaps,
    volunteer_hours,
    volunteer_rules,
    volunteer_certificates,
    volunteer_guardian_consents,
    volunteer_reminders,
    principals
);
diesel::allow_tables_to_appear_in_same_query!(ledger_accounts, ledger_transactions, ledger_entries, ledger_lots, ledger_draws);
diesel::allow_tables_to_appear_in_same_query!(
    schools,
    school_communities,
    enrolment_rounds,
    enrolment_rule_sets,
    enrolment_seat_plans,
    enrolment_seats,
    enrolment_applications,
    enrolment_guardians,
    enrolment_choices,
    enrolment_seat_uses,
    enrolment_seat_holders,
    enrolment_traces,
    enrolment_waiting,
    enrolment_purges,
);
diesel::allow_tables_to_appear_in_same_query!(webhooks, webhook_secrets, webhook_deliveries);
diesel::allow_tables_to_appear_in_same_query!(enrolment_applications, homes);
