//! Me: what somebody may see, change, take away and erase of their own account.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::content::{Cause, Verdict};
use jiazai_infra::db::Tx;
use jiazai_infra::identity as store;
use jiazai_infra::password::totp::TotpKey;
use jiazai_infra::password::{self};
use jiazai_infra::vault::{Aad, Secret};
use jiazai_infra::wechat::Scene;
use jiazai_infra::{enrolment, ledger, notices, repair as repair_store, volunteer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{Begun, Call, Outcome};
use crate::error::{ApiError, code};
use crate::identity::dto::{Login, Password, Principal};
use crate::identity::{count_failure, not_locked, wechat_refusal};
use crate::input::named::{Text6To6, Text20, Text512};
use crate::input::{Faults, Instant, Nothing};
use crate::op;
use crate::registry::MyRegistry;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

pub fn routes(api: &mut Api) {
    api.add(op!(bind_phone, Access::Residents).refuses(&[code::WECHAT_CODE_INVALID, code::WECHAT_THROTTLED, code::WECHAT_UNAVAILABLE]))
        .add(op!(get_me, Access::Anyone).open_to_programs())
        .add(op!(update_me, Access::Residents).unconditional().refuses(&[code::WECHAT_UNAVAILABLE]))
        .add(op!(delete_me, Access::Residents))
        .add(op!(export_my_data, Access::Residents))
        .add(op!(change_my_password, Access::Staff).limit(Limit::Password).refuses(&[
            code::CREDENTIALS_INVALID,
            code::ACCOUNT_LOCKED,
            code::PASSWORD_UNCHANGED,
            code::BUSY,
        ]))
        .add(op!(begin_totp, Access::Staff))
        .add(op!(confirm_totp, Access::Staff).limit(Limit::Password).refuses(&[code::ACCOUNT_LOCKED]))
        .add(op!(bind_my_wechat, Access::Staff).refuses(&[code::WECHAT_CODE_INVALID, code::WECHAT_THROTTLED, code::WECHAT_UNAVAILABLE]));
}

/// Bind the phone number
///
/// Takes the code of the phone number button, not one of `wx.login`. WeChat gives each code once.
#[utoipa::path(post, path = "/auth/wechat/phone", tag = "identity", operation_id = "bind_phone",
    request_body(content = Login, example = json!({ "code": "0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p" })), responses((status = 200, body = Principal)))]
async fn bind_phone(call: Call) -> Outcome {
    let body: Login = call.body()?;
    let id = call.actor()?.id;
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let vault = call.app.vault.clone();
    let openid = call.app.db.read_brief(move |tx| store::openid_of(tx, &vault, id)).await?;
    let openid = openid.as_ref().map(|openid| openid.expose());
    let phone = call.app.wechat.phone_number(&body.code.0, openid).await.map_err(wechat_refusal)?;
    // Numbers of other countries keep their prefix; those of this one are stored the way people say them.
    let number = if phone.country == "86" { phone.number } else { format!("+{}{}", phone.country, phone.number) };
    call.write_keyed(keyed, move |tx, cx| {
        store::bind_phone(tx, &cx.app.vault, id, &number)?;
        Reply::ok(&Principal::load(tx, &cx.app.vault, id)?)
    })
    .await
}

/// Who am I
#[utoipa::path(get, path = "/me", tag = "identity", operation_id = "get_me", responses((status = 200, body = Principal)))]
async fn get_me(call: Call) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let mut principal = Principal::load(tx, &cx.app.vault, who.id)?;
        // Of a short token, what it was narrowed to.
        if let Some(scopes) = &mut principal.scopes {
            *scopes = who.scopes.iter().map(ToString::to_string).collect();
        }
        Reply::ok(&principal)
    })
    .await
}

/// What a resident may change about themselves.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct UpdateMe {
    #[schema(inline)]
    #[deserr(default)]
    pub nickname: Option<Text20>,
}

