use proptest::prelude::*;

use super::*;

fn at(local: &str) -> Timestamp {
    Timestamp::parse(&format!("{local}:00+08:00")).expect("an instant")
}

fn day(text: &str) -> Date {
    text.parse().expect("a date")
}

fn hours(text: &str) -> OpeningHours {
    OpeningHours::parse(text).expect("opening hours")
}

fn workdays() -> Calendar {
    Calendars::compiled_in().get("workdays").expect("workdays").clone()
}

const HOUR: u64 = 3600;

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn lunch_and_night_do_not_count() {
    let c = workdays();
    assert_eq!(c.add_working(at("2026-03-04T11:00"), seconds(2 * HOUR)), at("2026-03-04T15:30"));
    assert_eq!(c.add_working(at("2026-03-04T17:00"), seconds(HOUR)), at("2026-03-05T09:00"));
    assert_eq!(c.add_working(at("2026-03-04T03:00"), seconds(60)), at("2026-03-04T08:31"));
    assert_eq!(c.add_working(at("2026-03-04T12:30"), seconds(0)), at("2026-03-04T12:30"));
}

#[test]
fn time_that_ends_with_the_day_ends_on_that_day() {
    assert_eq!(workdays().add_working(at("2026-03-04T08:30"), seconds(6 * HOUR + HOUR / 2)), at("2026-03-04T17:30"));
    assert_eq!(workdays().add_working(at("2026-03-04T08:30"), seconds(3 * HOUR + HOUR / 2)), at("2026-03-04T12:00"));
}

#[test]
fn the_spring_festival_is_skipped_and_its_make_up_days_are_worked() {
    let c = workdays();
    assert!(c.is_worked(day("2026-02-14")) && c.is_worked(day("2026-02-28")), "two Saturdays");
    assert!(!c.is_worked(day("2026-02-16")) && !c.is_worked(day("2026-02-23")), "two Mondays");
    assert_eq!(c.add_working(at("2026-02-14T17:00"), seconds(HOUR)), at("2026-02-24T09:00"));
    assert_eq!(c.working_between(at("2026-02-15T00:00"), at("2026-02-24T00:00")), Duration::ZERO);
}

#[test]
fn beyond_the_data_the_plain_week_holds_and_the_calendar_says_so() {
    let c = workdays();
    assert_eq!(c.known_until(), Some(day("2026-12-31")));
    assert!(c.is_worked(day("2031-10-01")), "a Wednesday of a year without data");
    assert_eq!(Calendar::always().known_until(), None);
}

#[test]
fn far_ends_do_not_panic() {
    let c = workdays();
    let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
    assert_eq!(c.add_working(first, Duration::MAX), last);
    assert_eq!(c.add_working(last, seconds(1)), last);
    assert!(c.working_between(first, last) > Duration::ZERO);
    assert_eq!(c.working_between(last, first), Duration::ZERO);
    assert_eq!(Calendar::always().add_working(last, Duration::MAX), last);
}

#[test]
fn opening_hours_are_read_strictly() {
    for bad in ["", "8:30", "12:00-08:30", "08:00-12:00,11:00-13:00", "08:00-25:00", "08:00-08:00", "08:00-12:00,"] {
        assert_eq!(OpeningHours::parse(bad), Err(CalendarFault::Hours), "{bad}");
    }
    assert_eq!(hours("00:00-24:00"), OpeningHours(vec![(0, DAY)]));
    assert_eq!(Calendar::weekly("x", [false; 7], hours("00:00-24:00"), &DayBook::empty()), Err(CalendarFault::EmptyWeek));
    assert_eq!(Calendar::workdays("always", hours("00:00-24:00"), &DayBook::empty()), Err(CalendarFault::Code));
}

#[test]
fn an_unknown_code_counts_every_minute() {
    let all = Calendars::compiled_in();
    assert_eq!(all.get("nights"), None);
    assert_eq!(all.get_or_always("nights").code(), "always");
    assert_eq!(all.get_or_always("workdays").code(), "workdays");
}

