//! Values that people type into reports, quotes, ratings and categories.

use proptest::prelude::*;

use super::*;
use crate::kernel::fault::Fault;

fn faults<T>(result: Result<T, Vec<Fault>>) -> Vec<(String, &'static str)> {
    result.map(|_| Vec::new()).unwrap_or_else(|faults| faults.into_iter().map(|f| (f.pointer, f.code)).collect())
}

fn owned(faults: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    faults.iter().map(|(pointer, code)| ((*pointer).to_owned(), *code)).collect()
}

#[test]
fn all_faults_of_a_report_are_told_at_once() {
    let wrong = ReportDraft {
        title: " ",
        description: "好\u{0}",
        home: None,
        place: Some(""),
        affected_homes: (0..21).map(home).collect(),
        photos: (0..10).map(file).collect(),
        appointment: Some(Appointment { from: start(), to: start() }),
    };
    let expected = [
        ("/title", "blank"),
        ("/description", "control_character"),
        ("/photos", "too_many"),
        ("/affected_homes", "too_many"),
        ("/appointment/from", "not_in_the_future"),
        ("/appointment/to", "not_after_from"),
    ];
    assert_eq!(faults(wrong.check(start())), owned(&expected));
}

#[test]
fn an_appointment_begins_within_thirty_days_and_ends_after_it_begins() {
    let check = |from: i64, to: i64| {
        let appointment = Some(Appointment { from: start().plus_seconds(from), to: start().plus_seconds(to) });
        faults(ReportDraft { appointment, ..draft() }.check(start()))
    };
    assert_eq!(check(1, 2), []);
    assert_eq!(check(30 * 86_400, 30 * 86_400 + 3600), []);
    assert_eq!(check(30 * 86_400 + 1, 31 * 86_400), owned(&[("/appointment", "too_far_ahead")]));
    assert_eq!(check(60, 32 * 86_400), owned(&[("/appointment", "too_far_ahead")]), "a visit does not last a month");
    assert_eq!(check(60, 60), owned(&[("/appointment/to", "not_after_from")]));
}

#[test]
fn a_home_or_photo_named_twice_counts_once_and_the_own_home_is_no_neighbour() {
    let twice = ReportDraft { photos: vec![file(1), file(1)], affected_homes: vec![home(2), home(1), home(2)], ..draft() };
    let ticket = submit(1, &category(Dispatch::Assign), twice, &[], start()).expect("a ticket").saved();
    assert_eq!((&ticket.facts().photos, &ticket.facts().affected_homes), (&vec![file(1)], &vec![home(2)]));
}

#[test]
fn a_quote_names_every_wrong_item() {
    let item = |name: &str, amount_fen| QuoteItem { name: name.to_owned(), amount_fen };
    assert_eq!(faults(Quote::new(100, vec![])), owned(&[("/items", "empty"), ("/amount_fen", "not_the_sum")]));
    assert_eq!(faults(Quote::new(0, vec![item("上门", 0)])), owned(&[("/amount_fen", "out_of_range")]));
    assert_eq!(faults(Quote::new(150, vec![item("阀门", 100), item("人工", 40)])), owned(&[("/amount_fen", "not_the_sum")]));
    let wrong = Quote::new(5, vec![item("阀门", 6), item("", -1)]);
    assert_eq!(faults(wrong), owned(&[("/items/1/amount_fen", "out_of_range"), ("/items/1/name", "blank")]));
    assert_eq!(faults(Quote::new(21, vec![item("螺丝", 1); 21])), owned(&[("/items", "too_many"), ("/amount_fen", "not_the_sum")]));
    assert_eq!(Quote::new(MAX_QUOTE_FEN, vec![item("大修", MAX_QUOTE_FEN)]).map(|q| q.amount_fen()), Ok(MAX_QUOTE_FEN));
}

#[test]
fn a_rating_has_three_marks_from_one_to_five() {
    assert_eq!(faults(Rating::new(1, 5, 3, Some(" "))), []);
    let expected = [("/overall", "out_of_range"), ("/speed", "out_of_range"), ("/service", "out_of_range"), ("/comment", "too_long")];
    assert_eq!(faults(Rating::new(0, 6, -1, Some(&"好".repeat(501)))), owned(&expected));
}

fn category_draft() -> CategoryDraft<'static> {
    CategoryDraft {
        name: "水管",
        dispatch: Dispatch::Grab,
        accept_within_s: 60,
        arrive_within_s: 600,
        resolve_within_s: 90 * 86_400,
        calendar: "workdays",
        chargeable: false,
        photos_required: false,
        active: true,
    }
}

#[test]
fn a_category_is_set_by_the_administrator_of_its_community() {
    let admin = |community| actor(21, &[(Role::CommunityAdmin, Some(community))]).admin_of(community).expect("an administrator");
    let created = Category::create("water_1", category_draft(), calendars(), &admin(here()), start()).expect("a category");
    assert_eq!((created.loaded(), created.value().version, created.value().community), (None, 1, here()));
    let other = CategoryDraft { name: "水电", ..category_draft() };
    let replaced = created.saved().replace(other, calendars(), &admin(here()), start()).expect("replaced");
    assert_eq!((replaced.loaded(), replaced.value().version, replaced.value().name.as_str()), (Some(1), 2, "水电"));
    let stolen = replaced.saved().replace(category_draft(), calendars(), &admin(elsewhere()), start());
    assert_eq!(faults(stolen), owned(&[("", "other_community")]));
}

#[test]
fn all_faults_of_a_category_are_told_at_once() {
    let admin = actor(21, &[(Role::CommunityAdmin, Some(here()))]).admin_of(here()).expect("an administrator");
    let wrong = CategoryDraft { name: "", accept_within_s: 59, resolve_within_s: 90 * 86_400 + 1, calendar: "moon", ..category_draft() };
    let expected = [
        ("/code", "code_format"),
        ("/name", "blank"),
        ("/accept_within_s", "out_of_range"),
        ("/resolve_within_s", "out_of_range"),
        ("/calendar", "unknown_calendar"),
    ];
    assert_eq!(faults(Category::create("Water", wrong, calendars(), &admin, start())), owned(&expected));
}

proptest! {
    #[test]
    fn an_accepted_quote_adds_up(amount in -5i64..200, items in prop::collection::vec((-2i64..60, "[a-z ]{0,3}"), 0..5)) {
        let items = items.into_iter().map(|(amount_fen, name)| QuoteItem { name, amount_fen }).collect();
        if let Ok(quote) = Quote::new(amount, items) {
            prop_assert_eq!(quote.items().iter().map(|i| i.amount_fen).sum::<i64>(), quote.amount_fen());
            prop_assert!(quote.amount_fen() > 0 && !quote.items().is_empty());
            prop_assert_eq!(Quote::restore(quote.items().to_vec()), quote);
        }
    }

    #[test]
    fn no_amount_makes_a_quote_panic(amount: i64, items in prop::collection::vec(any::<i64>(), 0..30)) {
        let items = items.into_iter().map(|amount_fen| QuoteItem { name: "x".to_owned(), amount_fen }).collect();
        let _ = Quote::new(amount, items);
    }
}
