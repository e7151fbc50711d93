//! Who hears of a promise that is about to be broken, or is.

use super::*;

fn attending() -> Attending {
    Attending { dispatchers: vec![dispatcher().id, qian().id], workers: vec![zhao().id, qian().id] }
}

/// Who is told by the alarm that is due at `s` seconds after the report.
fn told(ticket: &Ticket, s: i64) -> Vec<PrincipalId> {
    let alarm = ticket.alarm(&attending(), start().plus_seconds(s)).expect("an alarm");
    alarm.event.notices.iter().map(|notice| notice.to).collect()
}

fn reported(dispatch: Dispatch) -> Ticket {
    submit(1, &category(dispatch), draft(), &[], start()).expect("a ticket").saved()
}

#[test]
fn an_escalation_of_a_grabbed_ticket_is_not_told_to_the_other_workers() {
    let grabbed = after(reported(Dispatch::Grab), start(), &[(Action::Grab, &zhao())]);
    // 钱 is told as a dispatcher; as 赵's colleague they would not be.
    assert_eq!(told(&grabbed, 100_000), [zhao().id, dispatcher().id, qian().id]);
    let alone = Attending { dispatchers: vec![], workers: attending().workers };
    let alarm = grabbed.alarm(&alone, start().plus_seconds(100_000)).expect("an alarm");
    assert_eq!(alarm.event.notices.iter().map(|notice| notice.to).collect::<Vec<_>>(), [zhao().id]);
}

#[test]
fn while_nobody_has_grabbed_it_dispatchers_and_workers_hear_of_both_alarms_once_each() {
    let lying = reported(Dispatch::Grab);
    let all = [dispatcher().id, qian().id, zhao().id];
    assert_eq!(told(&lying, 50), all, "the warning");
    assert_eq!(told(&lying, 100_000), all, "the escalation");
}

#[test]
fn where_work_is_given_out_no_worker_hears_of_what_nobody_has_given_them() {
    assert_eq!(told(&reported(Dispatch::Assign), 100_000), attending().dispatchers);
}

#[test]
fn a_warning_is_the_workers_own_affair_once_somebody_has_the_job() {
    let assigned = after(reported(Dispatch::Assign), start(), &[(Action::Assign, &dispatcher())]);
    assert_eq!(told(&assigned, 50), [zhao().id]);
}
