//! Small towns.

use super::*;

#[test]
fn where_seats_suffice_everybody_gets_the_first_wish_and_no_draw_is_needed() {
    let done =
        allocate(&plan(&[2, 1]), &[child("A", 1, &[0, 1]), child("B", 2, &[1]), child("C", 2, &[0])], &rules(&["draw"], "wait"), None)
            .expect("done");
    assert_eq!(["A", "B", "C"].map(|r| place(&done, r)), [at(0, 1), at(1, 1), at(0, 1)]);
    assert!(!done.draw_decided);
    assert_eq!(trace(&done, "A").text, "按“第1类”列入第 1 批：第 1 志愿录取（学位足够，填报者全部录取）。");
}

#[test]
fn an_earlier_batch_takes_the_seat_whatever_the_draw_says() {
    let rules = rules(&["draw"], "wait");
    let done = allocate(&plan(&[1]), &[child("A", 2, &[0]), child("B", 1, &[0])], &rules, Some(&order(&["A", "B"]))).expect("done");
    assert_eq!((place(&done, "A"), place(&done, "B")), (Outcome::Waiting, at(0, 1)));
    let step = &trace(&done, "A").steps[0];
    assert_eq!((step.result, step.comparison.as_ref().map(|c| c.by.as_str())), (StepResult::FullBefore, Some("batch")));
    assert!(step.text.contains("本批次开始前学位已满"));
}

#[test]
fn the_earlier_date_comes_first_and_who_has_none_last() {
    let rules = rules(&["earlier:hukou_on", "draw"], "wait");
    let all = [child("A", 1, &[0]), dated(child("B", 1, &[0]), "2021-05-02"), dated(child("C", 1, &[0]), "2021-05-01")];
    let done = allocate(&plan(&[1]), &all, &rules, None).expect("no draw decides");
    assert_eq!(["A", "B", "C"].map(|r| place(&done, r)), [Outcome::Waiting, Outcome::Waiting, at(0, 1)]);
    let compared = |r: &str| trace(&done, r).steps[0].comparison.clone().expect("a comparison");
    assert_eq!(
        compared("B"),
        Criterion { by: "earlier:hukou_on".to_owned(), own: Some("2021-05-02".to_owned()), line: Some("2021-05-01".to_owned()) }
    );
    assert_eq!(compared("C").line.as_deref(), Some("2021-05-02"));
    assert_eq!(compared("A").own, None);
    assert_eq!(done.schools[0].waiting, ["B", "A"]);
}

#[test]
fn points_and_distance_decide_where_the_rules_say_so() {
    let by_points = [Applicant { points: Some(60), ..child("A", 1, &[0]) }, Applicant { points: Some(61), ..child("B", 1, &[0]) }];
    let done = allocate(&plan(&[1]), &by_points, &rules(&["points"], "wait"), None).expect("done");
    assert_eq!(place(&done, "B"), at(0, 1));
    assert!(trace(&done, "A").text.contains("积分 60，后于最后录取者 61"), "{}", trace(&done, "A").text);
    let way = |mut one: Applicant, ways: &[i64]| {
        one.choices.iter_mut().zip(ways).for_each(|(choice, way)| choice.distance_m = Some(*way));
        one
    };
    // Each is nearer to the other's first wish; each gets its wish only where it is nearer.
    let all = [way(child("A", 1, &[0, 1]), &[500, 100]), way(child("B", 1, &[0, 1]), &[300, 400])];
    let done = allocate(&plan(&[1, 1]), &all, &rules(&["distance"], "wait"), None).expect("done");
    assert_eq!((place(&done, "A"), place(&done, "B")), (at(1, 2), at(0, 1)));
}

