//! The commands about people: load, decide, save. Synchronous, inside one transaction.

use std::collections::HashMap;

use jiazai_domain::actor::{Actor, PrincipalId, Role};
use jiazai_domain::kernel::text::Line;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::sight::{Mask, Revealer, Sight, reveal as lift, visible_tags};
use jiazai_domain::registry::{
    Amendment, Correction, Fact, FactDraft, FactId, FactKind, GridId, Home, HomeId, Household, Keeper, Parted, Person, PersonDraft,
    PersonId, Refusal, Source, as_of,
};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::registry::{bindings, facts, homes, people as store, places, tags};
use jiazai_infra::{events, identity};

use super::dto::{self, CorrectFact, NewFact, NewPerson, PutPerson, Reveal};
use crate::call::Cx;
use crate::error::{ApiError, code};
use crate::faults::{faulty, text_fault};
use crate::registry::{absent, keeper, refuse, sight, within};
use crate::reply::Reply;

/// A person whom the caller sees, with the grids of the homes that they are tied to today.
pub struct Seen {
    pub person: Person,
    pub grids: Vec<Option<GridId>>,
    pub sight: Sight,
}

/// The person, if the caller sees them; what is not seen does not exist.
pub fn seen(tx: &mut Tx, cx: &Cx, id: PersonId) -> Result<Seen, ApiError> {
    let who = cx.actor()?;
    let sight = sight(tx, who)?;
    let person = store::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    let grids = store::grids_of_one(tx, id)?;
    if sight.sees_person(person.community, &grids) { Ok(Seen { person, grids, sight }) } else { Err(absent()) }
}

/// The person, and the caller as their keeper.
pub fn kept(tx: &mut Tx, cx: &Cx, id: PersonId) -> Result<(Seen, Keeper), ApiError> {
    let seen = seen(tx, cx, id)?;
    let by = keeper(tx, cx.actor()?, seen.person.community)?;
    Ok((seen, by))
}

impl Seen {
    /// The roles by which the caller looks at this person.
    pub fn roles(&self, who: &Actor) -> Vec<Role> {
        self.sight.roles_at(who, self.person.community, &self.grids)
    }

    pub fn mask(&self, who: &Actor) -> Mask {
        Mask::of(who, &self.roles(who))
    }
}

/// The names by which accounts are known, for a page of rows.
pub fn names_of(tx: &mut Tx, ids: impl Iterator<Item = PrincipalId>) -> Result<HashMap<PrincipalId, String>, ApiError> {
    let mut ids: Vec<PrincipalId> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(identity::names_of(tx, &ids)?)
}

/// A person in full, as an answer.
pub fn show(tx: &mut Tx, cx: &Cx, seen: &Seen, day: Option<Date>) -> Result<dto::Person, ApiError> {
    let who = cx.actor()?;
    let person = &seen.person;
    let day = day.unwrap_or_else(|| tx.now().date());
    let dictionary = tags::dictionary(tx, person.community)?;
    let given = tags::of_people(tx, &[person.id])?.remove(&person.id).unwrap_or_default();
    let roles = seen.roles(who);
    let shown = visible_tags(&given, &dictionary, &roles, day).into_iter().map(|tag| dto::PersonTag::of(tag, &dictionary)).collect();
    let all = facts::of_people(tx, &[person.id])?;
    let held = as_of(&all, day).cloned().collect();
    let ties = in_sight(tx, &seen.sight, held)?.iter().map(dto::PersonFact::from).collect();
    Ok(dto::Person::of(person, Mask::of(who, &roles), shown, Some(ties), day))
}

/// Those of these facts whose home is in sight.
pub fn in_sight(tx: &mut Tx, sight: &Sight, mut facts: Vec<Fact>) -> Result<Vec<Fact>, ApiError> {
    let at: Vec<HomeId> = facts.iter().map(|fact| fact.home).collect();
    let places = homes::places_of(tx, &at)?;
    facts.retain(|fact| places.get(&fact.home).is_some_and(|(community, grid)| sight.sees(*community, *grid)));
    Ok(facts)
}

fn reply(tx: &mut Tx, cx: &Cx, seen: &Seen) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&show(tx, cx, seen, None)?)?.version(seen.person.version))
}

