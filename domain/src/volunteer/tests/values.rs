//! Values: what may be typed, and what is reckoned from it.

use chrono::{NaiveTime, Weekday};
use proptest::prelude::*;

use super::*;
use crate::kernel::time::Date;

fn pointers<T>(result: Result<T, Vec<crate::kernel::fault::Fault>>) -> Vec<String> {
    result.err().expect("faults").into_iter().map(|f| format!("{} {}", f.pointer, f.code)).collect()
}

#[test]
fn an_activity_is_told_all_its_faults_at_once() {
    let asks = EligibilityDraft { min_age: Some(60), max_age: Some(18), tags: vec![" ".to_owned()], ..EligibilityDraft::default() };
    let bad = ActivityDraft { title: " ", points_per_hour: -1, max_hours: 0, eligibility: Some(asks), hold_s: Some(1), ..draft() };
    let expected = [
        "/title blank",
        "/points_per_hour out_of_range",
        "/max_hours out_of_range",
        "/hold_s out_of_range",
        "/eligibility/max_age less_than_min_age",
        "/eligibility/tags/0 blank",
    ];
    assert_eq!(pointers(bad.check()), expected);
    assert!(ActivityDraft { points_per_hour: i64::MAX, ..draft() }.check().is_err());
    assert!(ActivityDraft { points_per_hour: 0, max_hours: MAX_HOURS, ..draft() }.check().is_ok());
}

#[test]
fn a_shift_is_told_all_its_faults_at_once() {
    let bad = ShiftDraft { ends_at: begins(), cancel_before_s: Some(-1), sign_up_opens_at: Some(ends()), ..shift_draft(0, -1) };
    let expected = [
        "/ends_at not_after_starts_at",
        "/sign_up_opens_at not_before_ends_at",
        "/cancel_before_s out_of_range",
        "/capacity out_of_range",
        "/waitlist_capacity out_of_range",
    ];
    assert_eq!(pointers(bad.check(start())), expected);
    assert_eq!(pointers(shift_draft(1, 0).check(ends())), ["/ends_at not_in_the_future"]);
    let long = ShiftDraft { ends_at: begins().plus_seconds(MAX_SHIFT_S + 1), ..shift_draft(1, 0) };
    assert_eq!(pointers(long.check(start())), ["/ends_at too_long"]);
}

#[test]
fn posts_have_names_of_their_own_and_add_up() {
    let post = |name| PostDraft { name, capacity: 2, waitlist_capacity: 1 };
    let with = |posts, capacity| ShiftDraft { posts, capacity, waitlist_capacity: None, ..shift_draft(0, 0) }.check(start());
    assert_eq!(pointers(with(vec![post("引导"), post("引导")], None)), ["/posts/1/name given_twice"]);
    assert_eq!(pointers(with(vec![post("引导"), post("搬运")], Some(5))), ["/capacity not_the_sum"]);
    assert!(with(vec![post("引导"), post("搬运")], Some(4)).is_ok());
    let many = with((0..=MAX_POSTS).map(|_| post("引导")).collect(), None);
    assert!(pointers(many).contains(&"/posts too_many".to_owned()));
}

fn day(text: &str) -> Date {
    text.parse().expect("a day")
}

fn weekly() -> Recurrence {
    Recurrence {
        from: day("2026-03-04"),
        until: day("2026-03-29"),
        weekdays: vec![Weekday::Sat, Weekday::Sun],
        every_weeks: 2,
        starts: NaiveTime::from_hms_opt(9, 0, 0).expect("a time"),
        duration_s: 7200,
        except: vec![day("2026-03-22")],
    }
}

#[test]
fn shifts_recur_on_the_days_that_were_asked_for() {
    let spans = weekly().spans().expect("spans");
    let days: Vec<_> = spans.iter().map(|s| s.from.date().to_string()).collect();
    assert_eq!(days, ["2026-03-07", "2026-03-08", "2026-03-21"], "every other week, without the exception");
    assert_eq!(spans[0], Span { from: begins(), until: ends() });
}

