//! What an administrator asks a round to be, checked.

use serde::Serialize;

use super::Plan;
use super::zone::{Zone, ZoneInput};
use crate::enrolment::SchoolId;
use crate::enrolment::rules::{RuleSet, RuleSetInput};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::{Prose, line};
use crate::kernel::time::{Date, Timestamp};

pub const MAX_SCHOOLS: usize = 200;
pub const MAX_SEATS: i64 = 5000;
pub const MAX_ZONES: usize = 5000;

crate::words! {
    Stage { Kindergarten = "kindergarten", Primary = "primary", Junior = "junior" }
}

/// When what ends, in the order in which it happens. Each window begins where its step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Calendar {
    /// 登记: from this instant until before the next one families hand in.
    pub register_from: Timestamp,
    pub register_to: Timestamp,
    /// 审核与补正
    pub review_to: Timestamp,
    /// 公示与异议
    pub objection_to: Timestamp,
    /// 确认: until then an offer waits for an answer.
    pub confirm_to: Timestamp,
}

/// A school's seats, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatsInput {
    pub school: SchoolId,
    pub seats: i64,
}

/// The seat plan of a round, with the number that it got when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seats {
    /// 1 for the plan of the draft; one more with every change that was published.
    pub version: i64,
    pub plan: Plan,
}

/// 监护人同意书: the text that a guardian agrees to, and the name of this wording of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentText {
    pub version: String,
    pub text: String,
}

/// A round as it was typed.
#[derive(Debug, Clone)]
pub struct RoundDraft<'a> {
    pub title: &'a str,
    /// The year in which school begins.
    pub school_year: i64,
    pub stage: Stage,
    /// The birth window, both days included.
    pub born_from: Date,
    pub born_to: Date,
    pub calendar: Calendar,
    pub rules: RuleSetInput,
    pub seat_plans: Vec<SeatsInput>,
    pub zones: Vec<ZoneInput>,
    /// 公告: what families read.
    pub announcement: Option<&'a str>,
    /// Version and text. With one, an application names this version; without, whatever text was shown is named by the family's
    /// own application.
    pub consent: Option<(&'a str, &'a str)>,
}

pub(super) struct Checked {
    pub title: String,
    pub rules: RuleSet,
    pub plan: Plan,
    pub zones: Vec<Zone>,
    pub announcement: Option<String>,
    pub consent: Option<ConsentText>,
}

impl RoundDraft<'_> {
    pub(super) fn check(&self) -> Result<Checked, Vec<Fault>> {
        let mut faults = Faults::new();
        let title = faults.take("/title", line(self.title, 80));
        faults.require((2000..=2100).contains(&self.school_year), "/school_year", "out_of_range");
        faults.require(self.born_from <= self.born_to, "/born_to", "before_born_from");
        let c = &self.calendar;
        faults.require(c.register_from < c.register_to, "/calendar/register_to", "not_after_previous");
        faults.require(c.register_to <= c.review_to, "/calendar/review_to", "not_after_previous");
        faults.require(c.review_to <= c.objection_to, "/calendar/objection_to", "not_after_previous");
        faults.require(c.objection_to <= c.confirm_to, "/calendar/confirm_to", "not_after_previous");
        let rules = match RuleSet::new(&self.rules) {
            Ok(rules) => Some(rules),
            Err(inner) => {
                inner.into_iter().for_each(|fault| faults.add(format!("/rules{}", fault.pointer), fault.code));
                None
            }
        };
        let plan = plan(&self.seat_plans, &mut faults);
        faults.require(self.zones.len() <= MAX_ZONES, "/zones", "too_many");
        let mut zones = Vec::new();
        for (i, zone) in self.zones.iter().take(MAX_ZONES).enumerate() {
            faults.require(plan.contains_key(&zone.school), &format!("/zones/{i}/school_id"), "school_not_in_round");
            zones.extend(Zone::check(zone, &format!("/zones/{i}"), &mut faults));
        }
        let announcement = faults.take("/announcement", Prose::<5000>::optional(self.announcement));
        let consent = match self.consent {
            None => Some(None),
            Some((version, text)) => {
                let version = faults.take("/consent/version", line(version, 40));
                let text = faults.take("/consent/text", Prose::<5000>::new(text));
                version.zip(text).map(|(version, text)| Some(ConsentText { version, text: text.into_string() }))
            }
        };
        let parts = title.zip(rules).zip(announcement).zip(consent);
        faults.into_result(parts.map(|(((title, rules), announcement), consent)| Checked {
            title,
            rules,
            plan,
            zones,
            announcement: announcement.map(Prose::into_string),
            consent,
        }))
    }
}

pub(super) fn plan(input: &[SeatsInput], faults: &mut Faults) -> Plan {
    faults.require(!input.is_empty(), "/seat_plans", "empty");
    faults.require(input.len() <= MAX_SCHOOLS, "/seat_plans", "too_many");
    let mut plan = Plan::new();
    for (i, seats) in input.iter().take(MAX_SCHOOLS).enumerate() {
        faults.require((0..=MAX_SEATS).contains(&seats.seats), &format!("/seat_plans/{i}/seats"), "out_of_range");
        faults.require(plan.insert(seats.school, seats.seats).is_none(), &format!("/seat_plans/{i}/school_id"), "duplicate");
    }
    plan
}
