//! Certificates 证书.

use actix_web::http::header::ACCEPT;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Certificate, CertificateCode, Eligibility, MAX_CERTIFICATES, Reason, Refusal};
use jiazai_infra::db::Tx;
use jiazai_infra::{community, identity, vault, volunteer as store};

use super::commands::absent;
use super::dto::{CertificateDto, NewCertificate, WhyRevoked};
use super::refusal::CONFLICT;
use super::{LEADERS, picture};
use crate::call::{Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(issue_certificate, Access::Residents).refuses(&[code::NOTHING_TO_CERTIFY, code::TOO_MANY_CERTIFICATES]))
        .add(op!(list_my_certificates, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_certificate, Access::Public))
        .add(op!(revoke_certificate, Access::Roles(LEADERS)).refuses(CONFLICT).refuses(&[code::ALREADY_REVOKED]));
}

/// Certify my hours 开具证书
///
/// For what I have served in a community by now. Whoever is given the code can check it. At most ten within a day.
#[utoipa::path(post, path = "/me/certificates", tag = "volunteer", operation_id = "issue_certificate",
    request_body(content = NewCertificate, example = json!({})), responses((status = 201, body = CertificateDto, headers(("ETag" = String)))))]
async fn issue_certificate(call: Call) -> Outcome {
    let body: NewCertificate = call.body()?;
    call.write(move |tx, cx| issue(tx, cx, &body)).await
}

fn issue(tx: &mut Tx, cx: &Cx, body: &NewCertificate) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let resident = who.resident()?;
    // One after the other, so that all of them are counted.
    store::touch(tx, who.id)?;
    let served = store::minutes_by_community(tx, who.id)?;
    let (place, minutes) = match (body.community_id, served.as_slice()) {
        (Some(place), all) => (place.0, all.iter().find(|(other, _)| *other == place.0).map_or(0, |(_, minutes)| *minutes)),
        (None, [one]) => *one,
        (None, []) => return Err(ApiError::new(code::NOTHING_TO_CERTIFY)),
        (None, _) => {
            return Err(ApiError::fault(
                "/community_id",
                "required",
                "您在多个社区服务过，请选择社区",
                "is required, because you have served in several",
            ));
        }
    };
    let unknown = || ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community");
    let issuer = community::find(tx, place)?.ok_or_else(unknown)?;
    let account = identity::principal(tx, who.id)?.ok_or_else(absent)?;
    let name = store::facts_of(tx, &cx.app.vault, place, who.id, &Eligibility::default())?.name.unwrap_or(account.display_name);
    let code = CertificateCode::from_random(vault::random());
    let recent: Vec<Timestamp> =
        store::certificates_of(tx, who.id, None, MAX_CERTIFICATES as i64)?.iter().map(|one| one.facts().issued_at).collect();
    let issued = Certificate::issue(code, (&resident, &name), minutes, (place, &issuer.name), &recent, tx.now());
    let issued = issued.map_err(|refusal| match refusal {
        Refusal::TooManyCertificates { again_at } => {
            ApiError::new(code::TOO_MANY_CERTIFICATES).retry_after(again_at.wait_from(tx.now()).as_secs() + 1)
        }
        _ => ApiError::new(code::NOTHING_TO_CERTIFY),
    })?;
    let certificate = store::save_certificate(tx, issued)?;
    Ok(Reply::created(format!("/api/v1/certificates/{code}"), &CertificateDto::of(&certificate, Some(who)))?.version(1))
}

/// My certificates
///
/// Newest first.
#[utoipa::path(get, path = "/me/certificates", tag = "volunteer", operation_id = "list_my_certificates",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<CertificateDto>)))]
async fn list_my_certificates(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let me = who.id;
        let after =
            window.after.as_deref().and_then(|key| key.split_once(' ')).and_then(|(at, code)| Some((at.parse().ok()?, code.to_owned())));
        let rows = store::certificates_of(tx, me, after, window.fetch())?;
        let key = |one: &Certificate| format!("{} {}", one.facts().issued_at.millis(), one.facts().code);
        Ok(window.page(rows, key, |one| CertificateDto::of(&one, Some(who))))
    })
    .await
}

fn load(tx: &mut Tx, code: &str) -> Result<Certificate, ApiError> {
    // A code that was copied wrongly is found out without a look, and is as unknown as any other.
    let code: CertificateCode = code.parse().map_err(|_| absent())?;
    store::certificate(tx, code)?.ok_or_else(absent)
}

fn show(certificate: &Certificate, who: Option<&Actor>) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&CertificateDto::of(certificate, who))?.version(certificate.facts().version))
}

/// Check a certificate 查验证书
///
/// Open to everybody who has the code. Case, spaces and hyphens do not matter. With `Accept: text/html`, as browsers send it, a page to
/// look at and to print, with a QR code that leads to it.
#[utoipa::path(get, path = "/certificates/{code}", tag = "volunteer", operation_id = "get_certificate", params(("code" = String, Path)),
    responses((status = 200, content((CertificateDto = "application/json"), (String = "text/html")), headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_certificate(call: Call) -> Outcome {
    let code = call.path_value("code");
    let accepts = call.request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        let certificate = call.app.db.read_brief(move |tx| load(tx, &code)).await?;
        // The caller's own view of where we are: it is they who see the page.
        let here = call.request.connection_info();
        let at = format!("{}://{}/api/v1/certificates/{}", here.scheme(), here.host(), certificate.facts().code);
        return picture::certificate_page(&certificate, &at);
    }
    call.read_brief(move |tx, _| show(&load(tx, &code)?, None)).await
}

/// Revoke it 作废
///
/// The page behind the code stays and says so.
#[utoipa::path(post, path = "/certificates/{code}/revoke", tag = "volunteer", operation_id = "revoke_certificate", params(("code" = String, Path)),
    request_body(content = WhyRevoked, example = json!({ "reason": "时长登记有误" })), responses((status = 200, body = CertificateDto)))]
async fn revoke_certificate(call: Call) -> Outcome {
    let body: WhyRevoked = call.body()?;
    let code = call.path_value("code");
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let certificate = load(tx, &code)?;
        let by = who.volunteer_leader_of(certificate.facts().community)?;
        cx.expect_version(certificate.facts().version)?;
        let why = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
        let changed =
            certificate.revoke(why, &by, tx.now()).map_err(|_| ApiError::new(code::ALREADY_REVOKED).in_state("revoked", vec![]))?;
        show(&store::save_certificate(tx, changed)?, Some(who))
    })
    .await
}
