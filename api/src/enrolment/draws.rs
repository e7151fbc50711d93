//! Draws 摇号 over HTTP: prepared, revealed once, and checked by anybody.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use deserr::Deserr;
use jiazai_domain::enrolment::application::State;
use jiazai_domain::enrolment::draw::{self as domain, Draw, DrawDocument, DrawRefusal, NewDraw as New, PublicSource, Reveal, verify};
use jiazai_domain::enrolment::round::State as RoundState;
use jiazai_domain::enrolment::{DrawKind, RoundKind};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{application as store, draw as draws};
use serde::Serialize;
use utoipa::ToSchema;

use super::applications::seats;
use super::dto;
use super::rounds::seen_in_turn;
use super::steps::run_by;
use super::{ADMINS, absent};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{AnyText200, AnyText500, CommunityRef, DrawRef, RoundRef, Text16, Text60, Text64};
use crate::input::{Faults, Instant, Number, Ref};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(prepare_enrolment_draw, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::DRAW_EXISTS, code::UNDECIDED]))
        .add(op!(reveal_enrolment_draw, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE, code::COMMITMENT_MISMATCH]))
        .add(op!(get_enrolment_draw, Access::Public))
        .add(op!(get_round_draw, Access::Public))
        .add(op!(verify_enrolment_draw, Access::Public));
}

crate::spoken! {
    /// How it is drawn: ring 环形 (a start number and an interval), sealed_seed 密封种子 (a secret whose hash is published before).
    DrawMethod = domain::Method { Ring = "ring", SealedSeed = "sealed_seed" }
}

/// A draw to be made.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewDraw {
    pub kind: DrawMethod,
    /// For a sealed seed: the hexadecimal SHA-256 of its UTF-8 bytes.
    #[schema(inline)]
    #[deserr(default)]
    pub commitment: Option<Text64>,
    /// For a sealed seed: which numbers that nobody can know yet will be joined with it, of which day; published with the roster.
    /// Left out, whoever knows the seed could choose the numbers, and the document shows that none were named.
    #[schema(inline)]
    #[deserr(default)]
    pub public_source: Option<Text60>,
    /// How many digits these numbers have; together with `public_source`.
    #[schema(inline)]
    #[deserr(default)]
    pub public_digits: Option<PublicDigits>,
    /// To draw although somebody is not decided about; with a reason.
    #[schema(default = false, required = false)]
    #[deserr(default)]
    pub early: bool,
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

pub type PublicDigits = Number<1, 200>;

/// What is opened on the day.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RevealBody {
    /// For a ring: which number of the roster comes first, from 1.
    #[deserr(default)]
    pub start: Option<i64>,
    /// For a ring: how far to count on, over those not drawn yet.
    #[deserr(default)]
    pub interval: Option<i64>,
    /// For a sealed seed: the secret, as it is, blanks included; at most two hundred characters.
    #[deserr(default)]
    pub seed: Option<String>,
    /// For a sealed seed: numbers that nobody could know before. Where a source was published, in all its digits; anything between
    /// them is passed over.
    #[deserr(default)]
    pub public_numbers: Option<String>,
}

/// A draw, all of it public. Save it as it is, and check it with `jiazai verify-draw FILE` or with `verify_draw.py`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentDraw)]
pub struct DrawDto {
    #[schema(inline)]
    pub id: DrawRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub round_id: RoundRef,
    /// 1 for the draw of the round, 2 and more for those who came later: their order follows that of the draws before.
    pub number: i64,
    /// `prepared` or `revealed`.
    #[schema(example = "revealed")]
    pub state: &'static str,
    pub method: DrawMethod,
    /// The same as `method`.
    pub kind: DrawMethod,
    /// Hexadecimal SHA-256 of the roster: each receipt followed by a line feed.
    pub roster_hash: String,
    pub commitment: Option<String>,
    pub seed: Option<String>,
    /// Where the public numbers come from, as it was published with the roster.
    pub public_source: Option<String>,
    pub public_digits: Option<i64>,
    pub public_numbers: Option<String>,
    pub start: Option<i64>,
    pub interval: Option<i64>,
    /// The receipts that take part, ascending. Twins who go together go by the number of the lower receipt.
    pub roster: Vec<String>,
    /// All of them, the first drawn first; empty until it is revealed.
    pub order: Vec<String>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub revealed_at: Option<Instant>,
}

