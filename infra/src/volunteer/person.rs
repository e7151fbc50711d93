//! Volunteers: what is known of a person who asks for a place.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId, Resident};
use jiazai_domain::kernel::capacity::Held;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::{EstateId, FactKind, HomeId, OnBehalf, PersonId, as_of};
use jiazai_domain::volunteer::{
    Activity, Eligibility, NoShowRule, Occasion, Post, Shift, ShiftId, SignUp, SignUpId, Span, State, Volunteer, is_minor,
};

use crate::db::schema::{buildings, home_bindings, homes, volunteer_activities, volunteer_records, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::registry::{bindings, facts, people, tags};
use crate::vault::Vault;

/// What the registry says of an account that is somebody of the community.
#[derive(Debug, Clone, Default)]
pub struct PersonFacts {
    /// Their name as the registry has it, for certificates; who is not in it goes by the name of their account.
    pub name: Option<String>,
    pub born_on: Option<Date>,
    /// Where they live, own or rent today, or are bound to a home otherwise than as a carer.
    pub estates: Vec<EstateId>,
    /// The codes of their tags, as of today.
    pub tags: Vec<String>,
    /// Where they reside today; without a residence in the registry, the home that they have been bound to longest.
    pub household: Option<HomeId>,
}

/// An active binding: home, person of the registry, estate, as what.
type BoundRow = (String, Option<String>, Option<String>, String);

/// Who looks after somebody in a home does not live there: it is neither their household nor their estate.
pub(super) const CARER: &str = "carer";

/// The kinds of fact by which somebody's home is in an estate. Where their hukou is, or whom they care for, is elsewhere.
const AT_HOME: &[FactKind] = &[FactKind::Residence, FactKind::Ownership, FactKind::Tenancy, FactKind::Family];

/// What the registry says of this account in this community, as of today: who they are by an active binding, and the facts and
/// tags of that person. Estates and tags are looked up only where `wanted` asks for some. What is not known here keeps
/// people out wherever it is asked for.
pub fn facts_of(
    tx: &mut Tx,
    vault: &Vault,
    community: CommunityId,
    account: PrincipalId,
    wanted: &Eligibility,
) -> Result<PersonFacts, DbError> {
    let today = tx.now().date();
    let bound: Vec<BoundRow> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table.left_join(buildings::table))
            .filter(home_bindings::principal_id.eq(account.text()))
            .filter(home_bindings::community_id.eq(community.text()))
            .filter(bindings::active(today))
            .order((home_bindings::created_at, home_bindings::id))
            .select((home_bindings::home_id, home_bindings::person_id, buildings::estate_id.nullable(), home_bindings::relation))
            .load(conn)
    })?;
    // Who owns two homes is of one household all the same.
    let at_home = || bound.iter().filter(|(.., relation)| relation != CARER);
    let household = at_home().next().map(|(home, ..)| parsed(home)).transpose()?;
    let estates = at_home().filter_map(|(_, _, estate, _)| estate.as_deref()).map(parsed).collect::<Result<_, _>>()?;
    let mut known = PersonFacts { household, estates, ..PersonFacts::default() };
    let Some(person) = bound.iter().find_map(|(_, person, ..)| person.as_deref()) else { return Ok(known) };
    let person: PersonId = parsed(person)?;
    if let Some(person) = people::find(tx, vault, person)? {
        known.name = Some(person.name);
        known.born_on = person.born_on;
    }
    let all = facts::of_people(tx, &[person])?;
    let residence = as_of(&all, today).filter(|fact| fact.kind == FactKind::Residence).max_by_key(|fact| (fact.sole, fact.interval.from()));
    known.household = residence.map(|fact| fact.home).or(known.household);
    if !wanted.estates().is_empty() {
        let at: Vec<String> = as_of(&all, today).filter(|fact| AT_HOME.contains(&fact.kind)).map(|fact| fact.home.text()).collect();
        known.estates.extend(estates_of(tx, &at)?);
    }
    if !wanted.tags().is_empty() {
        let given = tags::of_people(tx, &[person])?.remove(&person).unwrap_or_default();
        known.tags = given.into_iter().filter(|tag| tag.holds(today)).map(|tag| tag.code).collect();
    }
    Ok(known)
}

