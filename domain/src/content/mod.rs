//! 内容审核 content checks: what residents write and photograph is looked at before others see it.
//!
//! The platform's *opinion* (pass, review, risky) becomes a *verdict*: it passes, or it is *held* until somebody who reviews has
//! looked. No opinion, because the platform is away, holds too: silence is no consent. What is held is the *part*: the words of a
//! report, a comment, a note in the history, a photograph. The matter itself goes on: a burst pipe does not wait for a censor.
//!
//! A *check* is remembered for what did not pass at once. Its *author* always sees their own; *reviewers* see what they are to
//! decide about; for everybody else a held part is not there. A part that was rejected stays so.
//!
//! Not checked, on purpose: what staff write (they answer for it), what programs report (they know their users), and what is
//! handed to an authority and read by it alone: applications, objections, proposals to the registry.

mod check;
#[cfg(test)]
mod tests;

pub use self::check::{About, Check, CheckFacts, Refusal, Withheld};

use crate::actor::Role;
use crate::kernel::text::Prose;
use crate::kernel::workflow::{Edge, Machine, edge};

crate::ids! {
    /// A check of something that did not pass at once.
    CheckKind, CheckId = "chk";
}

/// Why something was rejected: the author reads it.
pub type Reason = Prose<500>;

/// Those who decide about what is held, in their community. A dispatcher is among them: who sends somebody to a leak has to
/// read where it is, most of all on a day on which the platform is away.
pub const REVIEWERS: &[Role] = &[Role::CommunityAdmin, Role::Dispatcher];

/// A picture whose verdict has not come after so many seconds is held. The platform promises half an hour.
pub const VERDICT_WITHIN_S: i64 = 35 * 60;
/// Tries to have a picture looked at before it is held.
pub const ATTEMPTS: i64 = 5;
pub const FIRST_RETRY_S: i64 = 10;

/// What a rejection leaves in the history, with the reason as its note.
pub const REJECTED: &str = "content_check.rejected";

/// The notice to the author of what was rejected, in the words of the thing it belongs to.
pub const TEMPLATE: &str = crate::repair::template::PROGRESS;

crate::words! {
    /// What is looked at.
    Part {
        /// Title, description and place of a report.
        Words = "words",
        /// The comment beside a rating.
        Comment = "comment",
        /// A reason, which stands in the history; `item` is the event.
        Note = "note",
        /// `item` is the file.
        Photo = "photo",
    }

    /// How the platform judges.
    Suggest { Pass = "pass", Review = "review", Risky = "risky" }

    /// Why something is held.
    Cause {
        /// The platform wants a person to look.
        Review = "review",
        /// The platform would not show it.
        Risky = "risky",
        /// The platform did not answer, or does not know the author at the moment.
        Away = "away",
        /// The verdict did not come in time.
        NoVerdict = "no_verdict",
        /// Nothing that the platform can look at.
        NotCheckable = "not_checkable",
    }

    /// Where a check stands.
    State {
        /// The platform looks at it.
        Waiting = "waiting",
        Held = "held",
        Passed = "passed",
        Approved = "approved",
        Rejected = "rejected",
    }

    /// What may happen to a check.
    Action { Pass = "pass", Hold = "hold", Approve = "approve", Reject = "reject" }

    /// Who does it.
    Party { Platform = "platform", Reviewer = "reviewer" }
}

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Pass, State::Waiting, State::Passed, &[Party::Platform]),
    edge(Action::Hold, State::Waiting, State::Held, &[Party::Platform]),
    // A verdict that comes late still counts, as long as nobody has decided.
    edge(Action::Pass, State::Held, State::Passed, &[Party::Platform]),
    edge(Action::Approve, State::Waiting, State::Approved, &[Party::Reviewer]),
    edge(Action::Approve, State::Held, State::Approved, &[Party::Reviewer]),
    edge(Action::Reject, State::Waiting, State::Rejected, &[Party::Reviewer]),
    edge(Action::Reject, State::Held, State::Rejected, &[Party::Reviewer]),
];

/// Everything that may ever happen to a check.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "content_check", initial: &[State::Waiting, State::Held], edges: EDGES };

impl State {
    /// Whether others than author and reviewers see what is checked.
    pub fn is_public(self) -> bool {
        matches!(self, Self::Passed | Self::Approved)
    }
}

/// What the platform thinks of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opinion {
    pub suggest: Suggest,
    /// What it is about, by the platform's own numbers (20002 porn, 20006 crime, …).
    pub label: Option<i64>,
}

/// What follows from an opinion, or from having none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Hold { cause: Cause, label: Option<i64> },
}

impl Verdict {
    /// No opinion holds.
    pub fn of(opinion: Option<Opinion>) -> Self {
        match opinion {
            Some(Opinion { suggest: Suggest::Pass, .. }) => Self::Pass,
            Some(Opinion { suggest: Suggest::Review, label }) => Self::Hold { cause: Cause::Review, label },
            Some(Opinion { suggest: Suggest::Risky, label }) => Self::Hold { cause: Cause::Risky, label },
            None => Self::Hold { cause: Cause::Away, label: None },
        }
    }

    pub fn because(cause: Cause) -> Self {
        Self::Hold { cause, label: None }
    }
}
