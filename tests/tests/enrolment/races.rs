//! When families act in the very moment in which the round takes a step: whatever comes out is what comes out
//! when one of them is a moment earlier.

use jiazai_tests::season::{Season, act, now};
use jiazai_tests::{Client, Family, Value, at_once, json, shared, text};

type Child<'s> = (Family<'s>, Value);

fn states(children: &[Child]) -> Vec<String> {
    children.iter().map(|(family, application)| text(&now(&family.parent, application), "state").to_owned()).collect()
}

/// Children who stand one behind the other, the first first.
fn in_order<'s>(season: &Season<'s>, count: usize) -> Vec<Child<'s>> {
    (0..count).map(|n| season.confirmed(&format!("2019-01-{:02}", n + 1))).collect()
}

/// The step's status, and that of each family's action at the same moment.
fn at_the_same_moment(season: &Season, step: &str, children: &[Child], action: &(dyn Fn(&Child) -> u16 + Sync)) -> (u16, Vec<u16>) {
    let path = season.path(&format!("/{step}"));
    let mut statuses = at_once(children.len() + 1, |n| match n.checked_sub(1) {
        None => season.admin.post(&path, json!({ "early": true, "reason": "测试提前进行" })).send().status,
        Some(n) => action(&children[n]),
    });
    (statuses.remove(0), statuses)
}

#[test]
fn an_objection_is_made_before_the_round_is_finished_or_not_at_all() {
    for _ in 0..3 {
        let season = Season::open(shared(), &[3]);
        let reject = |_| {
            let family = season.family();
            let application = season.submit(&family, season.draft(&family, "2020-05-01"));
            act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
            act(&season.reviewers[0], &application, "reject", json!({ "reason": "户口簿过期" })).expect(200);
            (family, application)
        };
        let children: Vec<Child> = (0..6).map(reject).collect();
        season.steps(&["close", "list", "allocate", "announce"]);
        let object =
            |(family, application): &Child| act(&family.parent, application, "object", json!({ "reason": "户口簿已换新" })).send().status;
        let (finished, objected) = at_the_same_moment(&season, "finish", &children, &object);
        // One objection in time keeps the round open, and then all the others are in time as well.
        let expected = if finished == 200 { 409 } else { 200 };
        assert!([200, 409].contains(&finished) && objected.iter().all(|status| *status == expected), "finish {finished}: {objected:?}");
    }
}

#[test]
fn what_is_rechecked_while_the_tiers_are_listed_is_listed_too() {
    let season = Season::open(shared(), &[8]);
    let verified = |_| {
        let family = season.family();
        let application = season.submit(&family, season.draft(&family, "2020-05-01"));
        act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
        act(&season.reviewers[0], &application, "verify", json!({})).expect(200);
        (family, application)
    };
    let children: Vec<Child> = (0..8).map(verified).collect();
    season.step("close");
    let recheck = |(_, application): &Child| act(&season.reviewers[1], application, "recheck", json!({})).send().status;
    let (listed, rechecked) = at_the_same_moment(&season, "list", &children, &recheck);
    assert_eq!((listed, rechecked), (200, vec![200; 8]));
    assert_eq!(states(&children), vec!["listed"; 8]);
}

#[test]
fn a_seat_that_is_given_back_while_seats_are_given_out_is_somebody_elses() {
    let season = Season::open(shared(), &[4]);
    let children = in_order(&season, 8);
    season.steps(&["close", "list"]);
    let withdraw = |(family, application): &Child| act(&family.parent, application, "withdraw", json!({})).send().status;
    // Two before or after the allocation, two before or after the announcement, two when everybody knows.
    let (allocated, withdrawn) = at_the_same_moment(&season, "allocate", &children[..2], &withdraw);
    assert_eq!((allocated, withdrawn), (200, vec![200; 2]));
    let (announced, withdrawn) = at_the_same_moment(&season, "announce", &children[2..4], &withdraw);
    assert_eq!((announced, withdrawn), (200, vec![200; 2]));
    assert_eq!(states(&children[..4]), vec!["withdrawn"; 4]);
    assert_eq!(states(&children[4..]), vec!["offered"; 4], "four seats, and four who still want one");
}

#[test]
fn of_seats_that_come_free_at_once_each_is_given_to_one() {
    let season = Season::open(shared(), &[3]);
    let children = in_order(&season, 8);
    season.steps(&["close", "list", "allocate", "announce"]);
    let answers = ["decline", "withdraw", "decline"];
    let statuses = at_once(3, |n| act(&children[n].0.parent, &children[n].1, answers[n], json!({})).send().status);
    assert_eq!(statuses, [200; 3]);
    let left: Vec<&str> = ["offered", "offered", "offered", "waiting", "waiting"].to_vec();
    assert_eq!(states(&children[3..]), left);
    // And those who answer yes and no at once are counted as what they are.
    let statuses = at_once(3, |n| {
        let answer = if n == 0 { "decline" } else { "accept" };
        act(&children[3 + n].0.parent, &children[3 + n].1, answer, json!({})).send().status
    });
    assert_eq!(statuses, [200; 3]);
    assert_eq!(states(&children[3..]), ["released", "accepted", "accepted", "offered", "waiting"]);
}
