//! The commands about change proposals: load, decide, save; and, on approval, write what was proposed.

use jiazai_domain::actor::{Actor, PrincipalKind};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::binding::{DelegationScope, Principal};
use jiazai_domain::registry::proposal::{About, Action, Field, Proposal};
use jiazai_domain::registry::sight::Mask;
use jiazai_domain::registry::{
    Amendment, BindingId, Fact, FactDraft, FactKind, HomeId, Keeper, Occupancy, Person, PersonId, ProposalId, Reason, Refusal, Source,
    as_of, shown,
};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::registry::people::{self, LIVING_HERE};
use jiazai_infra::registry::proposals::{self as store, Proposed};
use jiazai_infra::registry::{bindings, delegations, facts, homes};

use super::dto::{Housemate, MyHousehold, NewProposal, RegistryProposal};
use crate::call::Cx;
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::input::{Day, Ref};
use crate::registry::people::{end_facts, tied, write_tie};
use crate::registry::{MOST_PROPOSALS, absent, keeper_if, on_behalf, refuse, room};
use crate::reply::Reply;

/// What the registry says of the home of an active binding, to its holder.
pub fn household(tx: &mut Tx, cx: &Cx, id: BindingId) -> Result<MyHousehold, ApiError> {
    let who = cx.actor()?;
    let bound = bindings::find(tx, id)?.filter(|bound| bound.binding.facts().account == who.id).ok_or_else(absent)?;
    if !bound.binding.is_active() {
        return Err(ApiError::new(code::FORBIDDEN).because("认证通过后才能查看", "The binding is not active"));
    }
    let home_id = bound.binding.facts().home;
    let (home, label) = homes::find(tx, home_id)?.ok_or_else(absent)?;
    let today = tx.now().date();
    let known = facts::of_homes(tx, &[home_id])?;
    let mut items = Vec::new();
    let mut held: Vec<&Fact> = as_of(&known, today).collect();
    held.sort_by_key(|fact| (fact.person, fact.kind));
    let mut ids: Vec<PersonId> = held.iter().map(|fact| fact.person).collect();
    ids.dedup();
    let persons = people::find_all(tx, &cx.app.vault, &ids)?;
    let mine = people::persons_of(tx, who.id)?;
    for fact in held {
        // A person who is gone from the registry has no facts left; this is for the compiler.
        let Some(person) = persons.iter().find(|person| person.id == fact.person) else { continue };
        items.push(Housemate {
            person_id: Ref(person.id),
            name: person.shown(Mask::Shadow).name,
            me: mine.contains(&person.id),
            kind: fact.kind.as_str(),
            from: Day(fact.interval.from()),
            until: fact.interval.until().map(Day),
        });
    }
    let occupancy = shown(home.set_occupancy.map(|set| set.status), &known, today).status;
    Ok(MyHousehold { home_id: Ref(home_id), home_label: label, occupancy: occupancy.into(), items })
}

/// Whom changes may be about: those tied to the home today, and who the proposer is.
fn person(tx: &mut Tx, home: HomeId, body: &NewProposal, mine: &[PersonId]) -> Result<Option<PersonId>, ApiError> {
    let today = tx.now().date();
    let known = facts::of_homes(tx, &[home])?;
    let lives = |id: PersonId| as_of(&known, today).any(|fact| fact.person == id);
    match &body.person_id {
        Some(Ref(id)) if mine.contains(id) || lives(*id) => Ok(Some(*id)),
        Some(_) => Err(ApiError::fault("/person_id", "unknown_person", "不是该房屋的家庭成员", "is nobody of this home's household")),
        // Changes about the home alone are about nobody.
        None if body.changes.0.iter().all(|change| Field::from(change.field) == Field::Occupancy) => Ok(None),
        None => Ok(mine.iter().copied().find(|id| lives(*id)).or(mine.first().copied())),
    }
}