#[test]
fn a_recurrence_makes_at_least_one_shift_and_not_too_many() {
    let daily = Recurrence {
        until: day("2026-12-31"),
        weekdays: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun],
        every_weeks: 1,
        ..weekly()
    };
    assert_eq!(pointers(daily.spans()), ["/until too_many"]);
    assert_eq!(pointers(Recurrence { until: day("2026-03-05"), ..weekly() }.spans()), ["/weekdays no_occurrence"]);
    let bad = Recurrence { until: day("2026-03-01"), weekdays: vec![], every_weeks: 0, duration_s: 0, ..weekly() };
    assert_eq!(pointers(bad.spans()), ["/until before_from", "/weekdays missing", "/every_weeks out_of_range", "/duration_s out_of_range"]);
    assert_eq!(pointers(Recurrence { until: Date::MAX, ..weekly() }.spans()), ["/until too_far_ahead"]);
}

#[test]
fn a_code_is_good_for_its_half_minute_and_a_request_on_its_way() {
    let opened = begins();
    let shown = code_at(&key(), id(1), opened.plus_seconds(7));
    assert_eq!((shown.code.len(), shown.expires_at), (8, opened.plus_seconds(30)));
    let check = |ms| check_code(&key(), id(1), &shown.code, opened.plus_millis(ms));
    assert_eq!([check(0), check(29_999), check(30_000 + CODE_TOLERANCE_MS - 1)], [Ok(()); 3]);
    assert_eq!(check(30_000 + CODE_TOLERANCE_MS), Err(CodeFault::Stale));
    assert_eq!(check(600_000), Err(CodeFault::Stale));
    assert_eq!(check(3_600_000), Err(CodeFault::Unknown));
    assert_eq!(check(-1), Err(CodeFault::Unknown), "no code is good before it is shown");
    let other = CodeKey::new([8; 32]);
    assert_eq!(check_code(&other, id(1), &shown.code, opened), Err(CodeFault::Unknown));
}

#[test]
fn a_code_is_read_as_people_write_it() {
    let shown = (0..400).map(|n| code_at(&key(), id(n), begins())).enumerate();
    let (n, shown) = shown.into_iter().find(|(_, c)| c.code.contains('0') && c.code.contains('1')).expect("one with both");
    let typed = format!(" {}-{} ", &shown.code[..4], &shown.code[4..]).to_lowercase().replace('0', "o").replace('1', "l");
    assert_eq!(check_code(&key(), id(n as u128), &typed, begins()), Ok(()));
    for bad in ["", "0", "签到签到签到签到", &shown.code[..7], &format!("{}0", shown.code)] {
        assert_eq!(check_code(&key(), id(n as u128), bad, begins()), Err(CodeFault::Unknown), "{bad}");
    }
}

#[test]
fn two_absences_block_and_one_forgotten_long_ago_does_not_count() {
    let rule = NoShowRule::default();
    let days = |n: i64| start().plus_seconds(n * 86_400);
    assert_eq!(rule.blocked_until(&[days(0)], days(1)), None);
    assert_eq!(rule.blocked_until(&[days(80), days(0)], days(81)), Some(days(94)));
    assert_eq!(rule.blocked_until(&[days(80), days(0)], days(94)), None, "served");
    assert_eq!(rule.blocked_until(&[days(0), days(91)], days(92)), None);
    assert_eq!(NoShowRule { strikes: 0, ..rule }.blocked_until(&[days(0), days(1)], days(1)), None, "switched off");
    let costly = NoShowRule { costs_points: 10, ..rule };
    assert_eq!((costly.cost(25), costly.cost(4), costly.cost(0), rule.cost(25)), (10, 4, 0, 0));
}

fn certificate(minutes: i64) -> Result<Changed<Certificate>, Refusal> {
    let who = resident(1).resident().expect("a resident");
    Certificate::issue(CertificateCode::from_random([9; 10]), (&who, "王小四"), minutes, (here(), "东涂社区"), &[], start())
}

#[test]
fn a_certificate_says_a_masked_name_and_the_minutes_and_is_revoked_once() {
    let issued = certificate(90).expect("issued").kept();
    assert_eq!((issued.facts().masked_name.as_str(), issued.facts().minutes, issued.is_valid()), ("王*四", 90, true));
    let foreign = foreign_leader().volunteer_leader_of(elsewhere()).expect("a leader elsewhere");
    assert_eq!(issued.clone().revoke(reason(), &foreign, start()).map(|_| ()), Err(Refusal::NotForYou));
    let revoked = issued.revoke(reason(), &leading(), start()).expect("revoked").kept();
    assert!(!revoked.is_valid());
    assert_eq!(revoked.revoke(reason(), &leading(), start()).map(|_| ()), Err(Refusal::AlreadyRevoked));
    assert_eq!(certificate(0).map(|_| ()), Err(Refusal::NothingToCertify));
}