/// Change my account
///
/// A nickname is looked at by WeChat's content check first: 422 `content_refused` when it would not show it, 503 when it has no
/// opinion at the moment.
#[utoipa::path(put, path = "/me", tag = "identity", operation_id = "update_me",
    request_body(content = UpdateMe, example = json!({ "nickname": "阿明" })), responses((status = 200, body = Principal)))]
async fn update_me(call: Call) -> Outcome {
    let body: UpdateMe = call.body()?;
    let id = call.actor()?.id;
    // A name is seen by others from the moment it is there, and is easily typed again: it is not held, it is refused.
    let nickname = body.nickname.as_ref().map_or("", |nickname| nickname.0.as_str());
    match crate::content::judge(&call, Scene::Profile, nickname).await? {
        Verdict::Pass => {}
        Verdict::Hold { cause: Cause::Away, .. } => return Err(ApiError::new(code::WECHAT_UNAVAILABLE).retry_after(5)),
        Verdict::Hold { .. } => {
            let (zh, en) = ("昵称未通过内容审核，请换一个", "did not pass the content check; choose another");
            return Err(ApiError::fault("/nickname", "content_refused", zh, en));
        }
    }
    call.write(move |tx, cx| {
        let principal = store::principal(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        if let Some(nickname) = &body.nickname {
            store::update_principal(tx, id, principal.version, &nickname.0, false)?;
        }
        Reply::ok(&Principal::load(tx, &cx.app.vault, id)?)
    })
    .await
}

/// What has been erased, and what the law or others' rights make us keep.
#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    pub erased: Vec<&'static str>,
    pub kept: Vec<Kept>,
}

/// Something that is kept after an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kept {
    pub what: &'static str,
    pub why: &'static str,
}

/// Erase my account
///
/// Everything that says who I am is erased at once; what others need (tickets, without my name) is kept and named in the
/// answer. The same WeChat user may come back as somebody new.
#[utoipa::path(delete, path = "/me", tag = "identity", operation_id = "delete_me", responses((status = 200, body = Erasure)))]
async fn delete_me(call: Call) -> Outcome {
    let id = call.actor()?.id;
    let app = call.app.clone();
    let response = call
        .write(move |tx, cx| {
            erase(tx, &cx.app, cx.actor()?)?;
            let english = cx.language == crate::error::Language::English;
            let say = |zh, en| if english { en } else { zh };
            Reply::ok(&Erasure {
                erased: vec![
                    say("昵称", "nickname"),
                    say("微信标识", "WeChat identity"),
                    say("手机号码", "phone number"),
                    say("消息订阅授权", "message consents"),
                    say("登录会话", "sessions"),
                    say("住户认证、代办授权和变更申请的内容", "home bindings, delegations and what you proposed"),
                ],
                kept: vec![
                    Kept {
                        what: say("社区的人口与房屋登记", "what the community's registry says of who lives where"),
                        why: say("登记不因注销账号而改变，更正请联系社区", "it does not depend on an account; the community corrects it"),
                    },
                    Kept {
                        what: say("您提交的报修工单（已去除身份信息）", "repair tickets that you reported, without your identity"),
                        why: say("维修责任与公共设施记录需要", "needed as a record of work and of public facilities"),
                    },
                    Kept {
                        what: say(
                            "志愿时长、积分账目和已开具的证书（已去除身份信息）",
                            "hours, points and issued certificates, without your identity",
                        ),
                        why: say("账目须平衡，证书须可查验", "books must balance and certificates stay verifiable"),
                    },
                    Kept {
                        what: say("您为孩子提交的入学登记及材料", "school applications that you handed in, with their papers"),
                        why: say(
                            "关系到孩子的学位；批次结束 180 天后清除材料和身份信息",
                            "a child's seat depends on them; papers and names are purged 180 days after the round",
                        ),
                    },
                ],
            })
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// Takes everything out of an account that says who it was.
pub fn erase(tx: &mut Tx, app: &App, who: &Actor) -> Result<(), ApiError> {
    // Places that somebody else waits for are given up before.
    crate::volunteer::leave_all(tx, &app.vault, who)?;
    crate::registry::leave_all(tx, &app.vault, who)?;
    store::erase_resident(tx, &app.vault, who.id)?;
    store::end_sessions_of(tx, who.id, "erased")?;
    notices::forget_all_credits(tx, who.id)?;
    Ok(())
}

/// Everything that is held about a resident.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataExport {
    pub exported_at: Instant,
    pub account: Principal,
    /// Ids of the homes that the account speaks for.
    pub homes: Vec<String>,
    pub registry: MyRegistry,
    pub repair_tickets: Vec<ExportedTicket>,
    pub enrolment_applications: Vec<ExportedApplication>,
    pub notice_consents: Vec<ExportedConsent>,
    pub sign_ups: Vec<ExportedSignUp>,
    pub volunteer_minutes: i64,
    /// That minors may volunteer: those given by the resident, and those given for them.
    pub guardian_consents: Vec<ExportedGuardianConsent>,
    pub points: i64,
}

/// A sign-up for a volunteer shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedSignUp {
    pub id: String,
    pub state: &'static str,
    pub starts_at: Instant,
    pub minutes: Option<i64>,
    pub points: Option<i64>,
}

/// A guardian's word that a minor may take part in an activity.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedGuardianConsent {
    pub activity_id: String,
    pub resident_id: String,
    pub guardian_id: String,
    pub text_version: String,
    pub agreed_at: Instant,
    pub withdrawn_at: Option<Instant>,
}

