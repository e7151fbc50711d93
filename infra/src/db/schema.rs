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