impl From<&Draw> for DrawDto {
    fn from(draw: &Draw) -> Self {
        let f = draw.facts();
        let d = &f.document;
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.community),
            round_id: Ref(f.round),
            number: f.number,
            state: if f.revealed_at.is_some() { "revealed" } else { "prepared" },
            method: d.method.into(),
            kind: d.method.into(),
            roster_hash: d.roster_hash.clone(),
            commitment: d.commitment.clone(),
            seed: d.seed.clone(),
            public_source: d.public_source.clone(),
            public_digits: d.public_digits,
            public_numbers: d.public_numbers.clone(),
            start: d.start,
            interval: d.interval,
            roster: d.roster.clone(),
            order: d.order.clone(),
            created_at: f.created_at.into(),
            revealed_at: f.revealed_at.map(Instant),
        }
    }
}

/// A draw's document as it was served, or an empty object for the draw in the path. All fields that are served are known here,
/// so that it can be sent back as it came; those that prove nothing are not looked at.
#[allow(dead_code)]
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct DrawFile {
    #[schema(inline)]
    #[deserr(default)]
    pub id: Option<DrawRef>,
    #[deserr(default)]
    pub version: Option<i64>,
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
    #[schema(inline)]
    #[deserr(default)]
    pub round_id: Option<RoundRef>,
    #[schema(inline)]
    #[deserr(default)]
    pub state: Option<Text16>,
    #[deserr(default)]
    pub number: Option<i64>,
    #[deserr(default)]
    pub method: Option<DrawMethod>,
    #[deserr(default)]
    pub kind: Option<DrawMethod>,
    #[schema(inline)]
    #[deserr(default)]
    pub roster_hash: Option<AnyText200>,
    #[schema(inline)]
    #[deserr(default)]
    pub commitment: Option<AnyText200>,
    /// As it is, blanks included: another blank is another seed.
    #[deserr(default)]
    pub seed: Option<String>,
    #[schema(inline)]
    #[deserr(default)]
    pub public_source: Option<AnyText200>,
    #[deserr(default)]
    pub public_digits: Option<i64>,
    #[deserr(default)]
    pub public_numbers: Option<String>,
    #[deserr(default)]
    pub start: Option<i64>,
    #[deserr(default)]
    pub interval: Option<i64>,
    #[deserr(default)]
    #[schema(required = false)]
    pub roster: Option<Vec<String>>,
    #[deserr(default)]
    #[schema(required = false)]
    pub order: Option<Vec<String>>,
    #[schema(inline)]
    #[deserr(default)]
    pub created_at: Option<Instant>,
    #[schema(inline)]
    #[deserr(default)]
    pub revealed_at: Option<Instant>,
}

impl DrawFile {
    /// The document, if one was sent at all.
    fn document(&self) -> Result<Option<DrawDocument>, ApiError> {
        let Some(roster) = self.roster.clone() else {
            let sent = self.order.is_some() || self.roster_hash.is_some() || self.method.is_some() || self.kind.is_some();
            let missing = || ApiError::fault("/roster", "required", "必填", "is required");
            return if sent { Err(missing()) } else { Ok(None) };
        };
        let required = |pointer: &str| ApiError::fault(pointer, "required", "必填", "is required");
        Ok(Some(DrawDocument {
            method: self.method.or(self.kind).ok_or_else(|| required("/method"))?.into(),
            roster_hash: self.roster_hash.as_ref().ok_or_else(|| required("/roster_hash"))?.0.clone(),
            commitment: self.commitment.as_ref().map(|text| text.0.clone()),
            seed: self.seed.clone(),
            public_source: self.public_source.as_ref().map(|text| text.0.clone()),
            public_digits: self.public_digits,
            public_numbers: self.public_numbers.clone(),
            start: self.start,
            interval: self.interval,
            roster,
            order: self.order.clone().unwrap_or_default(),
        }))
    }
}

/// What checking a draw came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentDrawVerdict)]
pub struct DrawVerdict {
    pub valid: bool,
    /// Everything that does not agree; empty when it is valid.
    pub reasons: Vec<String>,
}