#[test]
fn children_alike_need_a_draw_and_only_then() {
    let all = [child("A", 1, &[0]), child("B", 1, &[0])];
    let rules = rules(&["earlier:hukou_on"], "coordinate");
    assert_eq!(allocate(&plan(&[1]), &all, &rules, None), Err(Refusal::DrawNeeded));
    let done = allocate(&plan(&[1]), &all, &rules, Some(&order(&["B", "A"]))).expect("done");
    assert!(done.draw_decided);
    assert_eq!((place(&done, "A"), place(&done, "B")), (Outcome::ToCoordinate, at(0, 1)));
    assert!(trace(&done, "A").text.contains("摇号顺序 2，后于最后录取者 1"), "{}", trace(&done, "A").text);
    assert!(trace(&done, "B").text.contains("摇号顺序 1，先于未录取者 2"));
    assert!(allocate(&plan(&[0]), &all, &rules, None).is_ok(), "nobody is told apart where there is no seat");
    assert!(allocate(&plan(&[2]), &all, &rules, None).is_ok());
}

#[test]
fn about_whom_a_draw_decides_has_a_place_in_it() {
    let all = [child("A", 1, &[0]), child("B", 1, &[0])];
    let by = |seats, drawn: &[&str]| allocate(&plan(&[seats]), &all, &rules(&["draw"], "wait"), Some(&order(drawn)));
    for some in [&["A"][..], &["B"], &[]] {
        assert_eq!(by(1, some), Err(Refusal::DrawNeeded), "coming late is no place behind the others: {some:?}");
    }
    // Whoever came later is drawn later, and their order follows the first.
    assert_eq!(place(&by(1, &["B", "A"]).expect("done"), "B"), at(0, 1));
    assert!(by(2, &["B"]).is_ok(), "about nobody anything is decided");
}

#[test]
fn the_true_wish_first_costs_nothing() {
    // Under "first wish first" B would lose school 1 to C for having tried school 0.
    let all = [child("A", 1, &[0]), child("B", 1, &[0, 1]), child("C", 1, &[1])];
    let done = allocate(&plan(&[1, 1]), &all, &rules(&["draw"], "wait"), Some(&order(&["A", "B", "C"]))).expect("done");
    assert_eq!(["A", "B", "C"].map(|r| place(&done, r)), [at(0, 1), at(1, 2), Outcome::Waiting]);
    assert_eq!(trace(&done, "B").steps.iter().map(|s| s.result).collect::<Vec<_>>(), [StepResult::Behind, StepResult::Placed]);
}

fn twins(a: &str, b: &str, choices: &[u128]) -> [Applicant; 2] {
    [child(a, 1, choices), Applicant { household: Some(a.to_owned()), ..child(b, 1, choices) }]
}

#[test]
fn twins_are_placed_together_under_one_number() {
    let [t1, t2] = twins("B", "C", &[0, 1]);
    let all = [child("A", 1, &[0]), t1, t2];
    let done = allocate(&plan(&[2, 2]), &all, &rules(&["draw"], "wait"), Some(&order(&["B", "A"]))).expect("done");
    assert_eq!(["A", "B", "C"].map(|r| place(&done, r)), [Outcome::Waiting, at(0, 1), at(0, 1)]);
}

#[test]
fn a_twin_who_is_left_alone_has_a_number_of_its_own() {
    let [t1, t2] = twins("B", "C", &[0]);
    let (a, drawn) = (child("A", 1, &[0]), order(&["C", "A", "B"]));
    let rules = rules(&["draw"], "wait");
    let both = allocate(&plan(&[2]), &[a.clone(), t1, t2.clone()], &rules, Some(&drawn)).expect("done");
    assert_eq!(["A", "B", "C"].map(|r| place(&both, r)), [at(0, 1), Outcome::Waiting, Outcome::Waiting], "together they go by B's");
    let left = allocate(&plan(&[1]), &[a, t2], &rules, Some(&drawn)).expect("done");
    assert_eq!((place(&left, "C"), place(&left, "A")), (at(0, 1), Outcome::Waiting));
}

