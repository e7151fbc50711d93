//! One check, and what it keeps from whom.

use super::{Action, Cause, CheckId, MACHINE, Part, Party, REJECTED, REVIEWERS, Reason, State, TEMPLATE, Verdict};
use crate::actor::{Actor, CommunityId, PrincipalId, PrincipalKind};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;
use crate::kernel::workflow::Denied;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub community: CommunityId,
    /// The id of the thing that it belongs to.
    pub subject: String,
    pub part: Part,
    /// Which of several: the event, the file.
    pub item: Option<String>,
    /// Who wrote it or took it.
    pub author: PrincipalId,
}

/// Everything that is remembered of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFacts {
    pub id: CheckId,
    pub version: i64,
    pub about: About,
    pub state: State,
    pub cause: Option<Cause>,
    /// The platform's own number for what it is about.
    pub label: Option<i64>,
    pub created_at: Timestamp,
    pub decided_by: Option<PrincipalId>,
    pub decided_at: Option<Timestamp>,
}

/// A check that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    facts: CheckFacts,
}

/// Why a decision about a check is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotForYou,
    WrongState,
}

impl Check {
    /// Holds what did not pass; nothing when it did.
    pub fn hold(id: CheckId, about: About, verdict: Verdict, now: Timestamp) -> Option<Changed<Self>> {
        let Verdict::Hold { cause, label } = verdict else { return None };
        let event = Event::new("content_check.held", None, now).with("part", about.part).with("cause", cause);
        let facts = CheckFacts {
            id,
            version: 1,
            about,
            state: State::Held,
            cause: Some(cause),
            label,
            created_at: now,
            decided_by: None,
            decided_at: None,
        };
        Some(Changed::created(Self { facts }, vec![event]))
    }

    /// Keeps something back until the platform has looked at it.
    pub fn wait(id: CheckId, about: About, now: Timestamp) -> Changed<Self> {
        let state = State::Waiting;
        let facts =
            CheckFacts { id, version: 1, about, state, cause: None, label: None, created_at: now, decided_by: None, decided_at: None };
        Changed::created(Self { facts }, vec![])
    }

    pub fn restore(facts: CheckFacts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &CheckFacts {
        &self.facts
    }

    /// What the platform, or its silence, says; nothing when that changes nothing, because somebody has decided or it is held
    /// already.
    pub fn judged(self, verdict: Verdict, now: Timestamp) -> Option<Changed<Self>> {
        let (action, to, cause, label) = match verdict {
            Verdict::Pass => (Action::Pass, State::Passed, None, None),
            Verdict::Hold { cause, label } => (Action::Hold, State::Held, Some(cause), label),
        };
        MACHINE.check(action, self.facts.state, &[Party::Platform]).ok()?;
        let mut check = self;
        (check.facts.cause, check.facts.label) = (cause, label);
        let events = match cause {
            Some(cause) => vec![Event::new("content_check.held", None, now).with("part", check.facts.about.part).with("cause", cause)],
            // What passes is nothing that happened to anybody.
            None => vec![],
        };
        Some(check.moved(to, events))
    }

    /// 通过: others may see it.
    pub fn approve(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let event = Event::new("content_check.approved", Some(by.id), now).with("part", self.facts.about.part);
        self.decided(Action::Approve, State::Approved, event, by, now)
    }

    /// 不通过: it stays with its author, who is told why.
    pub fn reject(self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let about = &self.facts.about;
        let event = Event::new(REJECTED, Some(by.id), now).with("part", about.part);
        let event = event.noting(reason.into_string()).telling(Some(about.author), TEMPLATE);
        self.decided(Action::Reject, State::Rejected, event, by, now)
    }

    pub fn is_rejected(&self) -> bool {
        self.facts.state == State::Rejected
    }

    /// Whether this actor may read why it was rejected: its author, and those who review.
    pub fn tells_why(&self, who: &Actor) -> bool {
        self.is_rejected() && (self.facts.about.author == who.id || reviews(who, self.facts.about.community))
    }

    fn decided(mut self, action: Action, to: State, event: Event, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(action, by)?;
        (self.facts.decided_by, self.facts.decided_at) = (Some(by.id), Some(now));
        Ok(self.moved(to, vec![event]))
    }

    fn moved(mut self, to: State, events: Vec<Event>) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.state = to;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, events)
    }

    fn guard(&self, action: Action, by: &Actor) -> Result<(), Refusal> {
        let parties: &[Party] = if reviews(by, self.facts.about.community) { &[Party::Reviewer] } else { &[] };
        MACHINE.check(action, self.facts.state, parties).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState,
        })
    }

    /// What this actor may do with it now.
    pub fn allowed_actions(&self, actor: &Actor) -> Vec<Action> {
        [Action::Approve, Action::Reject].into_iter().filter(|action| self.guard(*action, actor).is_ok()).collect()
    }
}

/// People review. A program sees as an administrator does, but its users are others.
fn reviews(actor: &Actor, community: CommunityId) -> bool {
    actor.kind == PrincipalKind::Staff && actor.is_any(REVIEWERS, community)
}

/// What of one thing others do not see, and whether that goes for the one who looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld {
    held: Vec<(Part, Option<String>)>,
    hidden: Vec<(Part, Option<String>)>,
}

impl Withheld {
    /// From the checks of one thing, for one who looks at it.
    pub fn of<'c>(checks: impl IntoIterator<Item = &'c Check>, who: &Actor) -> Self {
        let mut withheld = Self::default();
        for check in checks.into_iter().filter(|check| !check.facts.state.is_public()) {
            let about = &check.facts.about;
            let part = (about.part, about.item.clone());
            if about.author != who.id && !reviews(who, about.community) {
                withheld.hidden.push(part.clone());
            }
            withheld.held.push(part);
        }
        withheld
    }

    /// Whether this part is kept from whoever looks.
    pub fn hides(&self, part: Part, item: Option<&str>) -> bool {
        self.hidden.iter().any(|(hidden, of)| *hidden == part && of.as_deref() == item)
    }

    /// The parts that others do not see, each once, in the order of their declaration.
    pub fn parts(&self) -> Vec<Part> {
        Part::ALL.iter().copied().filter(|part| self.held.iter().any(|(held, _)| held == part)).collect()
    }
}