/// After a decision: the person as they are now, whether the caller still sees them or not, since they just did it.
pub fn show_again(tx: &mut Tx, cx: &Cx, seen: Seen, person: Person) -> Result<Reply, ApiError> {
    reply(tx, cx, &Seen { person, ..seen })
}

/// A document or a code that somebody else has.
pub fn taken(error: DbError) -> ApiError {
    match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE)
            .because("证件号码或外部编码已登记在他人名下", "The document or the external code is somebody else's"),
        other => other.into(),
    }
}

/// A refusal about something below `prefix` in the body.
fn refuse_at(prefix: &str, refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Invalid(faults) => faulty(prefix, faults),
        other => refuse(other),
    }
}

/// Writes a person into the registry, and what ties them to homes.
pub fn create(tx: &mut Tx, cx: &Cx, body: &NewPerson) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let place = body.community_id.0;
    let unknown = |error: ApiError| {
        if error.code() == code::NOT_FOUND {
            ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community")
        } else {
            error
        }
    };
    within(tx, who, place).map_err(unknown)?;
    let by = keeper(tx, who, place)?;
    let kind = body.id_type.map_or(jiazai_domain::registry::DocumentType::ResidentId, Into::into);
    let draft = PersonDraft {
        name: &body.name.0,
        document: body.id_number.as_ref().map(|number| (kind, number.0.as_str())),
        sex: body.sex.map(Into::into),
        born_on: body.born_on.map(|day| day.0),
        phone: body.phone.as_ref().map(|phone| phone.0.as_str()),
        external_code: body.external_code.as_ref().map(|code| code.0.as_str()),
    };
    let made = Person::create(tx.new_id(), draft, !body.facts.0.is_empty(), &by, tx.now()).map_err(refuse)?;
    let person = store::save(tx, &cx.app.vault, made, &[]).map_err(taken)?;
    for (i, fact) in body.facts.0.iter().enumerate() {
        tie(tx, &person, fact, &by, &format!("/facts/{i}"))?;
    }
    let grids = store::grids_of_one(tx, person.id)?;
    let seen = Seen { sight: sight(tx, who)?, person, grids };
    let dto = show(tx, cx, &seen, None)?;
    Ok(Reply::created(format!("/api/v1/people/{}", seen.person.id), &dto)?.version(seen.person.version))
}

/// A home of the community that the keeper reaches; others do not exist for them.
fn home_for(tx: &mut Tx, person: &Person, id: HomeId, by: &Keeper, prefix: &str) -> Result<Home, ApiError> {
    let found = homes::find(tx, id)?.map(|(home, _)| home);
    found.filter(|home| home.community == person.community && by.keeps(home.community, home.grid)).ok_or_else(|| {
        ApiError::fault(&format!("{prefix}/home_id"), "unknown_home", "没有这个房屋", "is not a home of the community that you keep")
    })
}

/// Records what a keeper says ties a person to a home.
fn tie(tx: &mut Tx, person: &Person, body: &NewFact, by: &Keeper, prefix: &str) -> Result<Fact, ApiError> {
    let draft = body.draft().map_err(|rule| text_fault(&format!("{prefix}/share"), rule))?;
    let home = home_for(tx, person, body.home_id.0, by, prefix)?;
    write_tie(tx, (person, &home), draft, Source::Keeper, by)?.map_err(|refusal| refuse_at(prefix, refusal))
}