pub fn propose(tx: &mut Tx, cx: &Cx, body: &NewProposal) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let by = who.resident()?;
    room(store::pending(tx, who.id)?, MOST_PROPOSALS)?;
    let not_yours = || ApiError::fault("/home_id", "not_your_home", "您未绑定该房屋", "is not a home that you are bound to");
    let (home, _) = homes::find(tx, body.home_id.0)?.ok_or_else(not_yours)?;
    let acting = on_behalf(tx, who, body.delegation_id.map(|id| id.0), DelegationScope::Registry, home.community)?;
    let behalf = acting.map_or(Principal::Account(who.id), |acting| acting.behalf_of());
    let bound = delegations::homes_of(tx, behalf)?;
    if !bound.contains(&home.id) {
        return Err(not_yours());
    }
    let mine = match behalf {
        Principal::Account(account) => people::persons_of(tx, account)?,
        Principal::Person(person) => vec![person],
    };
    // Who somebody is in another community's registry says nothing here.
    let mine: Vec<PersonId> =
        people::find_all(tx, &cx.app.vault, &mine)?.into_iter().filter(|p| p.community == home.community).map(|p| p.id).collect();
    let person = person(tx, home.id, body, &mine)?;
    let about = About { community: home.community, home: home.id, grid: home.grid, person };
    let changes: Vec<(Field, &str)> = body.changes.0.iter().map(|change| (change.field.into(), change.value.0.as_str())).collect();
    let made = Proposal::propose(tx.new_id(), about, &changes, &bound, &by, tx.now()).map_err(refuse)?;
    let made = match acting {
        Some(acting) => acting.remember(made),
        None => made,
    };
    let id = store::save(tx, &cx.app.vault, made)?.id;
    let proposed = store::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    let mut reply = show(tx, cx, &proposed, None)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/registry-proposals/{id}"));
    Ok(reply)
}

/// A proposal of the caller, or about a home that they keep.
pub fn load(tx: &mut Tx, cx: &Cx, id: ProposalId) -> Result<(Proposed, Option<Keeper>), ApiError> {
    let who = cx.actor()?;
    let proposed = store::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    let keeper = keeper_if(tx, who, proposed.proposal.community)?;
    if proposed.proposal.parties(who, keeper.as_ref()).is_empty() { Err(absent()) } else { Ok((proposed, keeper)) }
}

/// A proposal as an answer; to staff with what the registry says now.
pub fn show(tx: &mut Tx, cx: &Cx, proposed: &Proposed, keeper: Option<&Keeper>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let p = &proposed.proposal;
    let allowed = p.allowed_actions(who, keeper);
    let is_staff = who.kind == PrincipalKind::Staff && keeper.is_some();
    let person = match p.person {
        Some(id) if is_staff => people::find(tx, &cx.app.vault, id)?,
        _ => None,
    };
    let occupancy = if is_staff { Some(occupancy(tx, p.home)?) } else { None };
    let now = |field: Field| match field {
        Field::Name => person.as_ref().map(|person| person.name.clone()),
        Field::Phone => person.as_ref().and_then(|person| person.phone.as_ref()).map(|phone| phone.expose().to_owned()),
        Field::Occupancy => occupancy.map(|word| word.to_string()),
        Field::MovedOut => person.as_ref().and_then(|person| person.moved_out_on).map(|day| day.to_string()),
        Field::Deceased => person.as_ref().and_then(|person| person.deceased_on).map(|day| day.to_string()),
        Field::MovedIn => None,
    };
    Ok(Reply::ok(&RegistryProposal::of(proposed, allowed, now))?.version(p.version))
}

fn occupancy(tx: &mut Tx, home: HomeId) -> Result<Occupancy, ApiError> {
    let (home, _) = homes::find(tx, home)?.ok_or_else(absent)?;
    let known = facts::of_homes(tx, &[home.id])?;
    Ok(shown(home.set_occupancy.map(|set| set.status), &known, tx.now().date()).status)
}

/// One action on a proposal: load, decide, save, show.
pub fn act(
    tx: &mut Tx,
    cx: &Cx,
    id: ProposalId,
    decide: impl FnOnce(&mut Tx, Proposal, &Actor, Option<&Keeper>) -> Result<Changed<Proposal>, Refusal>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (Proposed { proposal, label }, keeper) = load(tx, cx, id)?;
    cx.expect_version(proposal.version)?;
    let (state, allowed) = standing(&proposal, who, keeper.as_ref());
    let changed = decide(tx, proposal, who, keeper.as_ref()).map_err(|refusal| match refusal {
        Refusal::WrongState { .. } => ApiError::new(code::STATE_CONFLICT).in_state(state, allowed),
        other => refuse(other),
    })?;
    let proposal = store::save(tx, &cx.app.vault, changed)?;
    show(tx, cx, &Proposed { proposal, label }, keeper.as_ref())
}

fn standing(proposal: &Proposal, who: &Actor, keeper: Option<&Keeper>) -> (&'static str, Vec<&'static str>) {
    (proposal.state.as_str(), proposal.allowed_actions(who, keeper).into_iter().map(Action::as_str).collect())
}

