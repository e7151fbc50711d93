//! The round as it is remembered, and its steps.

use super::draft::{Calendar, ConsentText, RoundDraft, Seats, SeatsInput, Stage, plan};
use super::machine::{Action, MACHINE, Party, State};
use super::zone::{Zone, ZonePlace, ZoneSite, schools_for};
use super::{Plan, Reason};
use crate::actor::{Actor, CommunityId, PrincipalId, PrincipalKind, Role};
use crate::enrolment::rules::RuleSet;
use crate::enrolment::{RoundId, SchoolId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::time::{Date, Timestamp};
use crate::kernel::workflow::Denied;
use crate::registry::BuildingId;

/// Everything that is remembered of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: RoundId,
    pub version: i64,
    pub community: CommunityId,
    pub state: State,
    pub title: String,
    pub school_year: i64,
    pub stage: Stage,
    pub born_from: Date,
    pub born_to: Date,
    pub calendar: Calendar,
    pub rules: RuleSet,
    /// 1 for the first rules of the draft, one more whenever others take their place.
    pub rules_version: i64,
    pub seats: Seats,
    pub zones: Vec<Zone>,
    pub announcement: Option<String>,
    /// What guardians agree to, where the round says so.
    pub consent: Option<ConsentText>,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
    pub announced_at: Option<Timestamp>,
}

/// A round that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    facts: Facts,
}

/// What a step is taken with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Why it is taken before the window's end.
    pub early: Option<Reason>,
    /// Applications in `objection`, or in review again because of one; counted for `finish`.
    pub pending_objections: i64,
    /// Applications that nobody has decided about: handed in, in review, or verified by one. Objections among them.
    pub undecided: i64,
    /// The last instant at which an open offer still waits for an answer; for `finish`.
    pub offers_until: Option<Timestamp>,
}

/// Why a decision about a round is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NotForYou,
    WrongState {
        state: State,
    },
    /// Families may still use the window that this step would end; an early step needs a reason.
    TooEarly {
        ends_at: Timestamp,
    },
    ObjectionsPending,
    /// Whoever is not decided about would be passed over in silence; going on all the same needs a reason.
    Undecided {
        applications: i64,
    },
    /// Seats were offered; from then on a plan is only raised.
    SeatsLowered,
    /// A changed plan that was published needs a reason.
    ReasonMissing,
    /// The values are wrong (422).
    Faults(Vec<Fault>),
}

impl Refusal {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::TooEarly { .. } => "too_early",
            Self::ObjectionsPending => "objections_pending",
            Self::Undecided { .. } => "undecided",
            Self::SeatsLowered => "seats_lowered",
            Self::ReasonMissing => "reason_missing",
            Self::Faults(_) => "values_invalid",
        }
    }
}

