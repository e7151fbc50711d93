//! What is shown to whom: of a child in a list, and of what was allocated.

use jiazai_tests::season::{Season, now};
use jiazai_tests::{Client, Value, items, shared, text};

#[test]
fn lists_name_no_child_and_single_applications_do() {
    let season = Season::open(shared(), &[1]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let list = season.admin.get(&format!("/enrolment-applications?round_id={}", season.round)).expect(200);
    let line = &items(&list)[0];
    assert_eq!((text(&line["child"], "name"), text(&line["child"], "born_on")), ("张*雨", "2020"));
    assert_eq!((&line["guardians"], &line["address"], &line["facts"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(text(&now(&season.admin, &application)["child"], "name"), "张小雨");
    assert_eq!(text(&items(&family.parent.get("/enrolment-applications").expect(200))[0]["child"], "name"), "张小雨", "one's own");
}

#[test]
fn what_was_allocated_is_published_with_the_results_as_a_hash_that_anybody_can_keep() {
    let season = Season::open(shared(), &[1]);
    season.confirmed("2020-05-01");
    season.steps(&["close", "list", "allocate"]);
    let at = season.path("/allocation");
    season.server.anon().get(&at).refuse(401, "unauthenticated");
    season.server.resident().get(&at).refuse(403, "forbidden");
    let kept = season.admin.get(&at).expect(200);
    assert!(text(&kept, "canonical").contains(",local,"), "who runs the round reads every tier: {kept}");
    season.step("announce");
    assert_eq!(season.server.anon().get(&at).expect(200)["digest"], kept["digest"]);
    // A tier tells whose flat is rented and who is registered elsewhere: the hash stands for it.
    for public in [season.server.anon().get(&at).expect(200), season.server.resident().get(&at).expect(200)] {
        assert_eq!(public["canonical"], Value::Null);
    }
    assert_eq!(season.reviewers[0].get(&at).expect(200)["canonical"], kept["canonical"]);
}
