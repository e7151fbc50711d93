//! Notices 订阅消息: telling people through WeChat what they have asked to be told.
//!
//! One tap on "allow" in the mini-program pays for one message of one template. The client reports the tap here; a job
//! spends it when something happens. A message is never sent twice for one event, whatever is retried.

mod words;

use std::collections::BTreeMap;

use deserr::Deserr;
use futures_util::future::join_all;
use jiazai_domain::enrolment::application::template as enrolment_template;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::{binding, proposal, sight, visit};
use jiazai_domain::repair::template;
use jiazai_domain::volunteer::template as volunteer_template;
use jiazai_domain::webhook;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity;
use jiazai_infra::notices::{self as store, Ending, Notice};
use jiazai_infra::wechat::{MiniprogramState, SendError, SubscribeMessage};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::words::{Said, Words, about, things, words};
use crate::app::App;
use crate::call::{Call, Outcome};
use crate::input::{Faults, Few};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

/// A kind of message, by our name for it.
pub struct Kind {
    pub name: &'static str,
    /// What the demo's simulator knows it by.
    pub demo_id: &'static str,
}

/// Every template has the same three keys: `thing1` what, `phrase2` how it stands, `time3` when.
pub const FIELDS: &[&str] = &["thing1", "phrase2", "time3"];

pub const TEMPLATES: &[Kind] = &[
    Kind { name: template::TASK, demo_id: "demo_repair_task_0000000000000000000000000000" },
    Kind { name: template::PROGRESS, demo_id: "demo_repair_progress_000000000000000000000000" },
    Kind { name: template::QUOTE, demo_id: "demo_repair_quote_000000000000000000000000000" },
    Kind { name: template::RESOLVED, demo_id: "demo_repair_resolved_000000000000000000000000" },
    Kind { name: volunteer_template::CONFIRMED, demo_id: "demo_volunteer_confirmed_00000000000000000000" },
    Kind { name: volunteer_template::OFFER, demo_id: "demo_volunteer_offer_000000000000000000000000" },
    Kind { name: volunteer_template::CHANGED, demo_id: "demo_volunteer_changed_0000000000000000000000" },
    Kind { name: volunteer_template::REMINDER, demo_id: "demo_volunteer_reminder_000000000000000000000" },
    Kind { name: volunteer_template::CREDITED, demo_id: "demo_volunteer_credited_000000000000000000000" },
    Kind { name: volunteer_template::SWAP, demo_id: "demo_volunteer_swap_0000000000000000000000000" },
    Kind { name: binding::template::BINDING, demo_id: "demo_home_binding_000000000000000000000000000" },
    Kind { name: visit::TEMPLATE, demo_id: "demo_home_visit_00000000000000000000000000000" },
    Kind { name: proposal::TEMPLATE, demo_id: "demo_registry_proposal_0000000000000000000000" },
    Kind { name: sight::REVEALED, demo_id: "demo_person_revealed_000000000000000000000000" },
    Kind { name: enrolment_template::PROGRESS, demo_id: "demo_enrolment_progress_000000000000000000000" },
    Kind { name: enrolment_template::RETURNED, demo_id: "demo_enrolment_returned_000000000000000000000" },
    Kind { name: enrolment_template::RESULT, demo_id: "demo_enrolment_result_00000000000000000000000" },
    Kind { name: enrolment_template::REVIEW, demo_id: "demo_enrolment_review_00000000000000000000000" },
    Kind { name: webhook::TEMPLATE, demo_id: "demo_webhook_disabled_00000000000000000000000" },
];

/// WeChat's template ids by our names.
pub struct Templates(pub BTreeMap<String, String>);

/// More taps than this on one template are not kept: nobody needs a hundred messages in store.
const MOST_CREDITS: i64 = 20;
/// Tries before a notice is given up; the last comes about an hour after the first.
const ATTEMPTS: i64 = 8;
const FIRST_RETRY_S: i64 = 30;
/// Longer than an attempt can take.
const CLAIM_S: i64 = 30;
const AT_ONCE: i64 = 8;

pub fn routes(api: &mut Api) {
    api.add(op!(list_notice_consents, Access::Anyone)).add(op!(add_notice_consents, Access::Anyone));
}

crate::spoken! {
    /// A kind of message.
    TemplateName = TemplateWord {
        RepairTask = "repair_task", RepairProgress = "repair_progress", RepairQuote = "repair_quote", RepairResolved = "repair_resolved",
        VolunteerConfirmed = "volunteer_confirmed", VolunteerOffer = "volunteer_offer", VolunteerChanged = "volunteer_changed",
        VolunteerReminder = "volunteer_reminder", VolunteerCredited = "volunteer_credited", VolunteerSwap = "volunteer_swap",
        HomeBinding = "home_binding", HomeVisit = "home_visit", RegistryProposal = "registry_proposal", PersonRevealed = "person_revealed",
        EnrolmentProgress = "enrolment_progress", EnrolmentReturned = "enrolment_returned", EnrolmentResult = "enrolment_result",
        EnrolmentReview = "enrolment_review", WebhookDisabled = "webhook_disabled",
    }
}

