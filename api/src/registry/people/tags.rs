//! The dictionary of tags, and giving them to people.

use jiazai_domain::actor::{Community, Role};
use jiazai_domain::registry::presets::PRESETS;
use jiazai_domain::registry::{PersonIdKind, PersonTag as Given, PersonTagIdKind, Tag, TagDraft};
use jiazai_infra::db::DbError;
use jiazai_infra::registry::{people as people_store, tags as store};

use super::commands::kept;
use super::dto::PersonTag;
use super::tag_dto::{AdoptPreset, GiveTag, NewTag, PutTag, RemoveTag, TagDictionary, TagEntry, TagPresets, TagRoles};
use super::why;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::op;
use crate::registry::{ADMINS, KEEPERS, LOOKERS, absent, admin, refuse, seen_grids};
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE, code::PRECONDITION_FAILED];
    api.add(op!(list_tags, Access::Roles(LOOKERS)).refuses(&[code::NOT_FOUND]))
        .add(op!(create_tag, Access::Roles(ADMINS)).refuses(&[code::NOT_FOUND, code::DUPLICATE]))
        .add(op!(put_tag, Access::Roles(ADMINS)).refuses(&[code::NOT_FOUND, code::DUPLICATE, code::STALE]))
        .add(op!(adopt_tag_preset, Access::Roles(ADMINS)).refuses(&[code::NOT_FOUND, code::DUPLICATE]))
        .add(op!(list_tag_presets, Access::Public))
        .add(op!(give_person_tag, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(remove_person_tag, Access::Roles(KEEPERS)).refuses(conflict));
}

fn taken(error: DbError) -> ApiError {
    match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE).because("标签代码或名称已被使用", "The tag's code or name is taken"),
        other => other.into(),
    }
}

/// The dictionary of tags
///
/// By code. Who has a tag is shown only to those whom it names.
#[utoipa::path(get, path = "/communities/{id}/tags", tag = "registry", operation_id = "list_tags", params(("id" = String, Path)),
    responses((status = 200, body = TagDictionary)))]
async fn list_tags(call: Call, id: At<Community>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        seen_grids(tx, cx.actor()?, id.0)?;
        let items = store::dictionary(tx, id.0)?.into_iter().map(TagEntry::from).collect();
        Reply::ok(&TagDictionary { items })
    })
    .await
}

fn roles(named: &TagRoles) -> Vec<Role> {
    named.0.iter().map(|role| (*role).into()).collect()
}

/// Add a tag to the dictionary
#[utoipa::path(post, path = "/communities/{id}/tags", tag = "registry", operation_id = "create_tag", params(("id" = String, Path)),
    request_body(content = NewTag, example = json!({ "code": "veteran", "name": "退役军人", "legal_basis": "《退役军人保障法》", "visible_to": ["grid_worker"] })),
    responses((status = 201, body = TagEntry, headers(("ETag" = String)))))]
async fn create_tag(call: Call, id: At<Community>) -> Outcome {
    let body: NewTag = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let draft = TagDraft {
            name: &body.name.0,
            legal_basis: &body.legal_basis.0,
            visible_to: roles(&body.visible_to),
            valid_days: body.valid_days.map(|days| days.0),
            active: true,
        };
        let made = Tag::create(&body.code.0, draft, &by, tx.now()).map_err(|faults| faulty("", faults))?;
        let tag = store::save(tx, made).map_err(taken)?;
        let version = tag.version;
        Ok(Reply::created(format!("/api/v1/communities/{}/tags", id.0), &TagEntry::from(tag))?.version(version))
    })
    .await
}

/// Change a tag
///
/// A tag that is not active is no longer given; who has it keeps it until it ends.
#[utoipa::path(put, path = "/communities/{id}/tags/{code}", tag = "registry", operation_id = "put_tag",
    params(("id" = String, Path), ("code" = String, Path)),
    request_body(content = PutTag, example = json!({ "name": "退役军人", "legal_basis": "《退役军人保障法》", "visible_to": ["grid_worker"], "active": true })),
    responses((status = 200, body = TagEntry, headers(("ETag" = String)))))]
async fn put_tag(call: Call, id: At<Community>) -> Outcome {
    let body: PutTag = call.body()?;
    let word = call.path_value("code");
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let tag = store::find(tx, id.0, &word)?.ok_or_else(absent)?;
        cx.expect_version(tag.version)?;
        let draft = TagDraft {
            name: &body.name.0,
            legal_basis: &body.legal_basis.0,
            visible_to: roles(&body.visible_to),
            valid_days: body.valid_days.map(|days| days.0),
            active: body.active,
        };
        let tag = store::save(tx, tag.replace(draft, &by, tx.now()).map_err(refuse)?).map_err(taken)?;
        let version = tag.version;
        Ok(Reply::ok(&TagEntry::from(tag))?.version(version))
    })
    .await
}

/// Take over a ready-made scheme
///
/// Adds the tags of the scheme whose codes the dictionary does not have yet, and answers the whole dictionary.
#[utoipa::path(post, path = "/communities/{id}/tags/adopt", tag = "registry", operation_id = "adopt_tag_preset",
    params(("id" = String, Path)), request_body(content = AdoptPreset, example = json!({ "preset": "five" })),
    responses((status = 200, body = TagDictionary)))]
