//! Reports: what somebody says is broken, checked; and who they are to the home they speak of.

use std::fmt;

use super::{APPOINTMENT_WITHIN_S, Description, MAX_AFFECTED_HOMES, MAX_PHOTOS, Place, Title};
use crate::actor::{Actor, CommunityId, Forbidden, PrincipalId, Resident, Role};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::file::FileId;
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// When the reporter will be at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appointment {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// A report as it was typed.
#[derive(Clone)]
pub struct ReportDraft<'a> {
    pub title: &'a str,
    pub description: &'a str,
    pub home: Option<HomeId>,
    pub place: Option<&'a str>,
    pub affected_homes: Vec<HomeId>,
    pub photos: Vec<FileId>,
    pub appointment: Option<Appointment>,
}

/// A report that can be taken: about a home, a public place, or a spot in a home.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) home: Option<HomeId>,
    pub(super) place: Option<String>,
    pub(super) affected_homes: Vec<HomeId>,
    pub(super) photos: Vec<FileId>,
    pub(super) appointment: Option<Appointment>,
}

impl ReportDraft<'_> {
    /// # Errors
    /// All faults at once, by the field names of the report: blank or long texts, too many photos or
    /// homes, an appointment that is past, turned around, longer than thirty days or more than thirty days ahead.
    pub fn check(self, now: Timestamp) -> Result<Report, Vec<Fault>> {
        let mut faults = Faults::new();
        let title = faults.take("/title", Title::new(self.title));
        let description = faults.take("/description", Description::new(self.description));
        let place = faults.take("/place", Place::optional(self.place));
        let photos = each_once(self.photos);
        faults.require(photos.len() <= MAX_PHOTOS, "/photos", "too_many");
        let mut affected_homes = each_once(self.affected_homes);
        // The reported home is affected by its own leak; saying so twice would tell its people twice.
        affected_homes.retain(|home| Some(*home) != self.home);
        faults.require(affected_homes.len() <= MAX_AFFECTED_HOMES, "/affected_homes", "too_many");
        if let Some(appointment) = self.appointment {
            let latest = now.plus_seconds(APPOINTMENT_WITHIN_S);
            faults.require(appointment.from > now, "/appointment/from", "not_in_the_future");
            faults.require(appointment.to > appointment.from, "/appointment/to", "not_after_from");
            let within = appointment.from <= latest && appointment.to <= appointment.from.plus_seconds(APPOINTMENT_WITHIN_S);
            faults.require(within, "/appointment", "too_far_ahead");
        }
        let texts = title.zip(description).zip(place);
        faults.into_result(texts.map(|((title, description), place)| Report {
            title: title.into_string(),
            description: description.into_string(),
            home: self.home,
            place: place.map(Place::into_string),
            affected_homes,
            photos,
            appointment: self.appointment,
        }))
    }
}

/// Keeps the first of each, in their order.
fn each_once<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut once = Vec::with_capacity(all.len());
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

// What is broken in whose home is nobody's business who reads a log.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("home", &self.home).field("photos", &self.photos).finish_non_exhaustive()
    }
}

/// Who reports, and for which homes they may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    id: PrincipalId,
    homes: Homes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Homes {
    Bound(Vec<HomeId>),
    AnyIn(CommunityId),
}

impl Reporter {
    /// A resident, with the homes of the ticket's community that they are actively bound to. Without any they may
    /// still report a public place.
    pub fn resident(who: &Resident, bound: Vec<HomeId>) -> Self {
        Self { id: who.id(), homes: Homes::Bound(bound) }
    }

    /// Staff who write down what somebody told them by telephone or at the counter.
    ///
    /// # Errors
    /// [`Forbidden`], without one of the roles that hear residents out.
    pub fn staff(who: &Actor, community: CommunityId) -> Result<Self, Forbidden> {
        let hears = [Role::CommunityAdmin, Role::Dispatcher, Role::PropertyManager, Role::GridWorker];
        if who.is_any(&hears, community) { Ok(Self { id: who.id, homes: Homes::AnyIn(community) }) } else { Err(Forbidden) }
    }

    pub fn id(&self) -> PrincipalId {
        self.id
    }

    /// Whether they may report for this home (or, with none, for a public place) of this community.
    pub(super) fn speaks_for(&self, home: Option<HomeId>, community: CommunityId) -> bool {
        match &self.homes {
            Homes::Bound(bound) => home.is_none_or(|home| bound.contains(&home)),
            Homes::AnyIn(own) => *own == community,
        }
    }
}