fn refuse(refusal: DrawRefusal, state: &'static str) -> ApiError {
    let conflict = |zh: &str, en: &str| ApiError::new(code::STATE_CONFLICT).because(zh, en).in_state(state, vec![]);
    let field = |pointer: &str, zh: &str, en: &str| ApiError::fault(pointer, refusal.code(), zh, en);
    match refusal {
        DrawRefusal::NotForYou => ApiError::new(code::FORBIDDEN),
        DrawRefusal::WrongState { state } => ApiError::new(code::STATE_CONFLICT)
            .because(
                "登记结束之后、派位之前，或公布结果之后才能摇号",
                "A draw belongs between the closing of the register and the allocation, or behind the announcement",
            )
            .in_state(state.as_str(), vec![]),
        DrawRefusal::RosterInvalid => conflict("没有可以参加摇号的登记", "There is nobody to draw among"),
        DrawRefusal::RevealedAlready => conflict("摇号结果已经公开", "It was revealed before"),
        DrawRefusal::CommitmentMismatch => ApiError::new(code::COMMITMENT_MISMATCH).in_state(state, vec!["reveal"]),
        DrawRefusal::CommitmentMissing => field("/commitment", "请先公布种子的 SHA-256 哈希", "is needed: the SHA-256 of the seed"),
        DrawRefusal::CommitmentMalformed => {
            field("/commitment", "应为 64 位十六进制的 SHA-256", "must be a SHA-256 as 64 hexadecimal digits")
        }
        DrawRefusal::CommitmentUnexpected => field("/commitment", "环形摇号没有种子哈希", "is for sealed seeds only"),
        DrawRefusal::SourceMalformed => {
            field("/public_source", "密封种子摇号须同时填写公共数字的来源和位数", "is for sealed seeds, and goes with public_digits")
        }
        DrawRefusal::PublicNumbersMissing => {
            field("/public_numbers", "与事先公布的来源和位数不符", "must have the digits of the source that was published")
        }
        DrawRefusal::OtherMethod => field("", "与本次摇号的方法不符", "does not fit the method of this draw"),
        DrawRefusal::StartOutOfRange => field("/start", "起始号应在名册之内", "must be a number of the roster"),
        DrawRefusal::IntervalOutOfRange => field("/interval", "间隔数应在 1 到 1000000 之间", "must be from 1 to 1000000"),
        DrawRefusal::SeedMalformed => {
            field("/seed", "种子或公共数字为空、过长或含有控制字符", "is empty, too long, or has control characters")
        }
    }
}