fn estates_of(tx: &mut Tx, at: &[String]) -> Result<Vec<EstateId>, DbError> {
    if at.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<String> = native!(tx, |conn| {
        homes::table.inner_join(buildings::table).filter(homes::id.within(at)).select(buildings::estate_id).distinct().load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}

/// Who asks for a place, by what right, and under which rules.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub who: &'a Resident,
    /// By which delegation, if it is somebody else who asks for them.
    pub acting: Option<&'a OnBehalf>,
    pub rule: &'a NoShowRule,
    pub vault: &'a Vault,
}

impl Asking<'_> {
    /// Remembers who has really done it.
    pub(super) fn remember(&self, changed: Changed<SignUp>) -> Changed<SignUp> {
        match self.acting {
            Some(acting) => SignUp::done_for(changed, acting),
            None => changed,
        }
    }
}

/// Moves the person's record: from here to the end of the transaction nobody else decides about a sign-up of theirs.
pub fn touch(tx: &mut Tx, person: PrincipalId) -> Result<(), DbError> {
    let first = (volunteer_records::resident_id.eq(person.text()), volunteer_records::moves.eq(1), volunteer_records::ranked.eq(false));
    native!(tx, |conn| {
        diesel::insert_into(volunteer_records::table)
            .values(first)
            .on_conflict(volunteer_records::resident_id)
            .do_update()
            .set(volunteer_records::moves.eq(volunteer_records::moves + 1))
            .execute(conn)
    })
    .map(drop)
}

/// How often the person's record was moved: by everything that was done with a sign-up of theirs. It never shrinks.
pub fn record_moves(tx: &mut Tx, person: PrincipalId) -> Result<i64, DbError> {
    let moves: Option<i64> =
        native!(tx, |conn| volunteer_records::table.find(person.text()).select(volunteer_records::moves).first(conn).optional())?;
    Ok(moves.unwrap_or(0))
}

const DAY_S: i64 = 86_400;

type Around = (String, String, i64, String, i64, i64, Option<i64>, bool);

/// A claim of somebody's that waits, or has an offer, for a shift at the same time as another one.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub sign_up: SignUpId,
    pub shift: ShiftId,
    pub post: i64,
    /// A place is held for them, as it is stored: its time may be over.
    pub offered: bool,
}

/// Somebody who asks for a place in this post, with what their other sign-ups say. Those in `but` are left out: the
/// decision is about them.
pub fn volunteer(
    tx: &mut Tx,
    asking: &Asking,
    of: (&Activity, &Shift),
    post: Option<&Post>,
    but: &[SignUpId],
) -> Result<Volunteer, DbError> {
    known(tx, asking, of, post, but).map(|(volunteer, _)| volunteer)
}

/// As [`volunteer`], with the claims that wait elsewhere for the same time.
pub(super) fn known(
    tx: &mut Tx,
    asking: &Asking,
    (activity, shift): (&Activity, &Shift),
    post: Option<&Post>,
    but: &[SignUpId],
) -> Result<(Volunteer, Vec<Wait>), DbError> {
    let Asking { who, rule, vault, .. } = *asking;
    let (now, s) = (tx.now(), shift.facts());
    let known = facts_of(tx, vault, s.community, who.id(), &activity.facts().eligibility)?;
    let since = now.plus_seconds(-(rule.within_days.saturating_add(rule.block_days)).saturating_mul(DAY_S)).millis();
    let elsewhere = [State::Confirmed, State::Offered, State::Present, State::Waitlisted].map(State::as_str);
    let clashing = volunteer_sign_ups::state
        .within(elsewhere)
        .and(volunteer_shifts::starts_at.lt(s.ends_at.millis()))
        .and(volunteer_shifts::ends_at.gt(s.starts_at.millis()));
    // Each community judges absences by its own rule, so only its own count.
    let missed = volunteer_sign_ups::state
        .eq(State::Absent.as_str())
        .and(volunteer_sign_ups::community_id.eq(s.community.text()))
        .and(volunteer_shifts::starts_at.ge(since));
    let here = volunteer_sign_ups::shift_id.eq(s.id.text());
    let around: Vec<Around> = native!(tx, |conn| {
        volunteer_sign_ups::table
            .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_sign_ups::shift_id)))
            .inner_join(volunteer_activities::table.on(volunteer_activities::id.eq(volunteer_shifts::activity_id)))
            .filter(volunteer_sign_ups::resident_id.eq(who.id().text()))
            .filter(here.or(clashing).or(missed))
            .select((
                volunteer_sign_ups::id,
                volunteer_sign_ups::shift_id,
                volunteer_sign_ups::post,
                volunteer_sign_ups::state,
                volunteer_shifts::starts_at,
                volunteer_shifts::ends_at,
                volunteer_sign_ups::offered_until,
                volunteer_activities::flexible,
            ))
            .load(conn)
    })?;
    let mut volunteer = Volunteer { born_on: known.born_on, estates: known.estates, tags: known.tags, ..Volunteer::new(who) };
    volunteer.household = known.household;
    // Asked of minors alone, and each time: who gave their word may have moved out, or closed their account.
    if is_minor(volunteer.born_on, s.starts_at.date()) {
        volunteer.consent = super::consent::standing(tx, vault, activity, who.id())?.map(|consent| consent.word());
    }
    let (here, mut waits) = (s.id.text(), Vec::new());
    for (id, at, number, state, starts_at, ends_at, offered_until, flexible) in around {
        let (id, state): (SignUpId, State) = (parsed(&id)?, parsed(&state)?);
        let span = Span { from: Timestamp::from_millis(starts_at), until: Timestamp::from_millis(ends_at) };
        if state == State::Absent {
            volunteer.absences.push(span.from);
        }
        if but.contains(&id) {
            continue;
        }
        // An offer whose time is over is none, whether or not anybody has written that down.
        let lapsed = state == State::Offered && offered_until.is_none_or(|until| until <= now.millis());
        if at == here && state.is_claim() && !lapsed {
            volunteer.held.person += 1;
        }
        if at == here || flexible {
            continue;
        }
        match state {
            State::Confirmed | State::Present => volunteer.busy.push(span),
            State::Offered | State::Waitlisted if !activity.facts().flexible => {
                waits.push(Wait { sign_up: id, shift: parsed(&at)?, post: number, offered: state == State::Offered });
            }
            _ => {}
        }
    }
    if let (Some(post), Some(household), Some(_)) = (post, volunteer.household, activity.facts().per_household) {
        volunteer.held.household = household_in(tx, shift, post, household, but)?;
    }
    Ok((volunteer, waits))
}