#[test]
fn one_seat_is_not_enough_for_twins_and_goes_to_the_next() {
    let [t1, t2] = twins("B", "C", &[0, 1]);
    let all = [child("A", 1, &[0]), t1, t2, child("D", 1, &[0])];
    let done = allocate(&plan(&[2, 2]), &all, &rules(&["draw"], "wait"), Some(&order(&["A", "B", "D"]))).expect("done");
    assert_eq!(["A", "B", "C", "D"].map(|r| place(&done, r)), [at(0, 1), at(1, 2), at(1, 2), at(0, 1)]);
    let step = &trace(&done, "C").steps[0];
    assert_eq!(step.result, StepResult::DoesNotFit);
    assert!(step.text.contains("需要 2 个学位，轮到时余 1 个"), "{}", step.text);
}

#[test]
fn twins_with_different_wishes_go_alone() {
    let [t1, mut t2] = twins("A", "B", &[0, 1]);
    t2.choices.reverse();
    let done = allocate(&plan(&[1, 1]), &[t1, t2], &rules(&["draw"], "wait"), None).expect("done");
    assert_eq!((place(&done, "A"), place(&done, "B")), (at(0, 1), at(1, 1)));
}

#[test]
fn schools_outside_the_plan_and_empty_lists_are_named() {
    let done = allocate(&plan(&[1]), &[child("A", 1, &[9, 0]), child("B", 1, &[])], &rules(&["draw"], "wait"), None).expect("done");
    assert_eq!((place(&done, "A"), place(&done, "B")), (at(0, 2), Outcome::ToCoordinate));
    assert_eq!(trace(&done, "A").steps[0].result, StepResult::NotInPlan);
    assert!(trace(&done, "B").text.contains("没有填报学校"));
}

#[test]
fn a_receipt_twice_is_refused() {
    let all = [child("A", 1, &[0]), child("A", 2, &[0])];
    assert_eq!(allocate(&plan(&[1]), &all, &rules(&["draw"], "wait"), None), Err(Refusal::DuplicateReceipt { receipt: "A".to_owned() }));
}

#[test]
fn a_raised_plan_shows_whose_place_differs() {
    let all = [child("A", 1, &[0]), child("B", 1, &[0])];
    let rules = rules(&["draw"], "wait");
    let draw = order(&["A", "B"]);
    let before = allocate(&plan(&[1]), &all, &rules, Some(&draw)).expect("done");
    let after = allocate(&plan(&[2]), &all, &rules, Some(&draw)).expect("done");
    assert_eq!(before.differences(&after), [Difference { receipt: "B".to_owned(), before: Some(Outcome::Waiting), after: Some(at(0, 1)) }]);
    assert_ne!(before.digest(), after.digest());
    assert_eq!(before.differences(&before), []);
}

/// Thirty schools, three wishes each, distance and then the draw, a pair of twins in a hundred children.
fn district(children: u128, seats: i64) -> std::time::Duration {
    let mut all = Vec::new();
    for n in 0..children {
        let mut one = child(&format!("R{n:06}"), 1 + (n % 4) as i64, &[n * 7 % 30, (n * 7 + 11) % 30, (n * 7 + 23) % 30]);
        for (i, choice) in one.choices.iter_mut().enumerate() {
            choice.distance_m = Some((n as i64 * 7919 + i as i64 * 104_729) % 3000);
        }
        if n % 100 == 1 {
            let first: &Applicant = &all[all.len() - 1];
            one = Applicant { receipt: one.receipt, household: Some(first.receipt.clone()), ..first.clone() };
        }
        all.push(one);
    }
    let draw = roster(&all);
    let begun = std::time::Instant::now();
    let done = allocate(&plan(&[seats; 30]), &all, &rules(&["distance", "draw"], "wait"), Some(&draw)).expect("done");
    let took = begun.elapsed();
    assert_eq!(done.placements.len() as u128, children);
    assert!(done.schools.iter().all(|s| s.placed <= s.seats));
    assert!(done.schools.iter().map(|s| s.placed).sum::<i64>() > 29 * seats, "hardly a seat is left empty");
    took
}

/// The real figure is for a release build; this one only notices growth that is not that of sorting.
#[test]
fn a_district_is_allocated_in_a_moment() {
    let took = district(10_000, 300);
    assert!(took.as_secs() < 10, "{took:?}");
}