/// The kinds of messages as a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateWord {
    RepairTask,
    RepairProgress,
    RepairQuote,
    RepairResolved,
    VolunteerConfirmed,
    VolunteerOffer,
    VolunteerChanged,
    VolunteerReminder,
    VolunteerCredited,
    VolunteerSwap,
    HomeBinding,
    HomeVisit,
    RegistryProposal,
    PersonRevealed,
    EnrolmentProgress,
    EnrolmentReturned,
    EnrolmentResult,
    EnrolmentReview,
    WebhookDisabled,
}

impl TemplateWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::RepairTask => template::TASK,
            Self::RepairProgress => template::PROGRESS,
            Self::RepairQuote => template::QUOTE,
            Self::RepairResolved => template::RESOLVED,
            Self::VolunteerConfirmed => volunteer_template::CONFIRMED,
            Self::VolunteerOffer => volunteer_template::OFFER,
            Self::VolunteerChanged => volunteer_template::CHANGED,
            Self::VolunteerReminder => volunteer_template::REMINDER,
            Self::VolunteerCredited => volunteer_template::CREDITED,
            Self::VolunteerSwap => volunteer_template::SWAP,
            Self::HomeBinding => binding::template::BINDING,
            Self::HomeVisit => visit::TEMPLATE,
            Self::RegistryProposal => proposal::TEMPLATE,
            Self::PersonRevealed => sight::REVEALED,
            Self::EnrolmentProgress => enrolment_template::PROGRESS,
            Self::EnrolmentReturned => enrolment_template::RETURNED,
            Self::EnrolmentResult => enrolment_template::RESULT,
            Self::EnrolmentReview => enrolment_template::REVIEW,
            Self::WebhookDisabled => webhook::TEMPLATE,
        }
    }
}

/// A kind of message and how many of it may still be sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consent {
    #[schema(example = "repair_progress")]
    pub template: String,
    /// What `wx.requestSubscribeMessage` calls it; null when this installation has none.
    pub template_id: Option<String>,
    pub credits: i64,
}

/// All kinds of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consents {
    pub items: Vec<Consent>,
}

/// One to five.
pub type TemplateNames = Few<TemplateName, 1, 5>;

/// What the person has just allowed, once each.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Accepted {
    #[schema(inline)]
    pub accepted: TemplateNames,
}

fn consents(tx: &mut Tx, app: &App, person: jiazai_domain::actor::PrincipalId) -> Result<Consents, DbError> {
    let credits = store::credits(tx, person)?;
    let items = TEMPLATES.iter().map(|kind| Consent {
        template: kind.name.to_owned(),
        template_id: app.templates.0.get(kind.name).cloned(),
        credits: credits.iter().find(|(name, _)| name == kind.name).map_or(0, |(_, n)| *n),
    });
    Ok(Consents { items: items.collect() })
}

/// What may be sent to me
#[utoipa::path(get, path = "/me/notice-consents", tag = "notices", operation_id = "list_notice_consents",
    responses((status = 200, body = Consents)))]
async fn list_notice_consents(call: Call) -> Outcome {
    let me = call.actor()?.id;
    call.read(move |tx, cx| Reply::ok(&consents(tx, &cx.app, me)?)).await
}

/// I have tapped "allow"
///
/// Send the templates that `wx.requestSubscribeMessage` answered `accept` for: one message of each is paid for.
#[utoipa::path(post, path = "/me/notice-consents", tag = "notices", operation_id = "add_notice_consents",
    request_body(content = Accepted, example = json!({ "accepted": ["repair_progress", "repair_resolved"] })), responses((status = 200, body = Consents)))]
async fn add_notice_consents(call: Call) -> Outcome {
    let body: Accepted = call.body()?;
    let me = call.actor()?.id;
    call.write(move |tx, cx| {
        let names: Vec<String> = body.accepted.0.iter().map(|name| TemplateWord::from(*name).as_str().to_owned()).collect();
        store::add_credits(tx, me, &names, MOST_CREDITS)?;
        Reply::ok(&consents(tx, &cx.app, me)?)
    })
    .await
}

/// Sends the notices whose time has come, a few at once and never two to one person.
pub async fn send_due(app: &App, holder: &str) -> Result<usize, DbError> {
    let waiting = app.db.read(|tx| store::due(tx, 1)).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let due = crate::jobs::leased(app, "notices", holder, |tx| store::due(tx, AT_ONCE)).await?;
    let sent = join_all(due.into_iter().map(|notice| send(app, notice))).await;
    let mut done = 0;
    for outcome in sent {
        outcome?;
        done += 1;
    }
    if done > 0 {
        app.jobs.wake();
    }
    Ok(done)
}

