//! The roster as CSV or as lines of JSON: streamed a page at a time, so that it costs the same memory at any length.

use std::collections::{HashMap, VecDeque};

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::import::{Format, neutralise};
use jiazai_domain::volunteer::{ShiftId, SignUp, SignUpId, State};
use jiazai_infra::events;
use jiazai_infra::volunteer::{self as store, SignUpFilter};

use super::commands::seen_shift;
use crate::call::{Call, Cx, Outcome};
use crate::error::ApiError;
use crate::identity::dto::masked_phones;

const PAGE: i64 = 200;
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
    pub format: Format,
}

/// How far an export has come.
struct Progress {
    ready: VecDeque<Bytes>,
    after: Option<String>,
    over: bool,
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
            Ok::<_, ApiError>(events::record(tx, shift.facts().community, &what.shift.text(), shift.facts().version, &[event])?)
        })
        .await?;
    call.app.jobs.wake();
    // The first page before the first byte: afterwards no refusal can be told any more.
    let mut start = VecDeque::new();
    if what.format == Format::Csv {
        start.push_back(Bytes::from(format!("\u{feff}{}", row(COLUMNS.iter().map(|(_, name)| (*name).to_owned())))));
    }
    let (first, after) = read(&cx, what, None).await?;
    start.push_back(first);
    let over = after.is_none();
    let lines = futures_util::stream::try_unfold(Progress { ready: start, after, over }, move |mut at| {
        let cx = cx.clone();
        async move {
            if let Some(bytes) = at.ready.pop_front() {
                return Ok::<_, actix_web::Error>(Some((bytes, at)));
            }
            if at.over {
                return Ok(None);
            }
            let (bytes, after) = read(&cx, what, at.after.take()).await?;
            at.over = after.is_none();
            at.after = after;
            Ok(Some((bytes, at)))
        }
    });
    let (kind, extension) = match what.format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"roster-{}.{extension}\"", what.shift)))
        .streaming(lines))
}

/// One page as text, and where the next one begins.
async fn read(cx: &Cx, what: What, after: Option<String>) -> Result<(Bytes, Option<String>), ApiError> {
    let cx = cx.clone();
    let db = cx.app.db.clone();
    db.read(move |tx| {
        let who = cx.actor()?;
        let (_, found) = seen_shift(tx, who, what.shift)?;
        who.volunteer_leader_of(found.facts().community)?;
        let filter = SignUpFilter { shift: Some(what.shift), state: what.state, resident: None };
        let page = store::sign_ups(tx, &filter, after.as_deref(), PAGE)?;
        let seen = Seen {
            labels: store::labels(tx, &page)?,
            turns: store::positions(tx, &page)?,
            phones: masked_phones(tx, &cx.app.vault, page.iter().map(|sign_up| sign_up.facts().resident))?,
        };
        let mut text = String::new();
        for sign_up in &page {
            let cells = cells(sign_up, &seen);
            match what.format {
                Format::Csv => text.push_str(&row(cells.into_iter())),
                Format::Ndjson => text.push_str(&object(cells)),
            }
        }
        let next = page.last().filter(|_| page.len() as i64 == PAGE).map(|last| last.facts().id.text());
        Ok((Bytes::from(text), next))
    })
    .await
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

/// A line of JSON. What is empty is left out; everything else is the text that the table has.
fn object(cells: [String; 11]) -> String {
    let named = COLUMNS.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    let object: serde_json::Map<String, serde_json::Value> = named.map(|((name, _), cell)| ((*name).to_owned(), cell.into())).collect();
    format!("{}\n", serde_json::Value::Object(object))
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

/// A line of RFC 4180, with what a spreadsheet would compute made text.
fn row(cells: impl Iterator<Item = String>) -> String {
    let quoted = cells.map(|cell| format!("\"{}\"", neutralise(&cell).replace('"', "\"\""))).collect::<Vec<_>>();
    format!("{}\r\n", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_computes_or_breaks_out() {
        let line = row(["=1+1".to_owned(), "小\"王\"".to_owned(), "@cmd".to_owned()].into_iter());
        assert_eq!(line, "\"'=1+1\",\"小\"\"王\"\"\",\"'@cmd\"\r\n");
    }
}
