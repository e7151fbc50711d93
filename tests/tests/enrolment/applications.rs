//! From the sofa to a seat, with reasons.

use jiazai_tests::season::{BORN, Season, act, now, why};
use jiazai_tests::{Client, Family, Value, items, json, shared, text, words};

use super::path;

#[test]
fn a_child_goes_from_a_draft_to_school_and_every_step_says_why() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let draft = season.apply(&family, season.draft(&family, "2020-05-01"));
    assert_eq!((text(&draft, "state"), &draft["editable"]), ("draft", &json!(true)));
    assert_eq!(words(&draft["allowed_actions"]), ["submit", "withdraw"]);
    assert!(!draft.to_string().contains(&family.child), "a whole number is never served");
    assert_eq!(text(&draft["child"], "name"), "张小雨");
    let submitted = act(&family.parent, &draft, "submit", json!({})).expect(200);
    assert_eq!((text(&submitted, "state"), text(&submitted, "tier"), &submitted["batch"]), ("submitted", "local", &json!(1)));
    assert!(why(&submitted).contains("有户口"), "{submitted}");

    let [first, second] = &season.reviewers;
    let claimed = act(first, &draft, "claim", json!({})).expect(200);
    assert_eq!((text(&claimed, "state"), text(&claimed, "reviewer_id")), ("in_review", first.id().as_str()));
    act(first, &draft, "verify", json!({})).expect(200);
    let confirmed = act(second, &draft, "recheck", json!({})).expect(200);
    assert_eq!((text(&confirmed, "state"), text(&confirmed, "rechecked_by")), ("confirmed_tier", second.id().as_str()));
    assert!(now(&family.parent, &draft)["reviewer_id"].is_null(), "to the family staff are no names");

    season.step("close");
    season.step("list");
    assert_eq!(text(&now(&family.parent, &draft), "state"), "listed");
    season.step("allocate");
    // The result is there, but nobody of the family knows it.
    assert_eq!(text(&now(&family.parent, &draft), "state"), "listed");
    assert!(now(&family.parent, &draft)["school_id"].is_null() && !why(&now(&family.parent, &draft)).contains("录取"));
    assert_eq!(text(&now(&season.admin, &draft), "state"), "offered");
    act(&family.parent, &draft, "accept", json!({})).refuse(409, "state_conflict");
    let kinds = |who: &dyn Fn() -> Value| items(&who()).iter().map(|e| text(e, "type").to_owned()).collect::<Vec<_>>();
    let events = format!("{}/events?limit=100", path(&draft));
    assert!(!kinds(&|| family.parent.get(&events).expect(200)).contains(&"enrolment_application.placed".to_owned()));
    assert!(kinds(&|| season.admin.get(&events).expect(200)).contains(&"enrolment_application.placed".to_owned()));

    season.step("announce");
    let offered = now(&family.parent, &draft);
    assert_eq!((text(&offered, "state"), text(&offered, "school_id")), ("offered", season.schools[0].as_str()));
    assert!(offered["offer_expires_at"].is_string() && why(&offered).contains("第 1 志愿录取"), "{offered}");
    let accepted = act(&family.parent, &draft, "accept", json!({})).expect(200);
    assert_eq!(text(&accepted, "state"), "accepted");
    let enrolled = act(first, &draft, "check-in", json!({})).expect(200);
    assert_eq!(text(&enrolled, "state"), "enrolled");
    let history = kinds(&|| family.parent.get(&events).expect(200));
    let expected = ["created", "submitted", "claimed", "verified", "rechecked", "listed", "placed", "announced", "accepted", "checked_in"];
    assert_eq!(history, expected.map(|word| format!("enrolment_application.{word}")));
}

#[test]
fn a_draft_is_written_anew_and_a_masked_number_stays_what_it_was() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let mut body = season.bare_draft(&family);
    body["guardians"][0]["phone"] = json!("13912345678");
    let draft = season.apply(&family, body.clone());
    assert_eq!(draft["guardians"][0]["phone_masked"], "139******78");
    body["guardians"][0]["phone"] = draft["guardians"][0]["phone_masked"].clone();
    body["child"]["name"] = json!("张大雨");
    body["child"]["id_number"] = draft["child"]["id_number_masked"].clone();
    body["guardians"][0]["id_number"] = draft["guardians"][0]["id_number_masked"].clone();
    body.as_object_mut().unwrap().remove("consent");
    family.parent.put(&path(&draft), body.clone()).refuse(428, "precondition_required");
    family.parent.put(&path(&draft), body.clone()).header("If-Match", "\"99\"").refuse(412, "precondition_failed");
    let put = family.parent.put(&path(&draft), body.clone()).header("If-Match", "\"1\"").expect(200);
    assert_eq!((text(&put["child"], "name"), &put["version"]), ("张大雨", &json!(2)));
    assert_eq!(put["child"]["id_number_masked"], draft["child"]["id_number_masked"]);
    assert_eq!(put["guardians"][0]["phone_masked"], draft["guardians"][0]["phone_masked"]);
    // Another mask is no number.
    body["guardians"][0]["phone"] = json!("138******78");
    family.parent.put(&path(&draft), body.clone()).header("If-Match", "\"2\"").refuse(422, "validation_failed");
    body["guardians"][0]["phone"] = draft["guardians"][0]["phone_masked"].clone();
    // The number itself is the same: a second registration is still one too many.
    let other = season.family();
    let mut again = season.bare_draft(&other);
    again["child"] = season.bare_draft(&family)["child"].clone();
    other.parent.post("/enrolment-applications", again).refuse(409, "child_already_registered");
    act(&family.parent, &draft, "submit", json!({})).expect(200);
    family.parent.put(&path(&draft), body.clone()).header("If-Match", "*").refuse(409, "state_conflict");
    season.admin.put(&path(&draft), body).header("If-Match", "*").refuse(403, "forbidden");
}

