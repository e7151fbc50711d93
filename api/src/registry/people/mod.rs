//! People over HTTP: who they are (masked), what ties them to homes, who looked at them.

mod commands;
pub mod dto;
mod tag_dto;
mod tags;

use jiazai_domain::actor::{Community, PrincipalId, Role};
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::sight::{Mask, visible_tags};
use jiazai_domain::registry::{FactIdKind, PersonIdKind};
use jiazai_domain::registry::{FactKind, Grids, Reason};
use jiazai_infra::db::Tx;
use jiazai_infra::events;
use jiazai_infra::registry::people::{self as store, Filter, LIVING_HERE};
use jiazai_infra::registry::{facts, tags as tag_store};

pub use self::commands::{end_facts, names_of, tied, write_tie};
use self::commands::{in_sight, seen};
pub use self::dto::PersonFact;
use self::dto::{
    CorrectFact, Died, EndFact, MovedOut, NewFact, NewPerson, Person, PersonChange, PutPerson, RegistryView, Reveal, Revealed,
};
pub use self::tags::adopt;
use super::{KEEPERS, LOOKERS, day, seen_grids, sight, watching};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::Nothing;
use crate::op;
use crate::page::{Page, Window};
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Those who may know who looked at whom.
const WATCHERS: &[Role] = &[Role::CommunityAdmin, Role::GridWorker, Role::Auditor];

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE, code::PRECONDITION_FAILED];
    api.add(op!(create_person, Access::Roles(KEEPERS)).refuses(&[code::DUPLICATE]))
        .add(op!(list_people, Access::Roles(LOOKERS)).exported_apart().refuses(&[code::NOT_FOUND, code::CURSOR_INVALID]))
        .add(op!(get_person, Access::Roles(LOOKERS)))
        .add(op!(put_person, Access::Roles(KEEPERS)).refuses(&[code::DUPLICATE, code::STALE]))
        .add(op!(list_person_changes, Access::Roles(LOOKERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(record_person_fact, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(list_person_facts, Access::Roles(LOOKERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(correct_household_fact, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(end_household_fact, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(record_death, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(move_person_out, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(move_person_back, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(reveal_person, Access::Roles(KEEPERS)))
        .add(op!(list_person_views, Access::Roles(WATCHERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_my_registry_views, Access::Residents).refuses(&[code::CURSOR_INVALID]));
    tags::routes(api);
}

/// Write a person down
///
/// Name, document, telephone, sex and birth date are sealed where they are kept. Sex and birth date may be left out where the
/// document's number tells them.
#[utoipa::path(post, path = "/people", tag = "registry", operation_id = "create_person",
    request_body(content = NewPerson, example = json!({ "community_id": "com_01h455vb4pex5vsknk084sn02q", "name": "赵样一", "id_type": "resident_id", "id_number": "11010519491231002X", "phone": "13812345678", "facts": [{ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "kind": "owner", "from": "2020-05-01", "share": "1/2" }] })),
    responses((status = 201, body = Person, headers(("ETag" = String)))))]
async fn create_person(call: Call) -> Outcome {
    let body: NewPerson = call.body()?;
    call.write(move |tx, cx| commands::create(tx, cx, &body)).await
}

/// List people
///
/// Newest first, masked as the caller's role demands. A grid worker gets those tied to homes of their grids today. `name` is a
/// whole name: sealed names can be compared, not searched.
#[utoipa::path(get, path = "/communities/{id}/people", tag = "registry", operation_id = "list_people",
    params(
        ("id" = String, Path), ("tag" = Option<String>, Query, description = "The code of a tag that the caller may see"),
        ("grid_id" = Option<String>, Query), ("building_id" = Option<String>, Query), ("name" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Person>)))]
async fn list_people(call: Call, id: At<Community>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let filter =
        Filter { tag: params.text("tag")?, grid: params.id("grid_id")?, building: params.id("building_id")?, name: params.text("name")? };
    call.list(params, move |tx, cx, window| list(tx, cx, id.0, &filter, window)).await
}

fn list(tx: &mut Tx, cx: &Cx, place: jiazai_domain::actor::CommunityId, filter: &Filter, window: Window) -> Result<Page<Person>, ApiError> {
    let who = cx.actor()?;
    // 404 outside the caller's communities, 403 where their work is another one.
    let mut within = seen_grids(tx, who, place)?;
    let sight = sight(tx, who)?;
    let dictionary = tag_store::dictionary(tx, place)?;
    let mut filter = filter.clone();
    if let Some(asked) = &filter.tag {
        let tag = dictionary.iter().find(|tag| tag.code == *asked || tag.name == *asked);
        let tag = tag.ok_or_else(|| ApiError::query("tag", "不在本社区的标签字典中", "is not in the community's dictionary"))?;
        // To list those who have a tag is to see who has it: a grid worker's tags are listed in their grids.
        let everywhere = tag.visible_to(&sight.roles_at(who, place, &[]));
        if !everywhere && !tag.visible_to(&who.roles_in(place)) {
            return Err(ApiError::new(code::FORBIDDEN).because("您无权查看该标签", "The tag is not for your role to see"));
        }
        if !everywhere {
            within = Grids::Only(sight.grids.clone());
        }
        filter.tag = Some(tag.code.clone());
    }
    let rows = store::list(tx, &cx.app.vault, (place, &within), &filter, window.after.as_deref(), window.fetch())?;
    let ids: Vec<_> = rows.iter().map(|person| person.id).collect();
    let given = tag_store::of_people(tx, &ids)?;
    let today = tx.now().date();
    let grids = store::grids_of(tx, &ids, today)?;
    Ok(window.page(
        rows,
        |person| person.id.text(),
        |person| {
            let own = given.get(&person.id).map(Vec::as_slice).unwrap_or_default();
            let roles = sight.roles_at(who, place, grids.get(&person.id).map(Vec::as_slice).unwrap_or_default());
            let tags = visible_tags(own, &dictionary, &roles, today).into_iter().map(|tag| dto::PersonTag::of(tag, &dictionary)).collect();
            Person::of(&person, Mask::of(who, &roles), tags, None, today)
        },
    ))
}

/// One person
///
/// With `as_of`, what tied them to homes on that day, by what is known now.
#[utoipa::path(get, path = "/people/{id}", tag = "registry", operation_id = "get_person",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, format = Date, description = "A day in Asia/Shanghai; today when left out")),
    responses((status = 200, body = Person, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_person(call: Call, id: At<PersonIdKind>) -> Outcome {
    let mut params = call.query()?;
    let asked = day(&mut params, "as_of")?;
    params.finish()?;
    call.read_brief(move |tx, cx| {
        let seen = seen(tx, cx, id.0)?;
        let reply = Reply::ok(&commands::show(tx, cx, &seen, asked)?)?;
        // What was shown of another day has no version of its own.
        Ok(if asked.is_some() { reply } else { reply.version(seen.person.version) })
    })
    .await
}

/// Correct a person
///
/// What is left out stays as it is, null takes a value away: whoever sees only masks need not send what they do not see. What
/// was written before is remembered.
#[utoipa::path(put, path = "/people/{id}", tag = "registry", operation_id = "put_person", params(("id" = String, Path)),
    request_body(content = PutPerson, example = json!({ "phone": "13912345678", "reason": "本人到社区更正" })),
    responses((status = 200, body = Person, headers(("ETag" = String)))))]
async fn put_person(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: PutPerson = call.body()?;
    call.write(move |tx, cx| commands::correct(tx, cx, id.0, &body)).await
}

/// What was written of a person before
///
/// Oldest first; numbers, telephones and names masked.
#[utoipa::path(get, path = "/people/{id}/changes", tag = "registry", operation_id = "list_person_changes",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<PersonChange>)))]
async fn list_person_changes(call: Call, id: At<PersonIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let seen = seen(tx, cx, id.0)?;
        let mask = seen.mask(cx.actor()?);
        if mask == Mask::Shadow {
            return Err(ApiError::new(code::FORBIDDEN));
        }
        let rows = store::history(tx, &cx.app.vault, &id.0.text(), window.after.as_deref(), window.fetch())?;
        let names = names_of(tx, rows.iter().map(|row| row.by))?;
        let by = |id: &PrincipalId| names.get(id).cloned().unwrap_or_default();
        Ok(window.page(
            rows,
            |row| row.key(),
            |row| {
                let by = by(&row.by);
                PersonChange::of(row, mask, by)
            },
        ))
    })
    .await
}

/// Tie a person to a home
///
/// Shares of one home are never more than the whole, and a person has one hukou and one sole residence at a time.
#[utoipa::path(post, path = "/people/{id}/facts", tag = "registry", operation_id = "record_person_fact", params(("id" = String, Path)),
    request_body(content = NewFact, example = json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "kind": "residence", "from": "2024-09-01", "sole": true })),
    responses((status = 201, body = PersonFact, headers(("ETag" = String)))))]
