//! What notices say about volunteer service.

use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{ActivityId, ShiftId, SignUpId, SwapId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::volunteer::{self as store, Sight};

use crate::notices::Words;

/// The words for an event of a sign-up, a shift or a swap; none when it is about something else, or the thing is gone.
pub fn words(tx: &mut Tx, event: &Recorded) -> Result<Option<Words>, DbError> {
    if let Ok(id) = event.subject.parse::<SignUpId>() {
        return of_sign_up(tx, event, id);
    }
    if let Ok(id) = event.subject.parse::<ShiftId>() {
        let Some((activity, shift)) = store::opening(tx, &Sight::everything(), id)? else { return Ok(None) };
        let phrase = if event.kind == "volunteer_shift.rescheduled" { "班次改期" } else { "班次取消" };
        return Ok(Some(Words::new(&activity.facts().title, phrase, shift.facts().starts_at, format!("volunteer/shift?id={id}"))));
    }
    if let Ok(id) = event.subject.parse::<ActivityId>() {
        let Some(activity) = store::activity(tx, &Sight::everything(), id)? else { return Ok(None) };
        let f = activity.facts();
        let next = store::shifts(tx, id, Some(event.occurred_at), None, 1)?.pop();
        let when = next.map_or(event.occurred_at, |shift| shift.facts().starts_at);
        return Ok(Some(Words::new(&f.title, "活动变更", when, format!("volunteer/calendar?activity={id}"))));
    }
    if let Ok(id) = event.subject.parse::<SwapId>() {
        let Some(swap) = store::swap(tx, id)? else { return Ok(None) };
        let Some(sign_up) = store::sign_up(tx, swap.facts().own)? else { return Ok(None) };
        let phrase = match event.kind.as_str() {
            "volunteer_swap.proposed" => "换班邀请",
            "volunteer_swap.agreed" => "换班成功",
            "volunteer_swap.refused" => "换班被拒",
            _ => "换班失效",
        };
        let labels = store::labels(tx, std::slice::from_ref(&sign_up))?;
        return Ok(Some(Words::new(
            labels.title(&sign_up),
            phrase,
            swap.facts().until,
            format!("volunteer/shift?id={}", sign_up.facts().shift),
        )));
    }
    Ok(None)
}

fn of_sign_up(tx: &mut Tx, event: &Recorded, id: SignUpId) -> Result<Option<Words>, DbError> {
    let Some(sign_up) = store::sign_up(tx, id)? else { return Ok(None) };
    let phrase = match event.kind.as_str() {
        "volunteer_sign_up.confirmed" => "报名成功",
        "volunteer_sign_up.waitlisted" => "候补登记",
        // Only who is sent home has not done it themselves.
        "volunteer_sign_up.checked_out" => "班次取消",
        "volunteer_sign_up.offered" => "候补待确认",
        "volunteer_sign_up.expired" => "候补失效",
        "volunteer_sign_up.cancelled" => "报名取消",
        "volunteer_sign_up.called_off" => "班次取消",
        "volunteer_sign_up.marked_absent" => "记为缺席",
        "volunteer_sign_up.credited" => "时长入账",
        "volunteer_sign_up.reminded" => "服务提醒",
        _ => "状态变更",
    };
    // When to be there; for an offer, until when to answer.
    let until = event.data.get("offered_until").and_then(|at| at.as_str()).and_then(Timestamp::parse);
    let when = until.unwrap_or(sign_up.facts().occasion.starts_at);
    let labels = store::labels(tx, std::slice::from_ref(&sign_up))?;
    Ok(Some(Words::new(labels.title(&sign_up), phrase, when, format!("volunteer/shift?id={}", sign_up.facts().shift))))
}