proptest! {
    #[test]
    fn a_certificate_code_reads_back_however_it_is_written(bytes: [u8; 10]) {
        let code = CertificateCode::from_random(bytes);
        let text = code.to_string();
        prop_assert_eq!(text.len(), 19);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "i");
        prop_assert_eq!((text.parse(), sloppy.parse()), (Ok(code), Ok(code)));
    }

    #[test]
    fn one_wrong_character_or_two_exchanged_are_found(bytes: [u8; 10], i in 0usize..16, j in 0usize..16, put in 0usize..32) {
        let text: Vec<u8> = CertificateCode::from_random(bytes).to_string().replace('-', "").into_bytes();
        let read = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII").parse::<CertificateCode>().is_ok();
        let put = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[put];
        let mut wrong = text.clone();
        wrong[i] = put;
        prop_assert_eq!(read(wrong), text[i] == put);
        let mut exchanged = text.clone();
        exchanged.swap(i, j);
        prop_assert_eq!(read(exchanged), text[i] == text[j]);
    }

    #[test]
    fn no_text_makes_a_code_panic(text in ".{0,30}") {
        let _ = text.parse::<CertificateCode>();
        let _ = check_code(&key(), id(1), &text, begins());
    }

    #[test]
    fn minutes_lie_within_the_shift_and_the_most_hours(came in -200i64..400, stayed in -10i64..400, max_hours in 0i64..5) {
        let (from, until) = (begins(), begins().plus_seconds(180 * 60));
        let (in_at, out_at) = (from.plus_seconds(came * 60), from.plus_seconds((came + stayed) * 60));
        let minutes = minutes_between(in_at, out_at, (from, until), max_hours);
        let by_hand = (came..came + stayed).filter(|minute| (0..180).contains(minute)).count() as i64;
        prop_assert_eq!(minutes, by_hand.min(max_hours * 60));
    }

    #[test]
    fn points_are_rounded_down_and_never_negative(minutes in -10i64..2000, rate in -5i64..=MAX_POINTS_PER_HOUR) {
        let points = points_for(minutes, rate);
        prop_assert!(points >= 0);
        if minutes >= 0 && rate >= 0 {
            prop_assert!(points * 60 <= minutes * rate && (points + 1) * 60 > minutes * rate);
        }
    }
}

#[test]
fn nobody_needs_more_than_ten_certificates_a_day() {
    let who = resident(1).resident().expect("a resident");
    let issue = |recent: &[Timestamp], now: Timestamp| {
        Certificate::issue(CertificateCode::from_random([9; 10]), (&who, "王小四"), 60, (here(), "东涂社区"), recent, now).map(drop)
    };
    let recent: Vec<Timestamp> = (0..10).map(|n| start().plus_seconds(-60 * n)).collect();
    let again_at = recent[9].plus_seconds(CERTIFICATES_WITHIN_S);
    assert_eq!(issue(&recent, start()), Err(Refusal::TooManyCertificates { again_at }));
    assert_eq!(issue(&recent, again_at), Ok(()));
    assert_eq!(issue(&recent[..9], start()), Ok(()));
}

#[test]
fn a_certificate_says_how_it_stands_and_who_may_revoke_it() {
    let who = resident(1).resident().expect("a resident");
    let made = Certificate::issue(CertificateCode::from_random([9; 10]), (&who, "王小四"), 60, (here(), "东涂社区"), &[], start());
    let good = made.expect("issued").kept();
    assert_eq!((good.state(), good.allowed_actions(Some(&leader()))), (CertificateState::Issued, vec![CertificateAction::Revoke]));
    assert_eq!((good.allowed_actions(None), good.allowed_actions(Some(&foreign_leader()))), (vec![], vec![]));
    let gone = good.revoke(reason(), &leading(), start()).expect("revoked").kept();
    assert_eq!((gone.state(), gone.allowed_actions(Some(&leader()))), (CertificateState::Revoked, vec![]));
}