async fn record_person_fact(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: NewFact = call.body()?;
    call.write(move |tx, cx| commands::record(tx, cx, id.0, &body)).await
}

/// Everything that ever tied a person to homes
///
/// Oldest first, with what was corrected away.
#[utoipa::path(get, path = "/people/{id}/facts", tag = "registry", operation_id = "list_person_facts",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<PersonFact>)))]
async fn list_person_facts(call: Call, id: At<PersonIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let seen = seen(tx, cx, id.0)?;
        let after = window.after.clone().unwrap_or_default();
        // A life has a few dozen facts; they are read at once and shown a page at a time.
        let known = facts::of_people(tx, &[id.0])?.into_iter().filter(|fact| fact.id.text() > after).collect();
        let mut rows = in_sight(tx, &seen.sight, known)?;
        rows.truncate(window.fetch() as usize);
        Ok(window.page(rows, |fact| fact.id.text(), |fact| PersonFact::from(&fact)))
    })
    .await
}

/// Say a tie differently
///
/// The old one is taken back and stays readable; the answer is the new one, with an id of its own.
#[utoipa::path(post, path = "/household-facts/{id}/correct", tag = "registry", operation_id = "correct_household_fact",
    params(("id" = String, Path)),
    request_body(content = CorrectFact, example = json!({ "from": "2024-08-15", "share": "50%", "reason": "按房产证更正" })),
    responses((status = 200, body = PersonFact, headers(("ETag" = String)))))]