/// Prepare a draw
///
/// Publishes the roster of all who are confirmed or listed and, for a sealed seed, the hash of the secret and the source of the
/// numbers that it will be joined with. Not while somebody is not decided about, but with `early` and a reason. A round has one; for
/// those who come later (objections upheld, leave to be late) there is another, and their order follows. Once the results are
/// announced, for those who wait.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/draws", tag = "enrolment", operation_id = "prepare_enrolment_draw",
    params(("id" = String, Path)),
    request_body(content = NewDraw, example = json!({ "kind": "sealed_seed", "commitment": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" })),
    responses((status = 201, body = DrawDto, headers(("ETag" = String)))))]
async fn prepare_enrolment_draw(call: Call, id: At<RoundKind>) -> Outcome {
    let body: NewDraw = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        run_by(tx, who, id.0)?;
        let round = seen_in_turn(tx, who, id.0)?;
        let facts = round.facts();
        let exists = || ApiError::new(code::DRAW_EXISTS).in_state(facts.state.as_str(), vec![]);
        let before = draws::all_of_round(tx, id.0)?;
        if before.iter().any(|draw| draw.order().is_none()) {
            return Err(exists());
        }
        // Every child has a number, twins who go together too: one of them may be left alone.
        let placed = facts.state == RoundState::Announced;
        let states = if placed { [State::Waiting, State::ToCoordinate] } else { [State::ConfirmedTier, State::Listed] };
        let mut receipts = store::receipts(tx, id.0, &states)?;
        let drawn: HashSet<&String> = before.iter().flat_map(|draw| &draw.facts().document.roster).collect();
        receipts.retain(|receipt| !drawn.contains(receipt));
        if !before.is_empty() && receipts.is_empty() {
            return Err(exists());
        }
        let why = dto::why_early(body.early, body.reason.as_ref())?;
        let undecided = store::undecided(tx, id.0)?;
        // In another state there is nothing to draw at all, whoever is decided about.
        let drawing = placed || matches!(facts.state, RoundState::Closed | RoundState::Listed);
        if drawing && undecided > 0 && why.is_none() {
            let (zh, en) = super::refusal::undecided(undecided);
            return Err(ApiError::new(code::UNDECIDED).because(zh, en).in_state(facts.state.as_str(), vec![]));
        }
        let source = match (&body.public_source, body.public_digits) {
            (None, None) => None,
            (name, digits) => {
                Some(PublicSource { name: name.as_ref().map(|text| text.0.clone()).unwrap_or_default(), digits: digits.map_or(0, |n| n.0) })
            }
        };
        let commitment = body.commitment.as_ref().map(|text| text.0.clone());
        let new = New { method: body.kind.into(), commitment, source, number: before.len() as i64 + 1 };
        let changed = Draw::prepare(tx.new_id(), new, receipts, &round, who, tx.now()).map_err(|r| refuse(r, facts.state.as_str()))?;
        let draw = draws::save(tx, changed).map_err(|error| match error {
            DbError::Duplicate => exists(),
            other => other.into(),
        })?;
        let f = draw.facts();
        Ok(Reply::created(format!("/api/v1/enrolment-draws/{}", f.id), &DrawDto::from(&draw))?.version(f.version))
    })
    .await
}

/// Reveal a draw
///
/// Once: a ring's start and interval, or the secret whose hash was published. From here on the order is fixed.
#[utoipa::path(post, path = "/enrolment-draws/{id}/reveal", tag = "enrolment", operation_id = "reveal_enrolment_draw",
    params(("id" = String, Path)), request_body(content = RevealBody, example = json!({ "seed": "foo", "public_numbers": "03 11 19 24 30 33" })),
    responses((status = 200, body = DrawDto)))]
async fn reveal_enrolment_draw(call: Call, id: At<DrawKind>) -> Outcome {
    let body: RevealBody = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let draw = draws::find(tx, id.0)?.ok_or_else(absent)?;
        // The draw is public, but the round it belongs to is another community's: to its staff there is nothing to reveal.
        run_by(tx, who, draw.facts().round)?;
        cx.expect_version(draw.facts().version)?;
        let state = DrawDto::from(&draw).state;
        let changed = draw.reveal(reveal(&body)?, who, tx.now()).map_err(|refusal| refuse(refusal, state))?;
        let draw = draws::save(tx, changed)?;
        // Seats that waited for this order are given by it.
        let round = seen_in_turn(tx, who, draw.facts().round)?;
        seats::fill(tx, &cx.app.vault, &Arc::new(round.facts().clone()))?;
        Ok(Reply::ok(&DrawDto::from(&draw))?.version(draw.facts().version))
    })
    .await
}

fn reveal(body: &RevealBody) -> Result<Reveal, ApiError> {
    let required = |pointer: &str| ApiError::fault(pointer, "required", "必填", "is required");
    match (&body.seed, body.start, body.interval) {
        (Some(seed), None, None) => {
            Ok(Reveal::SealedSeed { seed: seed.clone(), public_numbers: body.public_numbers.clone().filter(|text| !text.is_empty()) })
        }
        (None, Some(start), Some(interval)) if body.public_numbers.is_none() => Ok(Reveal::Ring { start, interval }),
        (None, Some(_), None) => Err(required("/interval")),
        (None, None, Some(_)) => Err(required("/start")),
        (None, None, None) => Err(required("/seed")),
        _ => Err(refuse(DrawRefusal::OtherMethod, "prepared")),
    }
}

fn found(tx: &mut Tx, id: jiazai_domain::enrolment::DrawId) -> Result<Draw, ApiError> {
    draws::find(tx, id)?.ok_or_else(absent)
}

