//! Sight: who sees which homes and people, how much of a person is shown, and how a mask is lifted.
//!
//! As a WHERE clause, for homes (and for people through the homes that they are tied to today):
//!
//! ```text
//! community IN whole OR (community IN in_grids AND grid IN grids)
//! ```
//!
//! A full number or telephone is in no view. It is *revealed*: some fields, for a reason, remembered, and the person is
//! told who looked.

use super::keeper::{Grids, Keeper};
use super::person::Person;
use super::tag::{PersonTag, Tag};
use super::{GridId, Refusal};
use crate::actor::{Actor, Communities, CommunityId, PrincipalId, PrincipalKind, Role};
use crate::kernel::changed::Event;
use crate::kernel::mask;
use crate::kernel::text::Line;
use crate::kernel::time::{Date, Timestamp};

/// Why somebody looks: at least four characters, so that it is a reason and not a keystroke.
pub type RevealReason = Line<200>;
/// 入户核实 is a reason.
pub const REVEAL_REASON_MIN: usize = 4;
/// To the person: somebody looked.
pub const REVEALED: &str = "person_revealed";
/// The scope of a client program that may reveal.
pub const REVEAL_SCOPE: &str = "people:reveal";
/// The scope of a client program that sees more of people than a masked name.
pub const READ_SCOPE: &str = "people:read";

/// Whose eyes look, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub person: PrincipalId,
    /// Where they see every home.
    pub whole: Communities,
    /// Where they see the homes of their grids.
    pub in_grids: Communities,
    pub grids: Vec<GridId>,
}

/// Roles that see every home of their community. What they see of people is for [`Mask`] to say.
pub const WHOLE: &[Role] =
    &[Role::CommunityAdmin, Role::PropertyManager, Role::Dispatcher, Role::Auditor, Role::EnrolmentAdmin, Role::EnrolmentReviewer];

/// Roles that, beside grid workers in their grids, see who is bound to a home and who looked at whom.
const WATCHING: &[Role] = &[Role::CommunityAdmin, Role::Auditor];

impl Sight {
    /// `grids` are those that the actor was given, in all communities.
    pub fn of(actor: &Actor, grids: Vec<GridId>) -> Self {
        Self { person: actor.id, whole: actor.communities_as(WHOLE), in_grids: actor.communities_as(&[Role::GridWorker]), grids }
    }

    /// For bindings and for who looked at people: fewer eyes than see the homes themselves. A property manager who is also a
    /// grid worker watches their grids and no more.
    pub fn watching(actor: &Actor, grids: Vec<GridId>) -> Self {
        Self { whole: actor.communities_as(WATCHING), ..Self::of(actor, grids) }
    }

    /// Which grids of a community they see; none where they see nothing of it.
    pub fn within(&self, community: CommunityId) -> Option<Grids> {
        if self.whole.contains(community) {
            Some(Grids::All)
        } else if self.in_grids.contains(community) {
            Some(Grids::Only(self.grids.clone()))
        } else {
            None
        }
    }

    /// The roles by which the actor looks at somebody who is tied to homes in these grids: a grid worker is one in their own grids
    /// only, whatever other role lets them look further.
    pub fn roles_at(&self, actor: &Actor, community: CommunityId, grids: &[Option<GridId>]) -> Vec<Role> {
        let mut roles = actor.roles_in(community);
        if !grids.iter().flatten().any(|grid| self.grids.contains(grid)) {
            roles.retain(|role| *role != Role::GridWorker);
        }
        roles
    }

    pub fn sees(&self, community: CommunityId, grid: Option<GridId>) -> bool {
        self.whole.contains(community) || self.in_grids.contains(community) && grid.is_some_and(|grid| self.grids.contains(&grid))
    }

    /// Whether a person is seen, through the grids of the homes that they are tied to.
    pub fn sees_person(&self, community: CommunityId, grids: &[Option<GridId>]) -> bool {
        self.whole.contains(community) || grids.iter().any(|grid| self.sees(community, *grid))
    }
}

/// How much of people somebody is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mask {
    /// A masked name: for those who mend pipes.
    Shadow,
    /// Masked name, year of birth, masked number: for those who check papers and for auditors.
    Outline,
    /// Name, birth date, masked number and telephone: for those who come to the door.
    Plain,
}

impl Mask {
    /// By the roles with which the actor looks ([`Sight::roles_at`]); the best of several.
    pub fn of(actor: &Actor, roles: &[Role]) -> Self {
        // A program that was not given people sees homes, and no more of who lives there than a plumber does.
        if actor.kind == PrincipalKind::Client && !actor.scopes.iter().any(|scope| scope == READ_SCOPE) {
            return Self::Shadow;
        }
        let of = |role: &Role| match role {
            Role::PlatformAdmin | Role::CommunityAdmin | Role::GridWorker => Self::Plain,
            Role::EnrolmentAdmin | Role::EnrolmentReviewer | Role::Auditor | Role::StreetOfficer => Self::Outline,
            _ => Self::Shadow,
        };
        roles.iter().map(of).max().unwrap_or(Self::Shadow)
    }
}

/// A person as somebody sees them: nothing in here is a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonView {
    pub name: String,
    pub id_type: Option<&'static str>,
    pub id_number_masked: Option<String>,
    pub phone_masked: Option<String>,
    pub sex: Option<&'static str>,
    /// The whole date for [`Mask::Plain`], `1949` for [`Mask::Outline`].
    pub born: Option<String>,
}