impl Round {
    /// Who sees drafts.
    pub const MAKERS: &'static [Role] = &[Role::EnrolmentAdmin, Role::EnrolmentReviewer, Role::Auditor];

    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::Faults`] with all of them. That the schools exist is for the caller to look up.
    pub fn create(id: RoundId, community: CommunityId, draft: &RoundDraft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !by.is_any(&[Role::EnrolmentAdmin], community) {
            return Err(Refusal::NotForYou);
        }
        let checked = draft.check().map_err(Refusal::Faults)?;
        let facts = Facts {
            id,
            version: 1,
            community,
            state: State::Draft,
            title: checked.title,
            school_year: draft.school_year,
            stage: draft.stage,
            born_from: draft.born_from,
            born_to: draft.born_to,
            calendar: draft.calendar,
            rules: checked.rules,
            rules_version: 1,
            seats: Seats { version: 1, plan: checked.plan },
            zones: checked.zones,
            announcement: checked.announcement,
            consent: checked.consent,
            created_by: by.id,
            created_at: now,
            announced_at: None,
        };
        let event = Event::new("enrolment_round.created", Some(by.id), now).with("state", State::Draft);
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    pub fn restore(facts: Facts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What this actor may do with the round. A step before its window's end is among them: it only asks for more.
    pub fn allowed_actions(&self, actor: &Actor) -> Vec<Action> {
        Self::actions_in(self.facts.state, self.facts.community, actor)
    }

    /// The same of a round of which no more is known than this.
    pub fn actions_in(state: State, community: CommunityId, actor: &Actor) -> Vec<Action> {
        MACHINE.actions(state, Self::parties(community, actor))
    }

    fn parties(community: CommunityId, actor: &Actor) -> &'static [Party] {
        if actor.is_any(&[Role::EnrolmentAdmin], community) { &[Party::EnrolmentAdmin] } else { &[] }
    }

    fn guard(&self, action: Action, actor: &Actor) -> Result<(), Refusal> {
        let parties = Self::parties(self.facts.community, actor);
        MACHINE.check(action, self.facts.state, parties).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState { state: self.facts.state },
        })
    }

    fn is_run_by(&self, actor: &Actor) -> bool {
        actor.is_any(&[Role::EnrolmentAdmin], self.facts.community)
    }

    /// Whether somebody may look at what an allocation would be: whoever runs the round, between the listing and the allocation.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn previews(f: &Facts, actor: &Actor) -> Result<(), Refusal> {
        if !actor.is_any(&[Role::EnrolmentAdmin], f.community) {
            return Err(Refusal::NotForYou);
        }
        if f.state == State::Listed { Ok(()) } else { Err(Refusal::WrongState { state: f.state }) }
    }

    /// Whether this person sees the round: drafts are for those who make them ([`Round::MAKERS`]), and what is published for
    /// residents anywhere and for the community's staff.
    pub fn visible_to(&self, actor: &Actor) -> bool {
        let f = &self.facts;
        let told = actor.kind == PrincipalKind::Resident || actor.communities_as(Role::ALL).contains(f.community);
        f.state != State::Draft && told || actor.is_any(Self::MAKERS, f.community)
    }

    /// Other values for a draft.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] once it is published: families rely on what they read.
    pub fn replace(mut self, draft: &RoundDraft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !self.is_run_by(by) {
            return Err(Refusal::NotForYou);
        }
        if self.facts.state != State::Draft {
            return Err(Refusal::WrongState { state: self.facts.state });
        }
        let checked = draft.check().map_err(Refusal::Faults)?;
        let f = &mut self.facts;
        f.rules_version += i64::from(f.rules != checked.rules);
        (f.title, f.rules, f.zones, f.announcement) = (checked.title, checked.rules, checked.zones, checked.announcement);
        (f.seats.plan, f.consent) = (checked.plan, checked.consent);
        (f.school_year, f.stage, f.born_from, f.born_to) = (draft.school_year, draft.stage, draft.born_from, draft.born_to);
        f.calendar = draft.calendar;
        let event = Event::new("enrolment_round.updated", Some(by.id), now);
        Ok(self.changed(event))
    }

    /// Takes the next step. What the step does to applications (listing, placing) is decided there, one by one, in the
    /// same transaction.
    ///
    /// # Errors
    /// [`Refusal::TooEarly`] before the end of a window without a reason; [`Refusal::ObjectionsPending`];
    /// [`Refusal::Undecided`] before the lists, the seats and the end, without a reason.
    pub fn step(mut self, action: Action, with: Step, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(action, by)?;
        // An offer that was made late has its days, too.
        let ends = self.ends(action).max(with.offers_until.filter(|_| action == Action::Finish));
        let early = ends.filter(|ends_at| now < *ends_at);
        if let Some(ends_at) = early
            && with.early.is_none()
        {
            return Err(Refusal::TooEarly { ends_at });
        }
        if action == Action::Finish && with.pending_objections > 0 {
            return Err(Refusal::ObjectionsPending);
        }
        let applications = if matches!(action, Action::List | Action::Allocate | Action::Finish) { with.undecided } else { 0 };
        if applications > 0 && with.early.is_none() {
            return Err(Refusal::Undecided { applications });
        }
        let Some(to) = MACHINE.edges.iter().find(|e| e.action == action && e.from == self.facts.state).map(|e| e.to) else {
            return Err(Refusal::WrongState { state: self.facts.state });
        };
        let from = std::mem::replace(&mut self.facts.state, to);
        if to == State::Announced {
            self.facts.announced_at = Some(now);
        }
        let event = Event::new(action.event(), Some(by.id), now).with("from", from).with("state", to);
        // A reason that was not needed is not kept: the history would read as if something had been cut short.
        let event = if early.is_some() { event.with("early", true) } else { event };
        let event = if applications > 0 { event.with("undecided", applications) } else { event };
        let event = if early.is_some() || applications > 0 { event.noting(with.early.map(Reason::into_string)) } else { event };
        Ok(self.changed(event))
    }

    /// The end of the window (for opening: its beginning) that a step must not come before without a reason.
    fn ends(&self, action: Action) -> Option<Timestamp> {
        let c = &self.facts.calendar;
        match action {
            Action::Publish | Action::Announce => None,
            Action::Open => Some(c.register_from),
            Action::Close => Some(c.register_to),
            Action::List => Some(c.review_to),
            Action::Allocate => Some(c.objection_to),
            Action::Finish => Some(c.confirm_to),
        }
    }

    /// Another seat plan for a round that is published, as a new version. The old plan is not lost: the caller stores
    /// each version as rows of its own.
    ///
    /// # Errors
    /// [`Refusal::SeatsLowered`] for any school once seats are allocated, because they may have been promised; and once the
    /// order of a draw is known (`drawn`), because whoever lowers a plan then knows whom it hits.
    pub fn replan(
        mut self,
        seats: &[SeatsInput],
        (reason, drawn): (Option<Reason>, bool),
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !self.is_run_by(by) {
            return Err(Refusal::NotForYou);
        }
        let f = &mut self.facts;
        if matches!(f.state, State::Draft | State::Finished) {
            return Err(Refusal::WrongState { state: f.state });
        }
        let mut faults = Faults::new();
        let plan = plan(seats, &mut faults);
        let plan = faults.into_result(Some(plan)).map_err(Refusal::Faults)?;
        let reason = reason.ok_or(Refusal::ReasonMissing)?;
        let fixed = drawn || matches!(f.state, State::Allocated | State::Announced);
        if fixed && f.seats.plan.iter().any(|(school, seats)| plan.get(school).is_none_or(|new| new < seats)) {
            return Err(Refusal::SeatsLowered);
        }
        f.seats = Seats { version: f.seats.version + 1, plan };
        let event = Event::new("enrolment_round.replanned", Some(by.id), now).with("plan_version", f.seats.version);
        Ok(self.changed(event.noting(reason.into_string())))
    }

    fn changed(mut self, event: Event) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, vec![event])
    }
}

impl Facts {
    /// Whether families may hand in now: the round is open, and the calendar says so too.
    pub fn registering(&self, now: Timestamp) -> bool {
        self.state == State::Open && self.calendar.register_from <= now && now < self.calendar.register_to
    }

    pub fn in_birth_window(&self, born_on: Date) -> bool {
        (self.born_from..=self.born_to).contains(&born_on)
    }

    pub fn plan(&self) -> &Plan {
        &self.seats.plan
    }

    /// The schools whose zone a home is in, on the day on which the register opens.
    pub fn zone_schools(&self, site: &ZoneSite) -> Vec<SchoolId> {
        schools_for(&self.zones, site, self.calendar.register_from.date())
    }

    /// The buildings of the zones of these schools, on the day on which the register opens.
    pub fn zone_buildings(&self, schools: &[SchoolId]) -> Vec<BuildingId> {
        let day = self.calendar.register_from.date();
        let zones = self.zones.iter().filter(|zone| schools.contains(&zone.school) && zone.holds(day));
        let mut buildings: Vec<_> =
            zones.filter_map(|zone| if let ZonePlace::Building(building) = zone.place { Some(building) } else { None }).collect();
        buildings.sort_unstable();
        buildings.dedup();
        buildings
    }

    /// Until when an offer made (or announced, whichever is later) at this instant waits for an answer: the
    /// confirmation's end, or three days where less is left.
    pub fn offer_ends(&self, from: Timestamp) -> Timestamp {
        self.calendar.confirm_to.max(from.plus_seconds(crate::enrolment::OFFER_S))
    }
}
