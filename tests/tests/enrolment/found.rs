//! The home that a reviewer finds behind an address.

use jiazai_tests::season::{Season, act};
use jiazai_tests::{Client, faults, json, shared, text};

use super::state;

#[test]
fn a_home_that_a_reviewer_finds_behind_an_address_counts_and_a_seat_by_the_house_uses_it_up() {
    let season = Season::open(shared(), &[1]);
    let home = season.registry.home("1栋", "101");
    let with_home = |day: &str| {
        let family = season.family();
        let application = season.submit(&family, season.draft(&family, day));
        act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
        let foreign = json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q" });
        assert_eq!(
            faults(&act(&season.reviewers[0], &application, "verify", foreign).send().expect(422).json)[0],
            ("/home_id".to_owned(), "unknown_home".to_owned())
        );
        let verified = act(&season.reviewers[0], &application, "verify", json!({ "home_id": home })).expect(200);
        assert_eq!(text(&verified, "home_id"), home);
        act(&season.reviewers[1], &application, "recheck", json!({})).expect(200);
        (family, application)
    };
    let (first, second) = (with_home("2019-05-01"), with_home("2020-05-01"));
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&first.0.parent, &first.1, "decline", json!({})).expect(200);
    act(&second.0.parent, &second.1, "decline", json!({})).expect(200);
    // By hand, on the strength of the house: its seat goes with it.
    let plan = json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": 2 }], "reason": "增班" });
    season.admin.post(&season.path("/seat-plans"), plan).expect(201);
    for (family, application) in [&first, &second] {
        let body = json!({ "school_id": season.schools[0], "by_house": true, "reason": "义务教育保障" });
        act(&season.admin, application, "coordinate", body).expect(200);
        assert_eq!(state(family, application), "offered");
    }
    act(&first.0.parent, &first.1, "accept", json!({})).expect(200);
    act(&second.0.parent, &second.1, "accept", json!({})).refuse(409, "seat_locked");
}

#[test]
fn a_family_whose_home_a_reviewer_found_hands_in_again_without_speaking_for_it() {
    let season = Season::open(shared(), &[1]);
    let home = season.registry.home("1栋", "101");
    let family = season.family();
    let draft = season.draft(&family, "2020-05-01");
    let application = season.submit(&family, draft.clone());
    let found = || {
        act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
        let verified = act(&season.reviewers[0], &application, "verify", json!({ "home_id": home })).expect(200);
        assert_eq!(text(&verified, "home_id"), home);
    };
    let returned = || act(&season.reviewers[1], &application, "return", json!({ "codes": ["document_unreadable"] })).expect(200);
    found();
    returned();
    act(&family.parent, &application, "submit", json!({})).expect(200);
    found();
    returned();
    // Nor if they send back what they are shown; another home they have to speak for.
    let written = |home: &str| {
        let mut body = draft.clone();
        body["home_id"] = json!(home);
        family.parent.put(&format!("/enrolment-applications/{}", text(&application, "id")), body).header("If-Match", "*")
    };
    let other = season.registry.home("1栋", "102");
    assert_eq!(faults(&written(&other).send().expect(422).json), [("/home_id".to_owned(), "not_your_home".to_owned())]);
    assert_eq!(text(&written(&home).expect(200), "home_id"), home);
    act(&family.parent, &application, "submit", json!({})).expect(200);
    found();
    act(&season.reviewers[1], &application, "recheck", json!({})).expect(200);
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "accept", json!({})).expect(200);
}