async fn adopt_tag_preset(call: Call, id: At<Community>) -> Outcome {
    let body: AdoptPreset = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let preset = PRESETS.iter().find(|preset| preset.code == body.preset.0);
        let preset =
            preset.ok_or_else(|| ApiError::fault("/preset", "unknown_preset", "没有这个标签方案", "is not a ready-made scheme"))?;
        adopt(tx, preset, &by).map_err(taken)?;
        let items = store::dictionary(tx, id.0)?.into_iter().map(TagEntry::from).collect();
        Reply::ok(&TagDictionary { items })
    })
    .await
}

/// Adds what a dictionary lacks of a scheme.
pub fn adopt(
    tx: &mut jiazai_infra::db::Tx,
    preset: &jiazai_domain::registry::presets::Preset,
    by: &jiazai_domain::actor::CommunityAdmin,
) -> Result<(), DbError> {
    let known = store::dictionary(tx, by.community())?;
    for tag in preset.tags.iter().filter(|tag| !known.iter().any(|known| known.code == tag.code)) {
        let draft = TagDraft {
            name: tag.name,
            legal_basis: tag.legal_basis,
            visible_to: tag.visible_to.to_vec(),
            valid_days: tag.valid_days,
            active: true,
        };
        let made = Tag::create(tag.code, draft, by, tx.now());
        store::save(tx, made.map_err(|faults| DbError::Corrupt(format!("the preset tag {}: {faults:?}", tag.code)))?)?;
    }
    Ok(())
}

/// Ready-made schemes of tags
#[utoipa::path(get, path = "/meta/tag-presets", tag = "meta", operation_id = "list_tag_presets", responses((status = 200, body = TagPresets)))]
async fn list_tag_presets(call: Call) -> Outcome {
    call.query()?.finish()?;
    Ok(call.answer(Reply::ok(&TagPresets::all())?))
}

/// Give a person a tag
///
/// It ends when the dictionary's time for it is over, or earlier where `until` says so.
#[utoipa::path(post, path = "/people/{id}/tags", tag = "registry", operation_id = "give_person_tag", params(("id" = String, Path)),
    request_body(content = GiveTag, example = json!({ "tag": "veteran" })), responses((status = 201, body = PersonTag, headers(("ETag" = String)))))]
async fn give_person_tag(call: Call, id: At<PersonIdKind>) -> Outcome {
    let body: GiveTag = call.body()?;
    call.write(move |tx, cx| {
        let (seen, by) = kept(tx, cx, id.0)?;
        let (roles, person, grids) = (seen.roles(cx.actor()?), seen.person, seen.grids);
        let dictionary = store::dictionary(tx, person.community)?;
        let asked = dictionary.iter().find(|tag| tag.code == body.tag.0 || tag.name == body.tag.0);
        let tag = asked
            .ok_or_else(|| ApiError::fault("/tag", "unknown_tag", "标签不在本社区的标签字典中", "is not in the community's dictionary"))?;
        // Whoever may not see that somebody has a tag may not give it: the refusal of a second would tell.
        if !tag.visible_to(&roles) {
            return Err(ApiError::new(code::FORBIDDEN));
        }
        let had = store::of_people(tx, &[person.id])?.remove(&person.id).unwrap_or_default();
        let days = (body.from.map_or_else(|| tx.now().date(), |day| day.0), body.until.map(|day| day.0));
        let given = Given::give(tx.new_id(), tag, (&person, &grids, &had), days, &by, tx.now()).map_err(refuse)?;
        let given = store::save_given(tx, person.community, given)?;
        // One version on, so that whoever has seen the person without it sees that there is something new.
        people_store::touch(tx, &person)?;
        Ok(Reply::created(format!("/api/v1/people/{}", person.id), &PersonTag::of(&given, &dictionary))?.version(given.version))
    })
    .await
}

/// Take a tag away
///
/// That the person had it stays readable.
#[utoipa::path(post, path = "/person-tags/{id}/remove", tag = "registry", operation_id = "remove_person_tag", params(("id" = String, Path)),
    request_body(content = RemoveTag, example = json!({ "reason": "不再符合条件" })), responses((status = 200, body = PersonTag, headers(("ETag" = String)))))]
async fn remove_person_tag(call: Call, id: At<PersonTagIdKind>) -> Outcome {
    let body: RemoveTag = call.body()?;
    call.write(move |tx, cx| {
        let tag = store::given(tx, id.0)?.ok_or_else(absent)?;
        let (seen, by) = kept(tx, cx, tag.person)?;
        let (roles, person, grids) = (seen.roles(cx.actor()?), seen.person, seen.grids);
        let dictionary = store::dictionary(tx, person.community)?;
        if !dictionary.iter().any(|entry| entry.code == tag.code && entry.visible_to(&roles)) {
            return Err(absent());
        }
        cx.expect_version(tag.version)?;
        let removed = tag.remove(&person, &grids, why(&body.reason.0)?, &by, tx.now()).map_err(refuse)?;
        let removed = store::save_given(tx, person.community, removed)?;
        people_store::touch(tx, &person)?;
        Ok(Reply::ok(&PersonTag::of(&removed, &dictionary))?.version(removed.version))
    })
    .await
}
