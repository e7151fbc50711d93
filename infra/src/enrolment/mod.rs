//! School enrolment 入学登记 as it is remembered.
//!
//! Schools and rounds, for whoever builds on them:
//!
//! ```text
//! school(tx, id) -> Option<School>                      schools(tx, community?, after, limit) -> Vec<School>, oldest first
//! schools_of(tx, &[SchoolId]) -> Vec<School>            save_school(tx, Changed<School>) -> School
//!
//! Sight::of(&Actor) | Sight::everything()               who sees which rounds
//! round_facts(tx, &Sight, id) -> Option<Arc<Facts>>     shared, its rules built once for every change of the round
//! round(tx, &Sight, id) -> Option<Round>                the same, ready for a decision
//! rounds(tx, &Sight, &Filter, after, limit) -> Vec<Summary>, newest first, without rules, seats and zones
//! save_round(tx, Changed<Round>) -> Round               create, replace, step, replan: row, rules, plan, events
//! seat_plans(tx, id, after, limit) -> Vec<SeatPlan>     its versions after one, oldest first
//! rule_sets(tx, id, after, limit) -> Vec<Rules>         the same of its rules
//! lock(tx, &Sight, id) -> Option<Arc<Facts>>            one after the other; see below
//! rule_set(json) -> RuleSet                             from the JSON in which one is stored; rule_set_input before it is checked
//! registrations(tx, round, &[SchoolId]) -> u64          children registered now, for the pressure on seats
//! pending_objections(tx, round) -> i64                  what keeps a round from being finished
//! known_homes(tx, vault, account, only?)                what the registry holds of somebody's homes
//! ```
//!
//! Beside them: [`application`] (what families hand in), [`seat_use`] (whose a home's seat is), [`late`] (leave to hand in
//! late), [`draw`], [`placement`] (what an allocation left behind), [`purge`] (what is left when the papers are gone).
//!
//! A round and what is in it change in different rows, and READ COMMITTED lets two transactions read what the other is just
//! writing. So whatever lists, allocates, announces or finishes, whatever gives or frees a seat, and whatever such a step counts,
//! takes the round's [`lock`] first and reads afterwards. Handing in and first checks do not: no step decides by them.

pub mod application;
mod application_row;
mod cache;
pub mod draw;
mod known;
pub mod late;
mod listed;
pub mod placement;
pub mod purge;
mod round;
mod row;
mod rules;
mod school;
pub mod seat_use;

pub use self::known::known_homes;
pub use self::round::{
    Filter, Rules, SeatPlan, Sight, Summary, lock, pending_objections, registrations, round, round_facts, rounds, rule_sets, save_round,
    seat_plans,
};
pub use self::rules::{rule_set, rule_set_input};
pub use self::school::{save_school, school, schools, schools_of};