/// Approves, and writes what was proposed; what the rules of today forbid is told, and nothing is saved.
pub fn approve(tx: &mut Tx, cx: &Cx, id: ProposalId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (before, keeper) = load(tx, cx, id)?;
    let (state, allowed) = standing(&before.proposal, who, keeper.as_ref());
    act(tx, cx, id, |tx, proposal, who, keeper| proposal.approve(who, keeper, tx.now()))?;
    // Who has just approved keeps the home.
    let by = keeper.ok_or_else(|| ApiError::new(code::FORBIDDEN))?;
    write(tx, cx, &before.proposal, &by).map_err(|error| match error.code() {
        c if c == code::VALIDATION_FAILED || c == code::DUPLICATE || c == code::STATE_CONFLICT => ApiError::new(code::STATE_CONFLICT)
            .because("按现在的登记无法写入该变更，请核实后驳回或先更正登记", "The registry as it is now does not allow this change")
            .in_state(state, allowed),
        _ => error,
    })?;
    let after = store::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    show(tx, cx, &after, Some(&by))
}

fn duplicate(error: DbError) -> ApiError {
    match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE),
        other => other.into(),
    }
}

/// A day that was checked when it was proposed.
fn day(proposal: &Proposal, field: Field) -> Result<Option<Date>, ApiError> {
    let unfit = |_| text_fault("/changes", "date_format");
    proposal.value(field).map(|text| text.parse().map_err(unfit)).transpose()
}

fn write(tx: &mut Tx, cx: &Cx, proposal: &Proposal, by: &Keeper) -> Result<(), ApiError> {
    let now = tx.now();
    if let Some(word) = proposal.value(Field::Occupancy) {
        let status: Occupancy = word.parse().map_err(|_| text_fault("/changes", "unknown_word"))?;
        let (home, _) = homes::find(tx, proposal.home)?.ok_or_else(absent)?;
        homes::save_occupancy(tx, home.set_occupancy(status, by, now).map_err(refuse)?)?;
    }
    let Some(id) = proposal.person else { return Ok(()) };
    let person = people::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    let mut grids = people::grids_of_one(tx, id)?;
    // Who moves in is not tied to the home yet; its keeper writes that they are.
    grids.push(proposal.grid);
    let person = mend(tx, cx, proposal, person, &grids, by)?;
    let mut is_tied = false;
    let mut person = person;
    if let Some(from) = day(proposal, Field::MovedIn)? {
        let (home, _) = homes::find(tx, proposal.home)?.ok_or_else(absent)?;
        let draft = FactDraft::plain(FactKind::Residence, from);
        let fact = write_tie(tx, (&person, &home), draft, Source::Proposal, by)?.map_err(refuse)?;
        person = tied(tx, cx, &person, (&fact, None), by)?;
    }
    if let Some(on) = day(proposal, Field::MovedOut)? {
        let living = |fact: &Fact| fact.home == proposal.home && LIVING_HERE.contains(&fact.kind);
        if end_facts(tx, &person, on, by, "/changes", living)? == 0 {
            return Err(ApiError::new(code::STATE_CONFLICT));
        }
        is_tied = true;
    }
    if let Some(on) = day(proposal, Field::Deceased)? {
        let (changed, altered) = person.record_death(on, &grids, by, now).map_err(refuse)?;
        let person = people::save(tx, &cx.app.vault, changed, &altered)?;
        end_facts(tx, &person, on, by, "/changes", |_| true)?;
        bindings::part(tx, person.id, |_| true)?;
    } else if is_tied {
        people::touch(tx, &person)?;
    }
    Ok(())
}

/// Writes another name or telephone, where one was proposed and is different.
fn mend(
    tx: &mut Tx,
    cx: &Cx,
    proposal: &Proposal,
    person: Person,
    grids: &[Option<jiazai_domain::registry::GridId>],
    by: &Keeper,
) -> Result<Person, ApiError> {
    let (name, phone) = (proposal.value(Field::Name), proposal.value(Field::Phone));
    if name.is_none() && phone.is_none() {
        return Ok(person);
    }
    let draft = person.amended(Amendment { name, phone: phone.map(Some), ..Amendment::default() });
    let reason = Reason::new(&format!("居民申请 {}", proposal.id)).ok();
    match person.clone().correct(draft, reason, grids, by, tx.now()).map_err(refuse)? {
        None => Ok(person),
        Some((changed, altered)) => people::save(tx, &cx.app.vault, changed, &altered).map_err(duplicate),
    }
}