async fn correct_household_fact(call: Call, id: At<FactIdKind>) -> Outcome {
    let body: CorrectFact = call.body()?;
    call.write(move |tx, cx| commands::correct_fact(tx, cx, id.0, &body)).await
}

/// Let a tie end
#[utoipa::path(post, path = "/household-facts/{id}/end", tag = "registry", operation_id = "end_household_fact",
    params(("id" = String, Path)), request_body(content = EndFact, example = json!({ "until": "2026-12-01" })),
    responses((status = 200, body = PersonFact, headers(("ETag" = String)))))]
async fn end_household_fact(call: Call, id: At<FactIdKind>) -> Outcome {
    let body: EndFact = call.body()?;
    call.write(move |tx, cx| commands::end_fact(tx, cx, id.0, body.until.0)).await
}

/// Record a death 去世
///
/// Everything that ties the person to homes ends on that day.
#[utoipa::path(post, path = "/people/{id}/record-death", tag = "registry", operation_id = "record_death", params(("id" = String, Path)),
    request_body(content = Died, example = json!({ "deceased_on": "2026-10-08" })), responses((status = 200, body = Person, headers(("ETag" = String)))))]
async fn record_death(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: Died = call.body()?;
    let on: Date = body.deceased_on.0;
    call.write(move |tx, cx| {
        let now = tx.now();
        commands::leave(tx, cx, id.0, ("/deceased_on", on), |_| true, |person, grids, by| person.record_death(on, grids, by, now))
    })
    .await
}