#[test]
fn an_application_is_there_for_its_family_and_for_the_staff_of_its_community_only() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let draft = season.apply(&family, season.draft(&family, "2020-05-01"));
    season.server.resident().get(&path(&draft)).refuse(404, "not_found");
    season.server.anon().get(&path(&draft)).refuse(401, "unauthenticated");
    season.server.staff("reviewer1").get(&path(&draft)).refuse(404, "not_found");
    act(&season.server.staff("reviewer1"), &draft, "claim", json!({})).refuse(404, "not_found");
    act(&season.server.resident(), &draft, "submit", json!({})).refuse(404, "not_found");
    season.registry.manager.get(&path(&draft)).refuse(403, "forbidden");
    // Until it is handed in the counter sees that it is there, and no more.
    let seen = now(&season.reviewers[0], &draft);
    assert_eq!((text(&seen["child"], "name"), &seen["guardians"], &seen["facts"]), ("张*雨", &Value::Null, &Value::Null));
    act(&season.reviewers[0], &draft, "claim", json!({})).refuse(409, "state_conflict");
    act(&family.parent, &draft, "submit", json!({})).expect(200);
    let seen = now(&season.reviewers[0], &draft);
    assert_eq!((text(&seen["child"], "name"), text(&seen["child"], "born_on")), ("张小雨", BORN));
    assert!(seen["guardians"][0]["phone_masked"].as_str().is_some_and(|phone| phone.contains("***")), "{seen}");
    let auditor = season.registry.manager.hire("auditor", &season.registry.id);
    let outline = now(&auditor, &draft);
    assert_eq!(
        (text(&outline["child"], "name"), text(&outline["child"], "born_on"), &outline["documents"]),
        ("张*雨", "2020", &Value::Null)
    );
    let file = format!("/files/{}", text(&seen["documents"][0], "file_id"));
    season.reviewers[0].get(&file).send().expect(200);
    auditor.get(&file).refuse(404, "not_found");
    season.server.resident().get(&file).refuse(404, "not_found");
}

#[test]
fn lists_are_narrowed_by_round_state_and_tier_and_paged() {
    let season = Season::open(shared(), &[5]);
    let families: Vec<(Family, Value)> = (0..3)
        .map(|n| {
            let family = season.family();
            let draft = if n == 0 { season.bare_draft(&family) } else { season.draft(&family, "2020-05-01") };
            let application = season.submit(&family, draft);
            (family, application)
        })
        .collect();
    let ids = |query: &str| -> Vec<String> {
        let list = season.admin.get(&format!("/enrolment-applications?round_id={}{query}", season.round)).expect(200);
        items(&list).iter().map(|one| text(one, "id").to_owned()).collect()
    };
    let id = |n: usize| text(&families[n].1, "id").to_owned();
    assert_eq!(ids(""), [id(2), id(1), id(0)], "newest first");
    assert_eq!(ids("&tier=local"), [id(2), id(1)]);
    assert_eq!(ids("&state=submitted&tier=migrant"), [id(0)]);
    assert_eq!(ids("&state=in_review"), Vec::<String>::new());
    let first = season.admin.get(&format!("/enrolment-applications?round_id={}&limit=2", season.round)).expect(200);
    let cursor = text(&first, "next_cursor");
    assert_eq!(ids(&format!("&limit=2&cursor={cursor}")), [id(0)]);
    season.admin.get("/enrolment-applications?state=sleeping").refuse(400, "query_invalid");
    season.admin.get(&format!("/enrolment-applications?cursor={cursor}")).refuse(400, "cursor_invalid");
    let own = families[1].0.parent.get("/enrolment-applications").expect(200);
    assert_eq!(items(&own).len(), 1);
    assert_eq!(items(&season.server.resident().get("/enrolment-applications").expect(200)).len(), 0);
    season.server.staff("dispatcher").get("/enrolment-applications").refuse(403, "forbidden");
}
