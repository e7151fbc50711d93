//! Guardians' consents 监护人同意.

use jiazai_domain::actor::Actor;
use jiazai_domain::volunteer::{ActivityId, ActivityKind, GuardianConsent, GuardianConsentId, GuardianConsentKind, Refusal, TextVersion};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::volunteer as store;

use super::commands::{absent, seen_activity};
use super::dto::{GuardianConsentDto, NewGuardianConsent};
use super::refusal::{CONFLICT, Standing};
use super::seats;
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(give_guardian_consent, Access::Residents).refuses(CONFLICT).refuses(&[code::DUPLICATE]))
        .add(op!(list_my_guardian_consents, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_guardian_consent, Access::Residents))
        .add(op!(withdraw_guardian_consent, Access::Residents).refuses(CONFLICT));
}

fn show(consent: &GuardianConsent, who: &Actor) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&GuardianConsentDto::of(consent, who))?.version(consent.version))
}

/// The consent, for the guardian and for whom it was given.
fn load(tx: &mut Tx, who: &Actor, id: GuardianConsentId) -> Result<GuardianConsent, ApiError> {
    let consent = store::consent(tx, id)?.ok_or_else(absent)?;
    if [consent.guardian, consent.minor].contains(&who.id) { Ok(consent) } else { Err(absent()) }
}

/// Agree that a minor takes part 监护人同意
///
/// By an adult of the same home, both being known to the registry by their bindings. It holds for all shifts of the activity until
/// it is withdrawn, as long as the two live together; without it a minor's sign-up is refused with `consent_required`.
#[utoipa::path(post, path = "/volunteer-activities/{id}/consents", tag = "volunteer", operation_id = "give_guardian_consent",
    params(("id" = String, Path)),
    request_body(content = NewGuardianConsent, example = json!({ "resident_id": "usr_01h455vb4pex5vsknk084sn02q", "text_version": "2026-01" })), responses((status = 201, body = GuardianConsentDto, headers(("ETag" = String)))))]
async fn give_guardian_consent(call: Call, id: At<ActivityKind>) -> Outcome {
    let body: NewGuardianConsent = call.body()?;
    call.write(move |tx, cx| give(tx, cx, id.0, &body)).await
}

fn give(tx: &mut Tx, cx: &Cx, activity: ActivityId, body: &NewGuardianConsent) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let by = who.resident()?;
    let activity = seen_activity(tx, who, activity)?;
    let text = TextVersion::new(&body.text_version.0).map_err(|fault| text_fault("/text_version", fault.into()))?;
    let (minor, place) = (body.resident_id.0, activity.facts().community);
    let kin = store::kin(tx, &cx.app.vault, place, minor, who.id)?;
    let standing = Standing::of_activity(&activity, who, tx.now());
    let given = GuardianConsent::give(tx.new_id(), &activity, text, (minor, &kin), &by, tx.now());
    let consent = store::save_consent(tx, given.map_err(|refusal| standing.refuse(refusal))?).map_err(|error| match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE).because("您已同意过", "You have agreed already"),
        other => other.into(),
    })?;
    let at = format!("/api/v1/guardian-consents/{}", consent.id);
    Ok(Reply::created(at, &GuardianConsentDto::of(&consent, who))?.version(consent.version))
}

/// Consents that I gave, or that were given for me
///
/// Newest first.
#[utoipa::path(get, path = "/me/guardian-consents", tag = "volunteer", operation_id = "list_my_guardian_consents",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<GuardianConsentDto>)))]
async fn list_my_guardian_consents(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::consents_of(tx, who.id, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |consent| consent.id.text(), |consent| GuardianConsentDto::of(&consent, who)))
    })
    .await
}

/// One consent
#[utoipa::path(get, path = "/guardian-consents/{id}", tag = "volunteer", operation_id = "get_guardian_consent", params(("id" = String, Path)),
    responses((status = 200, body = GuardianConsentDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_guardian_consent(call: Call, id: At<GuardianConsentKind>) -> Outcome {
    call.read_brief(move |tx, cx| show(&load(tx, cx.actor()?, id.0)?, cx.actor()?)).await
}

/// Withdraw it 撤回同意
///
/// With it goes whatever the minor has not begun in this activity, unless another guardian has agreed too.
#[utoipa::path(post, path = "/guardian-consents/{id}/withdraw", tag = "volunteer", operation_id = "withdraw_guardian_consent",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = GuardianConsentDto)))]
async fn withdraw_guardian_consent(call: Call, id: At<GuardianConsentKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| withdraw(tx, cx, id.0)).await
}

fn withdraw(tx: &mut Tx, cx: &Cx, id: GuardianConsentId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    // The minor's record first: a sign-up that is under way comes before, and is found, or after, and finds no consent.
    let minor = load(tx, who, id)?.minor;
    store::touch(tx, minor)?;
    let consent = load(tx, who, id)?;
    cx.expect_version(consent.version)?;
    let activity = consent.activity;
    let changed = consent.withdraw(who, tx.now()).map_err(|refusal| match refusal {
        Refusal::WrongState { state } => ApiError::new(code::STATE_CONFLICT).in_state(state, vec![]),
        _ => ApiError::new(code::FORBIDDEN),
    })?;
    let consent = store::save_consent(tx, changed)?;
    seats::end_unconsented(tx, &cx.app.vault, who, activity, minor)?;
    show(&consent, who)
}