/// A draw
///
/// Everybody may read and check it.
#[utoipa::path(get, path = "/enrolment-draws/{id}", tag = "enrolment", operation_id = "get_enrolment_draw", params(("id" = String, Path)),
    responses((status = 200, body = DrawDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_enrolment_draw(call: Call, id: At<DrawKind>) -> Outcome {
    call.read(move |tx, _| {
        let draw = found(tx, id.0)?;
        Ok(Reply::ok(&DrawDto::from(&draw))?.version(draw.facts().version))
    })
    .await
}

/// The draw of a round
///
/// Its own, or with `number` one of those for who came later.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/draw", tag = "enrolment", operation_id = "get_round_draw",
    params(("id" = String, Path), ("number" = Option<i64>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, body = DrawDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_round_draw(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    let number = params.text("number")?.map(|text| match text.parse::<i64>() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err(ApiError::query("number", "应为 1 到 1000", "must be from 1 to 1000")),
    });
    let number = number.transpose()?.unwrap_or(1);
    params.finish()?;
    call.read(move |tx, _| {
        let draw = draws::all_of_round(tx, id.0)?.into_iter().find(|draw| draw.facts().number == number).ok_or_else(absent)?;
        Ok(Reply::ok(&DrawDto::from(&draw))?.version(draw.facts().version))
    })
    .await
}

/// Check a draw
///
/// The stored one, or a document that was sent, computed anew. A document that says it is the draw in the path is held against
/// what was published here, too. A long roster is better checked at home: `jiazai verify-draw FILE`.
#[utoipa::path(post, path = "/enrolment-draws/{id}/verify", tag = "enrolment", operation_id = "verify_enrolment_draw",
    params(("id" = String, Path)), request_body(content = DrawFile, example = json!({})), responses((status = 200, body = DrawVerdict)))]
async fn verify_enrolment_draw(call: Call, id: At<DrawKind>) -> Outcome {
    let body: DrawFile = call.body()?;
    call.ask(move |tx, _| {
        let stored = found(tx, id.0)?;
        let published = &stored.facts().document;
        let mut reasons: Vec<String> = Vec::new();
        match body.document()? {
            None => reasons.extend(verify(published).iter().map(domain::Reason::text)),
            Some(sent) => {
                reasons.extend(verify(&sent).iter().map(domain::Reason::text));
                let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
                if body.id.is_some_and(|own| own.0 == id.0) {
                    if !same(&sent.roster_hash, &published.roster_hash) {
                        reasons.push("名册哈希与本系统公布的不一致".to_owned());
                    }
                    if !same(sent.commitment.as_deref().unwrap_or_default(), published.commitment.as_deref().unwrap_or_default()) {
                        reasons.push("种子哈希与本系统公布的不一致".to_owned());
                    }
                    if sent.order != published.order {
                        reasons.push("结果与本系统公布的不一致".to_owned());
                    }
                }
            }
        }
        Reply::ok(&DrawVerdict { valid: reasons.is_empty(), reasons })
    })
    .await
}

/// Reads a draw's document from a file and checks it, for the command line. The error says what cannot be read.
pub fn check_file(text: &str) -> Result<Vec<String>, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("not JSON: line {} column {}", e.line(), e.column()))?;
    let word = |name: &str| json.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    let number = |name: &str| json.get(name).and_then(serde_json::Value::as_i64);
    let list = |name: &str| -> Result<Vec<String>, String> {
        let all = json.get(name).and_then(|v| v.as_array()).ok_or_else(|| format!("{name} is missing or no list"))?;
        all.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(|| format!("{name} holds something that is no text"))).collect()
    };
    let method = word("method").or_else(|| word("kind")).ok_or("method is missing")?;
    let document = DrawDocument {
        method: domain::Method::from_str(&method).map_err(|_| format!("{method:?} is no method that this program knows"))?,
        roster_hash: word("roster_hash").ok_or("roster_hash is missing")?,
        commitment: word("commitment"),
        seed: word("seed"),
        public_source: word("public_source"),
        public_digits: number("public_digits"),
        public_numbers: word("public_numbers"),
        start: number("start"),
        interval: number("interval"),
        roster: list("roster")?,
        order: list("order")?,
    };
    Ok(verify(&document).iter().map(domain::Reason::text).collect())
}