/// Records what ties a person to a home, lets the bindings that rest on it follow, and saves the home one version on. The person is
/// the caller's to save so.
pub fn write_tie(
    tx: &mut Tx,
    (person, home): (&Person, &Home),
    draft: FactDraft,
    source: Source,
    by: &Keeper,
) -> Result<Result<Fact, Refusal>, ApiError> {
    let around = facts::around(tx, person.id, home.id)?;
    let within = Household { person, home, around: &around };
    let made = match Fact::record(tx.new_id(), draft, within, source, by, tx.now()) {
        Ok(made) => made,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let fact = facts::save(tx, made)?;
    bindings::follow(tx, &fact)?;
    let known = facts::of_homes(tx, &[home.id])?;
    homes::touch(tx, home, &known)?;
    Ok(Ok(fact))
}

/// Records a fact of somebody who is known.
pub fn record(tx: &mut Tx, cx: &Cx, id: PersonId, body: &NewFact) -> Result<Reply, ApiError> {
    let (seen, by) = kept(tx, cx, id)?;
    cx.expect_version(seen.person.version)?;
    let fact = tie(tx, &seen.person, body, &by, "")?;
    tied(tx, cx, &seen.person, (&fact, None), &by)?;
    Ok(Reply::created(format!("/api/v1/people/{id}/facts"), &dto::PersonFact::from(&fact))?.version(fact.version))
}

/// A fact that the caller sees, with its home and its person.
fn fact(tx: &mut Tx, cx: &Cx, id: FactId) -> Result<(Fact, Home, Person, Keeper), ApiError> {
    let who = cx.actor()?;
    let fact = facts::find(tx, id)?.ok_or_else(absent)?;
    let (home, _) = homes::find(tx, fact.home)?.ok_or_else(absent)?;
    if !sight(tx, who)?.sees(home.community, home.grid) {
        return Err(absent());
    }
    let by = keeper(tx, who, home.community)?;
    let person = store::find(tx, &cx.app.vault, fact.person)?.ok_or_else(absent)?;
    cx.expect_version(fact.version)?;
    Ok((fact, home, person, by))
}

/// Saves a person one version on because a fact of theirs was saved, with the one that it corrects; who had moved out has come back
/// where it says so.
pub fn tied(tx: &mut Tx, cx: &Cx, person: &Person, (fact, before): (&Fact, Option<&Fact>), by: &Keeper) -> Result<Person, ApiError> {
    Ok(match person.returned(fact, before, by, tx.now()) {
        Some((changed, altered)) => store::save(tx, &cx.app.vault, changed, &altered)?,
        None => store::touch(tx, person)?,
    })
}

fn corrected(tx: &mut Tx, cx: &Cx, correction: Correction, (home, person): (&Home, &Person), by: &Keeper) -> Result<Reply, ApiError> {
    let (old, new) = facts::save_correction(tx, correction)?;
    let known = facts::of_homes(tx, &[home.id])?;
    homes::touch(tx, home, &known)?;
    tied(tx, cx, person, (&new, Some(&old)), by)?;
    Ok(Reply::ok(&dto::PersonFact::from(&new))?.version(new.version))
}

/// Says a fact differently.
pub fn correct_fact(tx: &mut Tx, cx: &Cx, id: FactId, body: &CorrectFact) -> Result<Reply, ApiError> {
    let (fact, home, person, by) = fact(tx, cx, id)?;
    let draft = body.draft(fact.kind).map_err(|rule| text_fault("/share", rule))?;
    let reason = super::why(&body.reason.0)?;
    let around = facts::around(tx, person.id, home.id)?;
    let within = Household { person: &person, home: &home, around: &around };
    let correction = fact.correct(tx.new_id(), draft, reason, within, &by, tx.now()).map_err(refuse)?;
    corrected(tx, cx, correction, (&home, &person), &by)
}

/// Lets a fact end.
pub fn end_fact(tx: &mut Tx, cx: &Cx, id: FactId, until: Date) -> Result<Reply, ApiError> {
    let (fact, home, person, by) = fact(tx, cx, id)?;
    let correction = fact.end(tx.new_id(), until, &home, &by, tx.now()).map_err(refuse)?;
    corrected(tx, cx, correction, (&home, &person), &by)
}

/// Corrects what is written of a person.
pub fn correct(tx: &mut Tx, cx: &Cx, id: PersonId, body: &PutPerson) -> Result<Reply, ApiError> {
    let (seen, by) = kept(tx, cx, id)?;
    let person = &seen.person;
    cx.expect_version(person.version)?;
    let amendment = Amendment {
        name: body.name.as_ref().map(|name| name.0.as_str()),
        id_type: body.id_type.map(Into::into),
        id_number: body.id_number.asked(|text| text.0.as_str()),
        sex: body.sex.asked(|word| (*word).into()),
        born_on: body.born_on.asked(|day| day.0),
        phone: body.phone.asked(|text| text.0.as_str()),
        external_code: body.external_code.asked(|text| text.0.as_str()),
    };
    let reason = body.reason.as_ref().filter(|text| !text.0.is_empty()).map(|text| super::why(&text.0)).transpose()?;
    let decided = person.clone().correct(person.amended(amendment), reason, &seen.grids, &by, tx.now()).map_err(refuse)?;
    match decided {
        None => reply(tx, cx, &seen),
        Some((changed, altered)) => {
            let person = store::save(tx, &cx.app.vault, changed, &altered).map_err(taken)?;
            show_again(tx, cx, seen, person)
        }
    }
}

/// Lets what ties a person (as they are now) to homes end on a day, as far as it has not ended by then, and says how many ties that
/// were. On the day of their death that is so in every grid. The person is the caller's to save.
pub fn end_facts(
    tx: &mut Tx,
    person: &Person,
    day: Date,
    by: &Keeper,
    pointer: &str,
    ends: impl Fn(&Fact) -> bool,
) -> Result<usize, ApiError> {
    let over = |fact: &Fact| fact.interval.until().is_some_and(|until| until <= day);
    let own = facts::of_people(tx, &[person.id])?;
    let mut ended = 0;
    for fact in own.into_iter().filter(|fact| fact.is_current() && ends(fact) && !over(fact)) {
        let (home, _) = homes::find(tx, fact.home)?.ok_or_else(|| ApiError::new(code::INTERNAL))?;
        let (next, now) = (tx.new_id(), tx.now());
        let ended_by = match person.deceased_on {
            Some(_) => fact.end_by_death(next, person, by, now),
            None => fact.end(next, day, &home, by, now),
        };
        // What was to begin later never began; somebody has to say what it was.
        let correction = ended_by.map_err(|refusal| match refusal {
            Refusal::Invalid(_) => ApiError::fault(
                pointer,
                "facts_later",
                "有登记的起始日期晚于此日期，请先更正",
                "is before something recorded of them began; correct that first",
            ),
            other => refuse(other),
        })?;
        facts::save_correction(tx, correction)?;
        let known = facts::of_homes(tx, &[home.id])?;
        homes::touch(tx, &home, &known)?;
        ended += 1;
    }
    Ok(ended)
}

/// A decision about the person as a whole, and the facts that end with it on a day.
pub fn leave(
    tx: &mut Tx,
    cx: &Cx,
    id: PersonId,
    (pointer, day): (&str, Date),
    ends: impl Fn(FactKind) -> bool,
    decide: impl FnOnce(Person, &[Option<GridId>], &Keeper) -> Result<Parted, Refusal>,
) -> Result<Reply, ApiError> {
    let (seen, by) = kept(tx, cx, id)?;
    cx.expect_version(seen.person.version)?;
    let (changed, altered) = decide(seen.person.clone(), &seen.grids, &by).map_err(refuse)?;
    let person = store::save(tx, &cx.app.vault, changed, &altered)?;
    end_facts(tx, &person, day, &by, pointer, |fact| ends(fact.kind))?;
    // What rests on no recorded fact ends, too.
    bindings::part(tx, person.id, |relation| ends(relation.fact()))?;
    show_again(tx, cx, seen, person)
}

/// Lifts masks, and remembers who did.
pub fn reveal(tx: &mut Tx, cx: &Cx, id: PersonId, body: &Reveal) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let Seen { person, grids, .. } = seen(tx, cx, id)?;
    let own = places::grids_of(tx, who.id)?;
    // A program's grant is that of its key: one community, or all.
    let key_of = who.grants.iter().find_map(|grant| grant.community);
    let by = Revealer::of(who, person.community, own, key_of).map_err(refuse)?;
    let reason = Line::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
    let account = store::accounts_of(tx, &[person.id])?.remove(&person.id);
    let fields: Vec<jiazai_domain::registry::sight::RevealField> = body.fields.0.iter().map(|field| (*field).into()).collect();
    tx.tell("fields", fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(" "));
    let revealed = lift(&person, &grids, account, (&fields, &reason), &by, tx.now()).map_err(refuse)?;
    events::record(tx, person.community, &person.id.text(), person.version, std::slice::from_ref(&revealed.event))?;
    let mut answer = dto::Revealed::default();
    for (field, value) in revealed.values {
        use jiazai_domain::registry::sight::RevealField as F;
        match field {
            F::Name => answer.name = value,
            F::IdNumber => answer.id_number = value,
            F::Phone => answer.phone = value,
            F::BornOn => answer.born_on = value,
        }
    }
    Reply::ok(&answer)
}
