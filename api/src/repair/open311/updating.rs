//! An update that a program brings to a request: what its citizen adds to it, or takes back, confirms, or wants done again.
//!
//! GeoReport v2 has no such method; this is the extension that its larger servers share. Words alone become a remark in the
//! ticket's history. A status that differs from the ticket's own is the reporter's decision: `closed` withdraws what nobody has
//! begun and confirms what is resolved, `open` reopens. The client's `update_id` makes a repeat harmless.

use jiazai_domain::actor::{Actor, CommunityId};
use jiazai_domain::repair::{Note, State, TicketId};
use jiazai_infra::db::Tx;
use jiazai_infra::events::EventId;
use jiazai_infra::repair as store;
use sha2::{Digest, Sha256};

use super::asked::Given;
use super::jurisdiction;
use super::reporting::{media, short, wrong};
use crate::audit;
use crate::call::Cx;
use crate::error::{ApiError, code};
use crate::faults::{Standing, text_fault};
use crate::idempotency::Keyed;
use crate::repair::commands;
use crate::reply::{Reply, ReplyHeaders};

/// How the client wants the request to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Open,
    Closed,
}

#[derive(Clone)]
pub struct Brought {
    place: CommunityId,
    ticket: TicketId,
    /// The client's own name for it.
    update_id: Option<String>,
    wish: Option<Wish>,
    words: String,
}

impl Brought {
    /// # Errors
    /// What the standard has 400 and 404 for.
    pub fn read(given: &Given, place: CommunityId) -> Result<Self, ApiError> {
        let id = given.one("service_request_id")?.ok_or_else(|| wrong("service_request_id", "必填", "is required"))?;
        let ticket = id.parse().map_err(|_| ApiError::new(code::NOT_FOUND))?;
        let wish = match given.one("status")?.map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("open") => Some(Wish::Open),
            Some("closed") => Some(Wish::Closed),
            Some(_) => return Err(wrong("status", "应为 open 或 closed", "must be open or closed")),
        };
        // Read to be refused where it is none; what counts is when it came.
        given.moment("updated_datetime")?;
        let said = given.one("description")?.ok_or_else(|| wrong("description", "必填", "is required"))?;
        let words = match media(given)? {
            Some(picture) => format!("{said}\n{picture}"),
            None => said.to_owned(),
        };
        Ok(Self { place, ticket, update_id: short(given, "update_id")?, wish, words })
    }

    /// Does what is wanted, or finds that it was done, and gives the id of the event that it left.
    pub fn take(&self, tx: &mut Tx, cx: &Cx, operation: &str) -> Result<String, ApiError> {
        let keyed = self.keyed(cx.actor()?, operation);
        if let Some(keyed) = &keyed
            && let Some(stored) = keyed.find(tx, &cx.app.vault)?
        {
            return Ok(String::from_utf8_lossy(&stored.body).into_owned());
        }
        let left = self.decide(tx, cx)?.ok_or_else(|| ApiError::new(code::INTERNAL))?;
        let reply = Reply { status: 200, headers: ReplyHeaders::default(), body: left.text().into_bytes() };
        audit::done(tx, cx.asked(), cx.identity(), &reply)?;
        if let Some(keyed) = &keyed {
            keyed.keep(tx, &cx.app.vault, &reply)?;
        }
        Ok(left.text())
    }

    fn keyed(&self, who: &Actor, operation: &str) -> Option<Keyed> {
        let key = self.update_id.clone()?;
        let mut hash = Sha256::new();
        for part in [self.ticket.text(), format!("{:?}", self.wish), self.words.clone()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Some(Keyed { owner: who.id.text(), operation: operation.to_owned(), key, fingerprint: hash.finalize().to_vec() })
    }

    fn decide(&self, tx: &mut Tx, cx: &Cx) -> Result<Option<EventId>, ApiError> {
        let (who, now) = (cx.actor()?, tx.now());
        let place = jurisdiction(tx, self.place)?;
        let (ticket, _) = commands::load(tx, who, self.ticket)?;
        if ticket.facts().community != place {
            return Err(ApiError::new(code::NOT_FOUND));
        }
        let (state, own) = (ticket.facts().state, ticket.facts().reporter == who.id);
        let standing = Standing::of(&ticket, who, now);
        let note = || Note::new(&self.words).map_err(|fault| text_fault("/description", fault.into()));
        let reason = || commands::reason(&self.words);
        let moves = match self.wish {
            None => false,
            Some(Wish::Open) => !state.is_open(),
            Some(Wish::Closed) => state.is_open() || state == State::Resolved,
        };
        // A key sees as an administrator does, but a citizen's word moves only what was reported for them.
        if moves && !own {
            let (zh, en) = ("只有上报该诉求的密钥可以改变其状态", "Only the key that reported it may change its status");
            return Err(ApiError::new(code::FORBIDDEN).because(zh, en));
        }
        let decided = match (self.wish.filter(|_| moves), state) {
            (None, _) => ticket.remark(note()?, who, now),
            (Some(Wish::Open), _) => ticket.reopen(reason()?, &cx.app.calendars, who, now),
            (Some(Wish::Closed), State::Resolved) => match ticket.remark(note()?, who, now) {
                Ok(remarked) => store::save(tx, remarked)?.confirm(who, now),
                Err(refusal) => Err(refusal),
            },
            (Some(Wish::Closed), State::Submitted | State::Assigned) => ticket.cancel(reason()?, who, now),
            (Some(Wish::Closed), _) => {
                let (zh, en) = ("已开始处理，不能撤回", "Work has begun; it cannot be taken back");
                return Err(ApiError::new(code::STATE_CONFLICT).because(zh, en));
            }
        };
        let (_, left) = store::save_telling(tx, decided.map_err(|refusal| standing.refuse(refusal))?)?;
        Ok(left.last().copied())
    }
}