/// A ticket that the resident reported.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedTicket {
    pub id: String,
    pub title: String,
    pub description: String,
    pub state: &'static str,
    pub submitted_at: Instant,
}

/// A child that the resident registered for a school.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedEnrolmentApplication)]
pub struct ExportedApplication {
    pub id: String,
    pub receipt: String,
    pub state: &'static str,
    /// A mask of it when the papers were purged.
    pub child: String,
    pub address: Option<String>,
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    pub created_at: Instant,
}

/// Messages that the resident has allowed and that were not sent yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedConsent {
    pub template: String,
    pub credits: i64,
}

/// Take my data with me
#[utoipa::path(get, path = "/me/data-export", tag = "identity", operation_id = "export_my_data",
    responses((status = 200, body = DataExport)))]
async fn export_my_data(call: Call) -> Outcome {
    let id = call.actor()?.id;
    call.read(move |tx, cx| {
        let tickets = repair_store::reported_by(tx, id)?;
        let now = tx.now();
        Reply::ok(&DataExport {
            exported_at: now.into(),
            account: Principal::load(tx, &cx.app.vault, id)?,
            homes: jiazai_infra::registry::homes::spoken_for_by(tx, id)?.iter().map(|home| home.text()).collect(),
            registry: MyRegistry::of(tx, &cx.app.vault, id)?,
            repair_tickets: tickets
                .iter()
                .map(|ticket| {
                    let facts = ticket.facts();
                    ExportedTicket {
                        id: facts.id.text(),
                        title: facts.title.clone(),
                        description: facts.description.clone(),
                        state: facts.state.as_str(),
                        submitted_at: facts.submitted_at.into(),
                    }
                })
                .collect(),
            enrolment_applications: enrolment::application::of_applicant(tx, &cx.app.vault, id)?
                .iter()
                .map(|application| {
                    let f = application.facts();
                    ExportedApplication {
                        id: f.id.text(),
                        receipt: f.receipt.clone(),
                        state: application.state_for_family().as_str(),
                        child: f.content.child.name.clone(),
                        address: f.content.address.clone(),
                        facts: serde_json::to_value(&f.content.declared).unwrap_or_default(),
                        created_at: f.created_at.into(),
                    }
                })
                .collect(),
            notice_consents: notices::credits(tx, id)?
                .into_iter()
                .map(|(template, credits)| ExportedConsent { template, credits })
                .collect(),
            sign_ups: volunteer::sign_ups(tx, &volunteer::SignUpFilter { resident: Some(id), ..Default::default() }, None, i64::MAX)?
                .iter()
                .map(|sign_up| {
                    let f = sign_up.facts();
                    let (minutes, points) = (f.minutes, f.points);
                    ExportedSignUp { id: f.id.text(), state: f.state.as_str(), starts_at: f.occasion.starts_at.into(), minutes, points }
                })
                .collect(),
            volunteer_minutes: volunteer::minutes_of(tx, id)?,
            guardian_consents: volunteer::consents_of(tx, id, None, i64::MAX)?
                .into_iter()
                .map(|consent| ExportedGuardianConsent {
                    activity_id: consent.activity.text(),
                    resident_id: consent.minor.text(),
                    guardian_id: consent.guardian.text(),
                    text_version: consent.text_version,
                    agreed_at: consent.agreed_at.into(),
                    withdrawn_at: consent.withdrawn_at.map(Instant),
                })
                .collect(),
            points: ledger::balance(tx, id, jiazai_domain::kernel::ledger::Unit::Points)?.balance,
        })
    })
    .await
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(inline)]
    pub current_password: Password,
    #[schema(inline)]
    pub new_password: Password,
}

