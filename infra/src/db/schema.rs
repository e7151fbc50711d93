//! The tables as Diesel knows them; `migrations/` explains them.

diesel::table! { principals (id) { id -> Text, kind -> Text, display_name -> Text, disabled_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { residents (principal_id) { principal_id -> Text, openid_index -> Binary, openid_sealed -> Binary, phone_index -> Nullable<Binary>, phone_sealed -> Nullable<Binary>, phone_bound_at -> Nullable<BigInt>, } }

diesel::table! { staff (principal_id) { principal_id -> Text, username -> Text, password_hash -> Text, password_changed_at -> BigInt, totp_sealed -> Nullable<Binary>, totp_step -> BigInt, openid_sealed -> Nullable<Binary>, } }

diesel::table! { login_failures (name_index) { name_index -> Binary, failures -> BigInt, locked_until -> Nullable<BigInt>, last_at -> BigInt, } }

diesel::table! { role_grants (principal_id, community_id, role) { principal_id -> Text, community_id -> Text, role -> Text, granted_at -> BigInt, } }

diesel::table! { sessions (id) { id -> Text, principal_id -> Text, generation -> BigInt, rotated_at -> BigInt, created_at -> BigInt, idle_until -> BigInt, ends_at -> BigInt, ended_at -> Nullable<BigInt>, end_reason -> Nullable<Text>, } }

diesel::table! { communities (id) { id -> Text, code -> Text, name -> Text, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { homes (id) { id -> Text, community_id -> Text, label -> Text, version -> BigInt, created_at -> BigInt, } }

diesel::table! { home_bindings (id) { id -> Text, community_id -> Text, home_id -> Text, principal_id -> Text, relation -> Text, state -> Text, version -> BigInt, created_at -> BigInt, ended_at -> Nullable<BigInt>, } }

diesel::table! { files (id) { id -> Text, owner_id -> Text, subject_id -> Nullable<Text>, sha256 -> Text, content_type -> Text, size -> BigInt, created_at -> BigInt, } }

diesel::table! { repair_categories (community_id, code) { community_id -> Text, code -> Text, name -> Text, dispatch -> Text, accept_within_s -> BigInt, arrive_within_s -> BigInt, resolve_within_s -> BigInt, calendar -> Text, chargeable -> Bool, photos_required -> Bool, active -> Bool, version -> BigInt, updated_at -> BigInt, } }

diesel::table! { repair_tickets (id) { id -> Text, community_id -> Text, category -> Text, state -> Text, reporter_id -> Text, worker_id -> Nullable<Text>, home_id -> Nullable<Text>, title -> Text, detail -> Text, due_at -> Nullable<BigInt>, version -> BigInt, created_at -> BigInt, updated_at -> BigInt, } }

diesel::table! { repair_ticket_homes (home_id, ticket_id) { home_id -> Text, ticket_id -> Text, } }

diesel::table! { events (id) { id -> Text, community_id -> Text, #[sql_name = "type"] kind -> Text, subject_id -> Text, subject_version -> BigInt, actor_id -> Nullable<Text>, data -> Text, note -> Nullable<Text>, notices -> Nullable<Text>, occurred_at -> BigInt, position -> Nullable<BigInt>, } }

diesel::table! { notices (id) { id -> Text, event_id -> Text, recipient_id -> Text, template -> Text, state -> Text, attempts -> BigInt, due_at -> Nullable<BigInt>, error -> Nullable<Text>, created_at -> BigInt, } }

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

diesel::table! { ledger_accounts (id) { id -> Text, unit -> Text, person_id -> Nullable<Text>, community_id -> Nullable<Text>, fund -> Nullable<Text>, balance -> Nullable<BigInt>, expires_next_at -> Nullable<BigInt>, created_at -> BigInt, } }

diesel::table! { ledger_transactions (id) { id -> Text, community_id -> Text, source_kind -> Text, source_id -> Text, reason -> Nullable<Text>, reverses -> Nullable<Text>, actor_id -> Nullable<Text>, occurred_at -> BigInt, } }

diesel::table! { ledger_entries (id) { id -> Text, transaction_id -> Text, account_id -> Text, amount -> BigInt, balance_after -> Nullable<BigInt>, occurred_at -> BigInt, } }

diesel::table! { ledger_lots (id) { id -> Text, account_id -> Text, granted -> BigInt, remaining -> BigInt, expired -> BigInt, granted_at -> BigInt, expires_at -> Nullable<BigInt>, } }

diesel::table! { ledger_draws (transaction_id, lot_id) { transaction_id -> Text, lot_id -> Text, amount -> BigInt, } }

diesel::joinable!(sessions -> principals (principal_id));
diesel::joinable!(staff -> principals (principal_id));
diesel::joinable!(role_grants -> principals (principal_id));

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
    repair_ticket_homes,
    events,
    notices,
    notice_credits,
);

diesel::allow_tables_to_appear_in_same_query!(volunteer_activities, volunteer_shifts, volunteer_posts, volunteer_sign_ups, volunteer_consents, volunteer_records, volunteer_swaps, volunteer_hours, volunteer_rules, volunteer_certificates, principals);
diesel::allow_tables_to_appear_in_same_query!(ledger_accounts, ledger_transactions, ledger_entries, ledger_lots, ledger_draws);
