//! The roster as CSV: streamed a page at a time, so that it costs the same memory at any length.

use std::collections::VecDeque;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::import::neutralise;
use jiazai_domain::volunteer::{ShiftId, SignUp, State};
use jiazai_infra::db::Tx;
use jiazai_infra::volunteer::{self as store, SignUpFilter};

use super::commands::seen_shift;
use crate::call::{Call, Cx, Outcome};
use crate::error::ApiError;
use crate::identity::dto::masked_phone;

const PAGE: i64 = 200;
const HEADER: &[&str] = &["姓名", "手机", "岗位", "状态", "候补序号", "签到时间", "签退时间", "分钟", "积分", "报名时间", "编号"];

/// How far an export has come.
struct Progress {
    ready: VecDeque<Bytes>,
    after: Option<String>,
    over: bool,
}

/// Everybody of a shift, newest first.
pub async fn export(call: Call, shift: ShiftId, state: Option<State>) -> Outcome {
    let cx = call.cx()?;
    // The first page before the first byte: afterwards no refusal can be told any more.
    let mut start = VecDeque::from([Bytes::from(format!("\u{feff}{}", row(HEADER.iter().map(|cell| (*cell).to_owned()))))]);
    let (first, after) = read(&cx, shift, state, None).await?;
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
            let (bytes, after) = read(&cx, shift, state, at.after.take()).await?;
            at.over = after.is_none();
            at.after = after;
            Ok(Some((bytes, at)))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"roster-{shift}.csv\"")))
        .streaming(lines))
}

/// One page as text, and where the next one begins.
async fn read(cx: &Cx, shift: ShiftId, state: Option<State>, after: Option<String>) -> Result<(Bytes, Option<String>), ApiError> {
    let cx = cx.clone();
    let db = cx.app.db.clone();
    db.read(move |tx| {
        let who = cx.actor()?;
        let (_, found) = seen_shift(tx, who, shift)?;
        who.volunteer_leader_of(found.facts().community)?;
        let filter = SignUpFilter { shift: Some(shift), state, resident: None };
        let page = store::sign_ups(tx, &filter, after.as_deref(), PAGE)?;
        let labels = store::labels(tx, &page)?;
        let mut text = String::new();
        for sign_up in &page {
            text.push_str(&line(tx, &cx, sign_up, &labels)?);
        }
        let next = page.last().filter(|_| page.len() as i64 == PAGE).map(|last| last.facts().id.text());
        Ok((Bytes::from(text), next))
    })
    .await
}

fn line(tx: &mut Tx, cx: &Cx, sign_up: &SignUp, labels: &store::Labels) -> Result<String, ApiError> {
    let f = sign_up.facts();
    let when = |at: Option<Timestamp>| at.map(|at| at.local().format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let cells = [
        labels.person(sign_up).unwrap_or_default().to_owned(),
        masked_phone(tx, &cx.app.vault, f.resident)?.unwrap_or_default(),
        labels.post(sign_up).unwrap_or_default().to_owned(),
        state_name(f.state).to_owned(),
        number(store::position(tx, sign_up)?),
        when(f.checked_in_at),
        when(f.checked_out_at),
        number(f.minutes),
        number(f.points),
        when(Some(f.signed_up_at)),
        f.id.text(),
    ];
    Ok(row(cells.into_iter()))
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