/// Record a move away 迁出
///
/// Living here ends on that day; owning a home and a hukou go on until somebody ends them.
#[utoipa::path(post, path = "/people/{id}/move-out", tag = "registry", operation_id = "move_person_out", params(("id" = String, Path)),
    request_body(content = MovedOut, example = json!({ "moved_out_on": "2026-10-08" })), responses((status = 200, body = Person, headers(("ETag" = String)))))]
async fn move_person_out(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: MovedOut = call.body()?;
    let on: Date = body.moved_out_on.0;
    let living_here = |kind: FactKind| LIVING_HERE.contains(&kind);
    call.write(move |tx, cx| {
        let now = tx.now();
        commands::leave(tx, cx, id.0, ("/moved_out_on", on), living_here, |person, grids, by| person.move_out(on, grids, by, now))
    })
    .await
}

/// Record a move back 迁回
///
/// Where they live now is recorded as a tie of its own.
#[utoipa::path(post, path = "/people/{id}/move-back", tag = "registry", operation_id = "move_person_back", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = Person, headers(("ETag" = String)))))]
async fn move_person_back(call: Call, id: At<PersonIdKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| {
        let (now, today) = (tx.now(), tx.now().date());
        commands::leave(tx, cx, id.0, ("", today), |_| false, |person, grids, by| person.move_back(grids, by, now))
    })
    .await
}

/// Lift the mask
///
/// The only place where a whole number or telephone appears. It is remembered with its reason, and the person can read who
/// looked.
#[utoipa::path(post, path = "/people/{id}/reveal", tag = "registry", operation_id = "reveal_person", params(("id" = String, Path)),
    request_body(content = Reveal, example = json!({ "fields": ["phone"], "reason": "上门前电话联系" })), responses((status = 200, body = Revealed)))]
async fn reveal_person(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: Reveal = call.body()?;
    call.write(move |tx, cx| commands::reveal(tx, cx, id.0, &body)).await
}

fn views(tx: &mut Tx, people: &[jiazai_domain::registry::PersonId], window: Window) -> Result<Page<RegistryView>, ApiError> {
    let subjects: Vec<String> = people.iter().map(|person| person.text()).collect();
    let rows = events::of_kind(tx, &subjects, "person.revealed", window.after.as_deref(), window.fetch())?;
    let names = names_of(tx, rows.iter().filter_map(|event| event.actor))?;
    let by = |id: Option<PrincipalId>| id.and_then(|id| names.get(&id).cloned()).unwrap_or_default();
    let views: Vec<RegistryView> = rows
        .into_iter()
        .filter_map(|event| {
            let by = by(event.actor);
            RegistryView::of(event, by)
        })
        .collect();
    Ok(window.page(views, |view| view.id.0.text(), |view| view))
}

/// Who looked at a person
///
/// Oldest first.
#[utoipa::path(get, path = "/people/{id}/views", tag = "registry", operation_id = "list_person_views",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RegistryView>)))]
async fn list_person_views(call: Call, id: At<PersonIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let seen = seen(tx, cx, id.0)?;
        // Whoever sees a person in one role and watches elsewhere in another does not watch here.
        if !watching(tx, cx.actor()?)?.sees_person(seen.person.community, &seen.grids) {
            return Err(ApiError::new(code::FORBIDDEN));
        }
        views(tx, &[id.0], window)
    })
    .await
}

/// Who looked at me
///
/// Every time that somebody lifted the mask from my number, telephone, name or birth date, and why. Oldest first.
#[utoipa::path(get, path = "/me/registry-views", tag = "registry", operation_id = "list_my_registry_views",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RegistryView>)))]
async fn list_my_registry_views(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, |tx, cx, window| {
        let me = store::persons_of(tx, cx.actor()?.id)?;
        views(tx, &me, window)
    })
    .await
}

/// Why somebody does something.
pub fn why(text: &str) -> Result<Reason, ApiError> {
    Reason::new(text).map_err(|fault| crate::faults::text_fault("/reason", fault.into()))
}