impl Person {
    /// What is shown of the person.
    pub fn shown(&self, mask: Mask) -> PersonView {
        let at_least = |wanted: Mask| mask >= wanted;
        let document = self.document.as_ref().filter(|_| at_least(Mask::Outline));
        PersonView {
            name: if at_least(Mask::Plain) { self.name.clone() } else { mask::name(&self.name) },
            id_type: document.map(|d| d.kind().as_str()),
            id_number_masked: document.map(|d| d.masked()),
            phone_masked: self.phone.as_ref().filter(|_| at_least(Mask::Plain)).map(|p| p.masked()),
            sex: self.sex.filter(|_| at_least(Mask::Outline)).map(|s| s.as_str()),
            born: self.born_on.filter(|_| at_least(Mask::Outline)).map(|day| match mask {
                Mask::Plain => day.to_string(),
                _ => day.format("%Y").to_string(),
            }),
        }
    }
}

/// The tags of a person that somebody may see on a day, by the roles they hold in the community.
pub fn visible_tags<'a>(given: &'a [PersonTag], dictionary: &[Tag], roles: &[Role], day: Date) -> Vec<&'a PersonTag> {
    let seen = |code: &str| dictionary.iter().any(|tag| tag.code == code && tag.visible_to(roles));
    given.iter().filter(|t| t.holds(day) && seen(&t.code)).collect()
}

crate::words! {
    /// What can be revealed.
    RevealField { Name = "name", IdNumber = "id_number", Phone = "phone", BornOn = "born_on" }
}

/// Proof that somebody may lift masks of a community, or of some grids of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revealer {
    id: PrincipalId,
    keeper: Option<Keeper>,
    community: CommunityId,
}

impl Revealer {
    /// A keeper; or a client program whose key is of this community and was made for it.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`].
    pub fn of(actor: &Actor, community: CommunityId, grids: Vec<GridId>, key_of: Option<CommunityId>) -> Result<Self, Refusal> {
        if actor.kind == PrincipalKind::Client {
            let may = actor.scopes.iter().any(|scope| scope == REVEAL_SCOPE) && key_of.is_none_or(|own| own == community);
            return if may { Ok(Self { id: actor.id, keeper: None, community }) } else { Err(Refusal::NotForYou) };
        }
        let keeper = Keeper::of(actor, community, grids).map_err(|_| Refusal::NotForYou)?;
        Ok(Self { id: actor.id, keeper: Some(keeper), community })
    }
}

/// Takes people out of the system as a file. With a reason, whole numbers are in it; without one, only what anybody of the
/// keeper's role is shown. Either is remembered before the first row leaves; and each person whose whole numbers leave is
/// revealed like any other ([`reveal`]), so that they can read who has them.
///
/// # Errors
/// `reason_too_short`.
pub fn export_people(reason: Option<&RevealReason>, by: &Keeper, now: Timestamp) -> Result<Event, Refusal> {
    if reason.is_some_and(|reason| reason.chars().count() < REVEAL_REASON_MIN) {
        return Err(Refusal::fault("/reason", "reason_too_short"));
    }
    let event = Event::new("people.exported", Some(by.id()), now).with("revealed", reason.is_some());
    Ok(event.noting(reason.map(|reason| reason.to_string())))
}

/// Takes homes out of the system as a file; remembered before the first row leaves. What was imported beside the known columns may
/// name people, so it goes along only to a keeper of the home whom people are shown as they are: to others `kept` is none.
pub fn export_homes(kept: Option<&Keeper>, by: &Actor, now: Timestamp) -> Event {
    Event::new("homes.exported", Some(by.id), now).with("extras", kept.is_some())
}

/// What was revealed, and the event that must be saved before anything of it leaves.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "what was revealed must be remembered"]
pub struct Revealed {
    pub values: Vec<(RevealField, Option<String>)>,
    pub event: Event,
}

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(field, _)| field)).finish()
    }
}

/// Lifts the mask from some fields of a person. `account` is the person's own, if one is known: it is told.
///
/// # Errors
/// [`Refusal::NotForYou`] outside the revealer's community or grids; `reason_too_short`, `fields_missing`.
pub fn reveal(
    person: &Person,
    grids: &[Option<GridId>],
    account: Option<PrincipalId>,
    (fields, reason): (&[RevealField], &RevealReason),
    by: &Revealer,
    now: Timestamp,
) -> Result<Revealed, Refusal> {
    let reaches = match &by.keeper {
        Some(keeper) => person.is_kept_by(keeper, grids),
        None => person.community == by.community,
    };
    if !reaches {
        return Err(Refusal::NotForYou);
    }
    if reason.chars().count() < REVEAL_REASON_MIN {
        return Err(Refusal::fault("/reason", "reason_too_short"));
    }
    let mut asked = fields.to_vec();
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() {
        return Err(Refusal::fault("/fields", "fields_missing"));
    }
    let names: Vec<&str> = asked.iter().map(|f| f.as_str()).collect();
    let event = Event::new("person.revealed", Some(by.id), now).with("fields", names.join(" "));
    let event = event.noting(reason.to_string()).telling(account, REVEALED);
    let value = |field: RevealField| match field {
        RevealField::Name => Some(person.name.clone()),
        RevealField::IdNumber => person.document.as_ref().map(|d| d.expose().to_owned()),
        RevealField::Phone => person.phone.as_ref().map(|p| p.expose().to_owned()),
        RevealField::BornOn => person.born_on.map(|d| d.to_string()),
    };
    Ok(Revealed { values: asked.into_iter().map(|field| (field, value(field))).collect(), event })
}