/// Why a password was not good enough, as a fault of a field.
pub fn weak_password(pointer: &str, weak: password::Weak) -> ApiError {
    let (zh, en) = match weak {
        password::Weak::TooShort => ("至少 8 个字", "must have at least 8 characters"),
        password::Weak::TooLong => ("最多 128 个字", "must have at most 128 characters"),
        password::Weak::TooCommon => ("太常见，容易被猜到", "is too common"),
        password::Weak::LikeUsername => ("不能与用户名相似", "is too much like the user name"),
    };
    ApiError::fault(pointer, weak.code(), zh, en)
}

/// Change my password
///
/// Ends all my other sessions.
#[utoipa::path(post, path = "/me/password", tag = "identity", operation_id = "change_my_password",
    request_body(content = ChangePassword, example = json!({ "current_password": "correct horse", "new_password": "battery staple" })), responses((status = 204, description = "Changed")))]
async fn change_my_password(call: Call) -> Outcome {
    let ChangePassword { current_password, new_password } = call.body()?;
    let actor = call.actor()?.clone();
    let app = call.app.clone();
    let id = actor.id;
    let cx = call.cx()?;
    let look = cx.clone();
    let account = app
        .db
        .read_brief(move |tx| {
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            not_locked(tx, &look, &account.username)?;
            Ok::<_, ApiError>(account)
        })
        .await?;
    password::acceptable(&new_password.0, &account.username).map_err(|weak| weak_password("/new_password", weak))?;
    if current_password.0 == new_password.0 {
        return Err(ApiError::new(code::PASSWORD_UNCHANGED));
    }
    let busy = |_| ApiError::new(code::BUSY);
    let present = account.password_hash;
    let checked = app.passwords.verify(Secret::new(current_password.0), Some(present.clone())).await.map_err(busy)?;
    if !checked.matches {
        // A stolen access token is no licence to guess.
        app.db.write(move |tx| count_failure(tx, &cx, &account.username)).await?;
        return Err(ApiError::fault("/current_password", "wrong_password", "当前密码不正确", "is not the present password"));
    }
    let hash = app.passwords.hash(Secret::new(new_password.0)).await.map_err(busy)?;
    let response = call
        .write(move |tx, _| {
            store::change_password(tx, id, &present, &hash)?;
            store::end_other_sessions(tx, id, actor.session, "password_changed")?;
            Ok(Reply::nothing())
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// A key for an authenticator app.
#[derive(Serialize, ToSchema)]
pub struct TotpOffer {
    /// Base 32, for typing into the app.
    pub key: String,
    /// For a QR code.
    pub uri: String,
    /// Send it back with the first code, within ten minutes.
    pub enrolment: String,
}

/// Ask for a one-time code key
///
/// Nothing changes until the first code has been confirmed.
#[utoipa::path(post, path = "/me/totp", tag = "identity", operation_id = "begin_totp",
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = TotpOffer)))]
async fn begin_totp(call: Call) -> Outcome {
    let _: Nothing = call.body()?;
    let id = call.actor()?.id;
    call.write(move |tx, cx| {
        let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        let key = TotpKey::generate();
        let offer = format!("{}.{}", tx.now().millis(), key.base32().expose());
        let sealed = cx.app.vault.seal(enrolment_of(&id.text()), offer.as_bytes());
        Reply::ok(&TotpOffer {
            key: key.base32().expose().to_owned(),
            uri: key.uri("jiazai", &account.username).expose().to_owned(),
            enrolment: base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, sealed),
        })
    })
    .await
}