/// Counts minute by minute, in the plainest way there is: the answer the arithmetic must give.
fn counted(c: &Calendar, from: Timestamp, minutes: i64) -> i64 {
    (0..minutes)
        .filter(|m| {
            let local = from.plus_seconds(m * 60).local();
            let minute = local.time().num_seconds_from_midnight() / 60;
            c.is_worked(local.date()) && ((510..720).contains(&minute) || (870..1050).contains(&minute))
        })
        .count() as i64
}

/// Calendars of all sorts: any week, one to three opening hours, any days named.
fn any_calendar() -> impl Strategy<Value = Calendar> {
    let week = prop::array::uniform7(any::<bool>()).prop_filter("a week with a worked day", |w| w.contains(&true));
    let open = prop::sample::select(vec!["08:30-12:00,14:30-17:30", "00:00-24:00", "09:00-09:30", "06:00-07:00,07:00-08:00,20:00-24:00"]);
    let named = prop::collection::btree_map(0u64..800, any::<bool>(), 0..60);
    (week, open, named).prop_map(|(week, text, named)| {
        let line =
            |(n, worked): (u64, bool)| format!("{} {}\n", day("2026-01-01") + chrono::Days::new(n), if worked { "work" } else { "off" });
        let book = DayBook::parse(&named.into_iter().map(line).collect::<String>()).expect("a book");
        Calendar::weekly("any", week, hours(text), &book).expect("a calendar")
    })
}

/// Any instant of 2025 to 2029, to the millisecond.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    (1_735_660_800_000i64..1_861_891_200_000).prop_map(Timestamp::from_millis)
}

proptest! {
    #[test]
    fn working_time_is_what_counting_minutes_gives(start in 0i64..900_000, minutes in 0i64..20_000) {
        let c = workdays();
        let from = at("2026-01-01T00:00").plus_seconds(start * 60);
        let expected = counted(&c, from, minutes);
        prop_assert_eq!(c.working_between(from, from.plus_seconds(minutes * 60)), seconds(expected as u64 * 60));
    }

    #[test]
    fn adding_twice_is_adding_the_sum(c in any_calendar(), from in any_instant(), a in 0u64..5_000_000_000, b in 0u64..5_000_000_000) {
        let (a, b) = (Duration::from_millis(a), Duration::from_millis(b));
        prop_assert_eq!(c.add_working(c.add_working(from, a), b), c.add_working(from, a + b));
    }

    #[test]
    fn what_was_added_is_what_lies_between(c in any_calendar(), from in any_instant(), ms in 0u64..100_000_000_000) {
        let time = Duration::from_millis(ms);
        let to = c.add_working(from, time);
        prop_assert_eq!(c.working_between(from, to), time);
        prop_assert!(time.is_zero() || c.working_between(from, to.plus_millis(-1)) < time, "and no earlier instant does");
    }

    #[test]
    fn a_later_start_or_a_longer_time_never_ends_earlier(c in any_calendar(), from in any_instant(), later in 0i64..10_000_000_000, ms in 0u64..5_000_000_000, more in 0u64..5_000_000_000) {
        let end = c.add_working(from, Duration::from_millis(ms));
        prop_assert!(from <= end);
        prop_assert!(end <= c.add_working(from.plus_millis(later), Duration::from_millis(ms)));
        prop_assert!(end <= c.add_working(from, Duration::from_millis(ms + more)));
    }

    #[test]
    fn between_adds_up_over_a_point_between(c in any_calendar(), a in any_instant(), x in 0i64..10_000_000_000, y in 0i64..10_000_000_000) {
        let (b, end) = (a.plus_millis(x), a.plus_millis(x + y));
        prop_assert_eq!(c.working_between(a, b) + c.working_between(b, end), c.working_between(a, end));
    }
}
