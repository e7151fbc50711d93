//! Sight: who sees which applications, and how much of them.
//!
//! ```text
//! applicant = me OR community IN staff_of
//! ```

use super::aggregate::Application;
use super::machine::State;
use crate::actor::{Actor, Communities, PrincipalId, PrincipalKind, Role};

/// Roles that look at applications from the other side of the counter.
pub const STAFF: &[Role] = &[Role::EnrolmentReviewer, Role::EnrolmentAdmin, Role::Auditor];

/// Roles that compare what was written with the papers.
const CHECKERS: &[Role] = &[Role::EnrolmentReviewer, Role::EnrolmentAdmin];

/// How much of an application somebody is shown. A whole number of a document is in no view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// How it stands, with a masked name: for auditors and programs, and for everybody at the counter while it is not handed in.
    Outline,
    /// Names, facts and papers: for those who check them.
    Papers,
    /// What they wrote themselves; but not what was allocated before it is announced.
    Family,
}

/// Whose eyes look, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub person: PrincipalId,
    pub staff_of: Communities,
}

impl Sight {
    pub fn of(actor: &Actor) -> Self {
        Self { person: actor.id, staff_of: actor.communities_as(STAFF) }
    }
}

impl Application {
    /// How this person sees the application; none when to them there is none.
    pub fn view(&self, actor: &Actor) -> Option<View> {
        let f = self.facts();
        if actor.id == f.applicant {
            return Some(View::Family);
        }
        // Papers are compared by people.
        let checks = actor.kind != PrincipalKind::Client && actor.is_any(CHECKERS, f.round.community);
        // Handing in is what opens it: until then a family only keeps its notes here.
        let handed_in = f.submitted_at.is_some() || !matches!(f.state, State::Draft | State::Withdrawn);
        if checks && handed_in { Some(View::Papers) } else { actor.is_any(STAFF, f.round.community).then_some(View::Outline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrolment::round;
    use crate::enrolment::testing::{admin, apply, draft, now, parent, reviewer, sight, staff, stranger};

    #[test]
    fn papers_are_for_those_who_check_them_and_only_once_they_are_handed_in() {
        let drafted = apply(draft(), sight(round::State::Open), now()).expect("an application");
        assert_eq!(drafted.view(&parent()), Some(View::Family));
        assert_eq!(drafted.view(&stranger()), None);
        assert_eq!(drafted.view(&reviewer(1)), Some(View::Outline));
        let submitted =
            drafted.submit(crate::enrolment::application::HandIn::default(), &parent(), now()).expect("submitted").into_parts().0;
        assert_eq!(submitted.view(&reviewer(1)), Some(View::Papers));
        assert_eq!(submitted.view(&admin()), Some(View::Papers));
        assert_eq!(submitted.view(&staff(Role::Auditor)), Some(View::Outline));
        assert_eq!(submitted.view(&staff(Role::Dispatcher)), None);
    }
}
