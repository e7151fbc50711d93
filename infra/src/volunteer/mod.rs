//! Volunteer service 志愿服务 as it is remembered: activities, shifts with their posts, sign-ups, hours, certificates.
//!
//! What moves a pool goes through `seat`: the person's record first, then the post, then the sign-up. Everybody takes
//! them in this order, so nobody waits in a circle; and a sign-up is written only after the post was moved. Who changes an
//! activity or its shifts as a whole takes the activity before any of these.

mod activity;
mod certificate;
mod consent;
mod hours;
mod label;
mod person;
mod reminder;
mod row;
mod rules;
mod seat;
mod shift;
mod sign_up;
mod swap;

pub use self::activity::{Filter, Sight, activities, activity, hold_activity, save_activity};
pub use self::certificate::{certificate, certificates_of, save_certificate};
pub use self::consent::{consent, consents_of, kin, live_consents_of, save_consent, unconsented};
pub use self::hours::{Served, add_hours, minutes_by_community, minutes_of, ranking, set_ranked};
pub use self::label::{Labels, labels};
pub use self::person::{Asking, PersonFacts, Wait, facts_of, record_moves, touch, volunteer, waits};
pub use self::reminder::{forget_reminders, remind, to_remind};
pub use self::rules::{Rules, rules, save_rules};
pub use self::seat::{Decision, Look, call_off, due_shifts, give_up, hold, join, resize, settled, with_seat};
pub use self::shift::{opening, roster_of, save_shift, shift, shifts, shifts_of};
pub use self::sign_up::{SignUpFilter, Waiting, claims_in, positions, save_sign_up, sign_up, sign_ups, sign_ups_by_ids};
pub use self::swap::{earlier, save_swap, swap, swaps_of};
