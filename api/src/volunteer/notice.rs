//! What notices say about volunteer service.

use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{ActivityId, ShiftId, SignUp, SignUpId, SwapId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::volunteer::{self as store, Sight};

use crate::notices::{Said, Words, about, things};

/// The words for events of sign-ups, shifts, activities and swaps.
pub fn words(tx: &mut Tx, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    of_sign_ups(tx, about(events), said)?;
    of_shifts(tx, about(events), said)?;
    of_activities(tx, about(events), said)?;
    of_swaps(tx, about(events), said)
}

/// Most of what volunteers are told is about their sign-ups, so these are read at once for all events.
fn of_sign_ups(tx: &mut Tx, events: Vec<(SignUpId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    let sign_ups = store::sign_ups_by_ids(tx, &things(&events))?;
    let labels = store::labels(tx, &sign_ups)?;
    for (id, event) in events {
        let Some(sign_up) = sign_ups.iter().find(|sign_up| sign_up.facts().id == id) else { continue };
        // When to be there; for an offer, until when to answer.
        let until = event.data.get("offered_until").and_then(|at| at.as_str()).and_then(Timestamp::parse);
        let when = until.unwrap_or(sign_up.facts().occasion.starts_at);
        said.insert(event.id, Words::new(labels.title(sign_up), phrase(event), when, page(sign_up)));
    }
    Ok(())
}

fn phrase(event: &Recorded) -> &'static str {
    match event.kind.as_str() {
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
    }
}

fn page(sign_up: &SignUp) -> String {
    format!("volunteer/shift?id={}", sign_up.facts().shift)
}

fn of_shifts(tx: &mut Tx, events: Vec<(ShiftId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some((activity, shift)) = store::opening(tx, &Sight::everything(), id)? else { continue };
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            let phrase = if event.kind == "volunteer_shift.rescheduled" { "班次改期" } else { "班次取消" };
            let (title, when) = (&activity.facts().title, shift.facts().starts_at);
            said.insert(event.id, Words::new(title, phrase, when, format!("volunteer/shift?id={id}")));
        }
    }
    Ok(())
}

fn of_activities(tx: &mut Tx, events: Vec<(ActivityId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some(activity) = store::activity(tx, &Sight::everything(), id)? else { continue };
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            let next = store::shifts(tx, id, Some(event.occurred_at), None, 1)?.pop();
            let when = next.map_or(event.occurred_at, |shift| shift.facts().starts_at);
            said.insert(event.id, Words::new(&activity.facts().title, "活动变更", when, format!("volunteer/calendar?activity={id}")));
        }
    }
    Ok(())
}

fn of_swaps(tx: &mut Tx, events: Vec<(SwapId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some(swap) = store::swap(tx, id)? else { continue };
        let Some(sign_up) = store::sign_up(tx, swap.facts().own)? else { continue };
        let labels = store::labels(tx, std::slice::from_ref(&sign_up))?;
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            let phrase = match event.kind.as_str() {
                "volunteer_swap.proposed" => "换班邀请",
                "volunteer_swap.agreed" => "换班成功",
                "volunteer_swap.refused" => "换班被拒",
                _ => "换班失效",
            };
            said.insert(event.id, Words::new(labels.title(&sign_up), phrase, swap.facts().until, page(&sign_up)));
        }
    }
    Ok(())
}