fn enrolment_of(row: &str) -> Aad<'_> {
    Aad { table: "totp", column: "enrolment", row }
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ConfirmTotp {
    #[schema(inline)]
    pub enrolment: Text512,
    #[schema(inline)]
    pub code: Text6To6,
    /// Where one-time codes are on already: one of the present key, so that nobody but its owner replaces it.
    #[deserr(default)]
    #[schema(inline)]
    pub present_code: Option<Text6To6>,
}

/// Turn one-time codes on, or go over to another key
#[utoipa::path(post, path = "/me/totp/confirm", tag = "identity", operation_id = "confirm_totp",
    request_body(content = ConfirmTotp, example = json!({ "enrolment": "AaIAhPAYd3CMGziDlU", "code": "123456" })), responses((status = 204, description = "From now on log-in asks for a code")))]
async fn confirm_totp(call: Call) -> Outcome {
    let body: ConfirmTotp = call.body()?;
    let id = call.actor()?.id;
    let verdict = call
        .write(move |tx, cx| {
            let bad =
                || ApiError::fault("/enrolment", "enrolment_invalid", "已过期，请重新获取", "is not valid any more; ask for a new key");
            let sealed = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &body.enrolment.0).map_err(|_| bad())?;
            let offer = cx.app.vault.open_text(enrolment_of(&id.text()), &sealed).map_err(|_| bad())?;
            let (made_at, key) = offer.expose().split_once('.').ok_or_else(bad)?;
            let made_at: i64 = made_at.parse().map_err(|_| bad())?;
            if tx.now().millis() - made_at > 600_000 {
                return Err(bad());
            }
            let step = TotpKey::from_base32(key).ok_or_else(bad)?.check(&body.code.0, tx.now(), None);
            let step = step.ok_or_else(|| ApiError::fault("/code", "code_wrong", "动态码不正确", "is not the present code"))?;
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            not_locked(tx, cx, &account.username)?;
            if let Some(present) = store::totp_key(&cx.app.vault, &account)? {
                let given =
                    body.present_code.as_ref().ok_or_else(|| ApiError::fault("/present_code", "required", "必填", "is required"))?;
                let known = TotpKey::from_base32(present.expose()).and_then(|key| key.check(&given.0, tx.now(), Some(account.totp_step)));
                if known.is_none() {
                    count_failure(tx, cx, &account.username)?;
                    // The count must be kept, so this refusal leaves the transaction as a success and is told below.
                    return Ok(Reply { status: 422, headers: Default::default(), body: vec![] });
                }
            }
            store::set_totp(tx, &cx.app.vault, id, Some(&Secret::new(key)))?;
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            store::use_totp_step(tx, &account, step)?;
            Ok(Reply::nothing())
        })
        .await?;
    let wrong = || ApiError::fault("/present_code", "code_wrong", "动态码不正确", "is not the present code");
    if verdict.status().as_u16() == 422 { Err(wrong()) } else { Ok(verdict) }
}

/// Have my notices sent to my WeChat
///
/// Takes a code of `wx.login`. It does not become a way to log in.
#[utoipa::path(post, path = "/me/wechat", tag = "identity", operation_id = "bind_my_wechat",
    request_body(content = Login, example = json!({ "code": "0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p" })), responses((status = 204, description = "Bound")))]
async fn bind_my_wechat(call: Call) -> Outcome {
    let body: Login = call.body()?;
    let id = call.actor()?.id;
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let wechat = call.app.wechat.code2session(&body.code.0).await.map_err(wechat_refusal)?;
    call.write_keyed(keyed, move |tx, cx| {
        store::set_staff_openid(tx, &cx.app.vault, id, &wechat.openid)?;
        Ok(Reply::nothing())
    })
    .await
}
