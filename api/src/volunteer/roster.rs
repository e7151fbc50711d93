//! The roster as a file, with columns that a leader reads.

use std::collections::HashMap;

use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{ShiftId, SignUp, SignUpId, State};
use jiazai_infra::db::Tx;
use jiazai_infra::events;
use jiazai_infra::volunteer::{self as store, SignUpFilter};

use super::commands::seen_shift;
use crate::bulk::{self, Column, Encoding, Form, PORTION, Portion, Rows, Sheet};
use crate::call::{Call, Cx, Outcome};
use crate::error::ApiError;
use crate::identity::dto::masked_phones;

/// In JSON, and in the first line of the CSV.
const COLUMNS: &[(&str, &str)] = &[
    ("name", "姓名"),
    ("phone_masked", "手机"),
    ("post", "岗位"),
    ("state", "状态"),
    ("position", "候补序号"),
    ("checked_in_at", "签到时间"),
    ("checked_out_at", "签退时间"),
    ("minutes", "分钟"),
    ("points", "积分"),
    ("signed_up_at", "报名时间"),
    ("id", "编号"),
];

/// Of which shift, narrowed to which state, written how.
#[derive(Clone, Copy)]
pub struct What {
    pub shift: ShiftId,
    pub state: Option<State>,
    pub form: Form,
    pub encoding: Option<Encoding>,
}

/// Everybody of a shift, newest first. Whoever takes the list is written down before its first byte leaves.
pub async fn export(call: Call, what: What) -> Outcome {
    let cx = call.cx()?;
    let mark = call.cx()?;
    call.app
        .db
        .write(move |tx| {
            let who = mark.actor()?;
            let (_, shift) = seen_shift(tx, who, what.shift)?;
            let by = who.volunteer_leader_of(shift.facts().community)?;
            let event = shift.exported(&by, tx.now());
            Ok::<_, ApiError>(events::record(tx, shift.facts().community, &what.shift.text(), shift.facts().version, &[event]).map(drop)?)
        })
        .await?;
    call.app.jobs.wake();
    let sheet = Sheet {
        form: what.form,
        // Leaders open it in Excel.
        encoding: what.encoding.unwrap_or(Encoding::Utf8Bom),
        name: format!("roster-{}", what.shift),
        columns: COLUMNS.iter().map(|(key, title)| Column { key: (*key).to_owned(), title: (*title).to_owned() }).collect(),
        harmless: false,
        taking: None,
        remembers: false,
    };
    bulk::streamed(call.app.clone(), sheet, Box::new(move |tx, after| read(tx, &cx, what, after))).await
}

/// One page, and where the next one begins.
fn read(tx: &mut Tx, cx: &Cx, what: What, after: Option<&str>) -> Result<Portion, ApiError> {
    let who = cx.actor()?;
    let (_, found) = seen_shift(tx, who, what.shift)?;
    who.volunteer_leader_of(found.facts().community)?;
    let filter = SignUpFilter { shift: Some(what.shift), state: what.state, resident: None };
    let page = store::sign_ups(tx, &filter, after, PORTION as i64)?;
    let seen = Seen {
        labels: store::labels(tx, &page)?,
        turns: store::positions(tx, &page)?,
        phones: masked_phones(tx, &cx.app.vault, page.iter().map(|sign_up| sign_up.facts().resident))?,
    };
    let rows = page.iter().map(|sign_up| cells(sign_up, &seen).to_vec()).collect();
    let next = page.last().filter(|_| page.len() == PORTION).map(|last| last.facts().id.text());
    Ok(Portion { rows: Rows::Cells(rows), next })
}

/// What a page shows beside the sign-ups themselves.
struct Seen {
    labels: store::Labels,
    turns: HashMap<SignUpId, i64>,
    phones: HashMap<PrincipalId, String>,
}

fn cells(sign_up: &SignUp, Seen { labels, turns, phones }: &Seen) -> [String; 11] {
    let f = sign_up.facts();
    let when = |at: Option<Timestamp>| at.map(|at| at.local().format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    [
        labels.person(sign_up).unwrap_or_default().to_owned(),
        phones.get(&f.resident).cloned().unwrap_or_default(),
        labels.post(sign_up).unwrap_or_default().to_owned(),
        state_name(f.state).to_owned(),
        number(turns.get(&f.id).copied()),
        when(f.checked_in_at),
        when(f.checked_out_at),
        number(f.minutes),
        number(f.points),
        when(Some(f.signed_up_at)),
        f.id.text(),
    ]
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Confirmed => "已报名",
        State::Waitlisted => "候补中",
        State::Offered => "待确认",
        State::Present => "已签到",
        State::Done => "已签退",
        State::Credited => "已入账",
        State::Cancelled => "已取消",
        State::Absent => "缺席",
        State::Expired => "已失效",
    }
}