async fn send(app: &App, notice: Notice) -> Result<(), DbError> {
    let vault = app.vault.clone();
    let template_id = app.templates.0.get(&notice.template).cloned();
    let claimed = notice.clone();
    // Claimed, paid for and written down before WeChat is asked: whoever dies in between sends nothing twice.
    let message = app
        .db
        .write(move |tx| {
            if !store::claim(tx, &claimed, tx.now().plus_seconds(CLAIM_S))? {
                return Ok::<_, DbError>(None);
            }
            let Some(openid) = identity::openid_of(tx, &vault, claimed.recipient)? else {
                store::finish(tx, &claimed, Ending::Failed("no_wechat"))?;
                return Ok(None);
            };
            let reader = identity::actor_of(tx, claimed.recipient)?;
            let said = words(tx, &vault, reader.as_ref(), &[claimed.event])?.remove(&claimed.event);
            let (Some(template_id), Some(Words { title, phrase, when, page })) = (template_id.clone(), said) else {
                store::finish(tx, &claimed, Ending::Failed("no_template"))?;
                return Ok(None);
            };
            let when = when.local().format("%Y年%-m月%-d日 %H:%M").to_string();
            let data = vec![("thing1".to_owned(), title), ("phrase2".to_owned(), phrase.to_owned()), ("time3".to_owned(), when)];
            let openid = openid.expose().to_owned();
            Ok(Some(SubscribeMessage { openid, template_id, page: Some(page), data, miniprogram_state: MiniprogramState::Formal }))
        })
        .await?;
    let Some(message) = message else { return Ok(()) };
    let outcome = app.wechat.send_subscribe(&message).await;
    let ending = ending(&outcome, notice.attempts + 1, app.clock.now());
    let word = match ending {
        Ending::Sent => "sent",
        Ending::Failed(_) => "failed",
        Ending::Retry(_) => "retried",
        Ending::Uncertain => "uncertain",
    };
    app.metrics.job_items.with_label_values(&["notices", word]).inc();
    let spent = matches!(outcome, Err(SendError::Refused));
    let msgid = outcome.ok().filter(|msgid| !msgid.is_empty());
    app.db
        .write(move |tx| {
            if spent {
                // WeChat knows of no consent, whatever was counted here.
                store::forget_credits(tx, notice.recipient, &notice.template)?;
            }
            if let Some(msgid) = &msgid {
                store::note_msgid(tx, notice.id, msgid)?;
            }
            store::finish(tx, &notice, ending)
        })
        .await
}

fn ending(outcome: &Result<String, SendError>, attempts: i64, now: Timestamp) -> Ending {
    let later = || {
        if attempts >= ATTEMPTS {
            Ending::Failed("gave_up")
        } else {
            Ending::Retry(now.plus_seconds(FIRST_RETRY_S << (attempts - 1).clamp(0, 10)))
        }
    };
    match outcome {
        Ok(_) => Ending::Sent,
        Err(SendError::Refused) => Ending::Failed("refused"),
        Err(SendError::BadRecipient(_)) => Ending::Failed("bad_recipient"),
        Err(SendError::BadContent(_)) => Ending::Failed("bad_content"),
        Err(SendError::BadTemplate(_)) => Ending::Failed("bad_template"),
        Err(SendError::Overlap) if attempts < ATTEMPTS => Ending::Retry(now.plus_seconds(2)),
        Err(SendError::Overlap | SendError::Throttled(_) | SendError::Unavailable { maybe_sent: false, .. }) => later(),
        Err(SendError::Unavailable { maybe_sent: true, .. }) => Ending::Uncertain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_apart_and_end() {
        let now = Timestamp::from_millis(0);
        let away = |attempts| {
            let trouble = jiazai_infra::wechat::Trouble { api: "send", errcode: None, reason: "away" };
            ending(&Err(SendError::Unavailable { trouble, maybe_sent: false }), attempts, now)
        };
        assert_eq!(away(1), Ending::Retry(now.plus_seconds(30)));
        assert_eq!(away(3), Ending::Retry(now.plus_seconds(120)));
        assert_eq!(away(ATTEMPTS), Ending::Failed("gave_up"));
    }

    #[test]
    fn every_template_has_a_word() {
        use TemplateWord as W;
        let words = [W::RepairTask, W::RepairProgress, W::RepairQuote, W::RepairResolved, W::VolunteerConfirmed, W::VolunteerOffer];
        let words = words.into_iter().chain([W::VolunteerChanged, W::VolunteerReminder, W::VolunteerCredited, W::VolunteerSwap]);
        let words = words.chain([W::HomeBinding, W::HomeVisit, W::RegistryProposal, W::PersonRevealed]);
        let words = words.chain([W::EnrolmentProgress, W::EnrolmentReturned, W::EnrolmentResult, W::EnrolmentReview, W::WebhookDisabled]);
        let names: Vec<&str> = words.map(W::as_str).collect();
        assert!(TEMPLATES.iter().all(|kind| names.contains(&kind.name)));
        assert_eq!(TEMPLATES.len(), names.len());
    }
}