/// What somebody waits for, or has an offer of, elsewhere at the time of this shift.
pub fn waits(tx: &mut Tx, person: PrincipalId, shift: ShiftId, at: &Occasion) -> Result<Vec<Wait>, DbError> {
    if at.flexible {
        return Ok(vec![]);
    }
    let rows: Vec<(String, String, i64, String)> = native!(tx, |conn| {
        volunteer_sign_ups::table
            .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_sign_ups::shift_id)))
            .inner_join(volunteer_activities::table.on(volunteer_activities::id.eq(volunteer_shifts::activity_id)))
            .filter(volunteer_sign_ups::resident_id.eq(person.text()))
            .filter(volunteer_sign_ups::shift_id.ne(shift.text()))
            .filter(volunteer_sign_ups::state.eq_any([State::Offered, State::Waitlisted].map(State::as_str)))
            .filter(volunteer_activities::flexible.eq(false))
            .filter(volunteer_shifts::starts_at.lt(at.ends_at.millis()))
            .filter(volunteer_shifts::ends_at.gt(at.starts_at.millis()))
            .select((volunteer_sign_ups::id, volunteer_sign_ups::shift_id, volunteer_sign_ups::post, volunteer_sign_ups::state))
            .load(conn)
    })?;
    let wait = |(id, shift, post, state): (String, String, i64, String)| {
        Ok(Wait { sign_up: parsed(&id)?, shift: parsed(&shift)?, post, offered: state == State::Offered.as_str() })
    };
    rows.into_iter().map(wait).collect()
}

/// How many claims a household has in a post, those in `but` not counted.
fn household_in(tx: &mut Tx, shift: &Shift, post: &Post, household: HomeId, but: &[SignUpId]) -> Result<i64, DbError> {
    let but: Vec<String> = but.iter().map(SignUpId::text).collect();
    native!(tx, |conn| {
        volunteer_sign_ups::table
            .filter(volunteer_sign_ups::shift_id.eq(shift.facts().id.text()))
            .filter(volunteer_sign_ups::post.eq(post.number))
            .filter(volunteer_sign_ups::household_id.is_not_null())
            .filter(volunteer_sign_ups::household_id.assume_not_null().eq(household.text()))
            .filter(volunteer_sign_ups::state.ne_all([State::Cancelled.as_str(), State::Expired.as_str()]))
            .filter(volunteer_sign_ups::id.ne_all(but))
            .count()
            .get_result(conn)
    })
}

/// What they and their household hold, counted once the post's row was moved: from then on nobody else moves it.
pub(super) fn held(tx: &mut Tx, who: &Volunteer, shift: &Shift, post: &Post) -> Result<Held, DbError> {
    let household = who.household.map_or(Ok(0), |home| household_in(tx, shift, post, home, &[]))?;
    Ok(Held { person: who.held.person, household })
}
