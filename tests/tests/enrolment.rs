//! School enrolment 入学登记: from the sofa to a seat, with reasons; and everything that has to be refused on the way.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiazai_tests::season::{BORN, Season, act, now, paper, plain_rules};
use jiazai_tests::{Client, Family, Options, Server, Value, at_once, eventually, id_number, instant, json, run, shared, unique};

const DAY: u64 = 86_400;

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

fn path(application: &Value) -> String {
    format!("/enrolment-applications/{}", text(application, "id"))
}

fn pointers(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<_> = errors.iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect();
    all.sort();
    all
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().filter_map(|w| w.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

/// The sentences of an application's "why", as one text.
fn why(application: &Value) -> String {
    words(&application["why"]["sentences"]).join("")
}

// ---- from the sofa to a seat --------------------------------------------------------------------------------------

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
    let draft = season.apply(&family, season.bare_draft(&family));
    let mut body = season.bare_draft(&family);
    body["child"]["name"] = json!("张大雨");
    body["child"]["id_number"] = draft["child"]["id_number_masked"].clone();
    body["guardians"][0]["id_number"] = draft["guardians"][0]["id_number_masked"].clone();
    body.as_object_mut().unwrap().remove("consent");
    family.parent.put(&path(&draft), body.clone()).refuse(428, "precondition_required");
    family.parent.put(&path(&draft), body.clone()).header("If-Match", "\"99\"").refuse(412, "precondition_failed");
    let put = family.parent.put(&path(&draft), body.clone()).header("If-Match", "\"1\"").expect(200);
    assert_eq!((text(&put["child"], "name"), &put["version"]), ("张大雨", &json!(2)));
    assert_eq!(put["child"]["id_number_masked"], draft["child"]["id_number_masked"]);
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

// ---- what is refused before anything is stored --------------------------------------------------------------------

#[test]
fn nothing_is_stored_without_a_guardians_consent() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    for consent in [Value::Null, json!({ "version": "2026-1", "guardian": false }), json!({ "version": " ", "guardian": true })] {
        let mut draft = season.bare_draft(&family);
        draft["consent"] = consent.clone();
        let reply = family.parent.post("/enrolment-applications", draft).send();
        assert_eq!(reply.status, 422, "{}", reply.describe());
    }
    let mut draft = season.bare_draft(&family);
    draft.as_object_mut().unwrap().remove("consent");
    let problem = family.parent.post("/enrolment-applications", draft).refuse(422, "consent_required");
    assert_eq!(pointers(&problem), [("/consent".to_owned(), "consent_required".to_owned())]);
    assert_eq!(items(&family.parent.get("/enrolment-applications").expect(200)).len(), 0);
}

#[test]
fn wrong_values_are_named_by_their_fields_and_leave_nothing() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let home = season.registry.home("1栋", "101");
    let wrong_digit = {
        let (head, last) = family.child.split_at(17);
        format!("{head}{}", if last == "5" { "6" } else { "5" })
    };
    let too_old = id_number("20150101", 7);
    let stranger = season.server.resident();
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("/child/id_number", json!(wrong_digit), "/child/id_number", "id_checksum"),
        ("/child/born_on", json!("2020-03-05"), "/child/born_on", "differs_from_id_number"),
        ("/child/born_on", json!("2020-02-30"), "/child/born_on", "date_malformed"),
        ("/child/name", json!(" "), "/child/name", "blank"),
        ("/child/id_type", json!("library_card"), "/child/id_type", "unknown_value"),
        ("/home_id", json!(home), "/home_id", "not_your_home"),
        ("/home_id", json!("tkt_01h455vb4pex5vsknk084sn02q"), "/home_id", "id_malformed"),
        ("/facts/hukou", json!(true), "/facts/hukou", "unknown_fact"),
        ("/facts/hukou_on", json!("gestern"), "/facts/hukou_on", "date_format"),
        ("/facts/seat_taken", json!(true), "/facts/seat_taken", "derived_fact"),
        ("/facts/lease_until", json!("2020-01-01"), "/facts/lease_until", "lease_expired"),
        ("/choices/0", json!("sch_01h455vb4pex5vsknk084sn02q"), "/choices/0", "school_not_in_round"),
        ("/guardians/0/id_number", json!(family.child), "/guardians/0/id_number", "same_as_child"),
        ("/guardians/0/phone", json!("12345"), "/guardians/0/phone", "phone_format"),
        ("/documents", json!([{ "kind": "love_letter", "file_id": paper(&family.parent) }]), "/documents/0/kind", "unknown_document_kind"),
        ("/documents", json!([{ "kind": "hukou_book", "file_id": paper(&stranger) }]), "/documents/0/file_id", "unknown_file"),
        ("/guardians", json!([]), "/guardians", "empty"),
        ("/twin_of", json!("app_01h455vb4pex5vsknk084sn02q"), "/twin_of", "not_twins"),
        ("/round_id", json!("enr_01h455vb4pex5vsknk084sn02q"), "/round_id", "unknown_round"),
    ];
    for (at, value, pointer, code) in cases {
        let mut draft = season.bare_draft(&family);
        set(&mut draft, at, value);
        let problem = family.parent.post("/enrolment-applications", draft).send().expect(422).json;
        assert!(pointers(&problem).contains(&(pointer.to_owned(), code.to_owned())), "{at}: {problem}");
        assert!(!problem.to_string().contains(&family.child), "a value is never repeated");
    }
    let mut old = season.bare_draft(&family);
    old["child"] = json!({ "name": "张小雨", "id_number": too_old });
    let problem = family.parent.post("/enrolment-applications", old).refuse(422, "validation_failed");
    assert_eq!(pointers(&problem), [("/child/born_on".to_owned(), "outside_birth_window".to_owned())]);
    let mut unknown = season.bare_draft(&family);
    unknown["colour"] = json!("blue");
    family.parent.post("/enrolment-applications", unknown).refuse(422, "unknown_field");
    // Several at once, in one answer.
    let mut many = season.bare_draft(&family);
    many["choices"] = json!([season.schools[0], season.schools[0]]);
    many["guardians"][0]["name"] = json!("李\u{7}梅");
    many.as_object_mut().unwrap().remove("address");
    assert!(pointers(&family.parent.post("/enrolment-applications", many).send().expect(422).json).len() >= 1);
    assert_eq!(items(&family.parent.get("/enrolment-applications").expect(200)).len(), 0);
    season.apply(&family, season.bare_draft(&family));
}

/// Sets what a pointer names; objects on the way are there.
fn set(body: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = if parent.is_empty() { body } else { body.pointer_mut(parent).expect("a place") };
    match field.parse::<usize>() {
        Ok(at) if parent.is_array() => parent[at] = value,
        _ => parent[field] = value,
    }
}

#[test]
fn papers_are_asked_for_when_it_is_handed_in() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let mut draft = season.draft(&family, "2020-05-01");
    draft["documents"] = json!([]);
    let draft = season.apply(&family, draft);
    assert_eq!(words(&draft["missing_documents"]), ["hukou_book"]);
    let problem = act(&family.parent, &draft, "submit", json!({})).refuse(422, "documents_missing");
    assert_eq!(pointers(&problem), [("/documents".to_owned(), "documents_missing".to_owned())]);
    assert!(text(&problem, "detail").contains("户口簿"), "{problem}");
    assert_eq!(text(&now(&family.parent, &draft), "state"), "draft");
}

#[test]
fn a_round_takes_applications_only_while_it_is_open() {
    let season = Season::drafted(shared(), &[5], plain_rules());
    let family = season.family();
    let hand_in = || family.parent.post("/enrolment-applications", season.bare_draft(&family));
    let problem = hand_in().send().expect(422).json;
    assert_eq!(pointers(&problem), [("/round_id".to_owned(), "unknown_round".to_owned())], "a draft is not there for residents");
    season.step("publish");
    hand_in().refuse(409, "round_not_open");
    season.step("open");
    let draft = hand_in().expect(201);
    season.step("close");
    let late = season.family();
    late.parent.post("/enrolment-applications", season.bare_draft(&late)).refuse(409, "round_not_open");
    act(&family.parent, &draft, "submit", json!({})).refuse(409, "round_not_open");
    assert_eq!(text(&now(&family.parent, &draft), "state"), "draft");
}

#[test]
fn two_parents_who_register_one_child_at_the_same_moment_are_one_registration() {
    let season = Season::open(shared(), &[5]);
    let (mother, father) = (season.family(), season.family());
    let mut drafts = [season.bare_draft(&mother), season.bare_draft(&father)];
    drafts[1]["child"] = drafts[0]["child"].clone();
    let replies = at_once(2, |n| [&mother, &father][n].parent.post("/enrolment-applications", drafts[n].clone()).send());
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{}\n{}", replies[0].describe(), replies[1].describe());
    let refused = replies.iter().find(|reply| reply.status == 409).expect("one of them");
    assert_eq!(text(&refused.json, "code"), "child_already_registered");
    // Once it is withdrawn, the other may.
    let winner = usize::from(replies[0].status != 201);
    let family = [&mother, &father][winner];
    act(&family.parent, &replies[winner].json, "withdraw", json!({})).expect(200);
    [&mother, &father][1 - winner].parent.post("/enrolment-applications", drafts[1 - winner].clone()).expect(201);
}

#[test]
fn a_repeat_with_one_key_registers_once() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let (key, body) = (unique("key"), season.bare_draft(&family));
    let post = |body: &Value| family.parent.post("/enrolment-applications", body.clone()).header("Idempotency-Key", &key).send();
    let first = post(&body).expect(201);
    let again = post(&body).expect(201);
    assert_eq!((again.header("idempotency-replayed"), &again.json), (Some("true"), &first.json));
    let mut other = body.clone();
    other["address"] = json!("别处");
    assert_eq!(text(&post(&other).expect(422).json, "code"), "idempotency_mismatch");
}

#[test]
fn a_family_may_hand_in_late_by_leave_and_only_then() {
    let season = Season::open(shared(), &[5]);
    season.step("close");
    let family = season.family();
    let permit = |until: String| json!({ "applicant_id": family.parent.id(), "until": until, "reason": "孩子住院" });
    let at = season.path("/late-permits");
    season.admin.post(&at, permit(instant(season.server, -60))).send().expect(422);
    season.reviewers[0].post(&at, permit(instant(season.server, 3600))).refuse(403, "forbidden");
    season.server.staff("enroladmin").post(&at, permit(instant(season.server, 3600))).refuse(404, "not_found");
    season.admin.post(&at, permit(instant(season.server, 3600))).expect(201);
    assert_eq!(items(&season.admin.get(&at).expect(200)).len(), 1);
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    assert!(application["late_until"].is_string());
    // It follows the round: listed as soon as it is confirmed.
    season.step("list");
    season.confirm(&application);
    assert_eq!(text(&now(&family.parent, &application), "state"), "listed");
    season.step("allocate");
    let problem = season.admin.post(&at, permit(instant(season.server, 3600))).refuse(409, "state_conflict");
    assert_eq!(text(&problem, "state"), "allocated");
}

// ---- review -------------------------------------------------------------------------------------------------------

#[test]
fn of_two_reviewers_at_the_same_moment_one_has_it() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let application = season.submit(&family, season.bare_draft(&family));
    let statuses = at_once(2, |n| act(&season.reviewers[n], &application, "claim", json!({})).send().status);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    let holder = usize::from(statuses[0] != 200);
    act(&season.reviewers[1 - holder], &application, "verify", json!({})).refuse(403, "forbidden");
    act(&season.reviewers[holder], &application, "verify", json!({})).expect(200);
    let problem = act(&season.reviewers[holder], &application, "recheck", json!({})).refuse(403, "same_reviewer");
    assert!(text(&problem, "detail").contains("复核"));
    act(&season.reviewers[1 - holder], &application, "recheck", json!({})).expect(200);
}

#[test]
fn a_reviewer_who_is_related_keeps_out() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let home = season.registry.home("1栋", "101");
    season.bind(&family.parent, &home);
    let mut draft = season.bare_draft(&family);
    draft["home_id"] = json!(home);
    let application = season.submit(&family, draft);
    // The neighbour behind the counter lives in the same home: their WeChat at work is the one at home.
    let relative = season.server.resident();
    relative.log_in();
    season.bind(&relative, &home);
    let clerk = season.registry.manager.hire("enrolment_reviewer", &season.registry.id);
    let (code, _) = season.server.sim().login_code(Some(&relative.openid));
    clerk.post("/me/wechat", json!({ "code": code })).send();
    let seen = now(&clerk, &application);
    assert_eq!(words(&seen["allowed_actions"]), Vec::<String>::new(), "{seen}");
    act(&clerk, &application, "claim", json!({})).refuse(403, "related_reviewer");
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
}

#[test]
fn what_is_sent_back_is_mended_and_handed_in_again() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let [reviewer, other] = &season.reviewers;
    act(reviewer, &application, "claim", json!({})).expect(200);
    act(other, &application, "return", json!({ "codes": ["document_unreadable"] })).refuse(409, "state_conflict");
    act(reviewer, &application, "return", json!({ "codes": ["ugly"] })).send().expect(422);
    let body = json!({ "codes": ["document_unreadable"], "reason": "第二页不清晰" });
    act(reviewer, &application, "return", body).expect(200);
    let returned = now(&family.parent, &application);
    assert_eq!((text(&returned, "state"), &returned["editable"]), ("returned", &json!(true)));
    assert!(returned["correct_until"].is_string() && why(&returned).contains("材料不清晰：第二页不清晰"), "{returned}");
    // Also when the register is closed: what was returned may be mended.
    season.step("close");
    let mut body = season.draft(&family, "2020-06-01");
    body.as_object_mut().unwrap().remove("round_id");
    family.parent.put(&path(&application), body).header("If-Match", "*").expect(200);
    let again = act(&family.parent, &application, "submit", json!({})).expect(200);
    assert_eq!(text(&again, "state"), "submitted");
    season.confirm(&application);
}

#[test]
fn another_tier_than_the_family_was_told_needs_a_reason() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let mut draft = season.draft(&family, "2020-05-01");
    draft["facts"]["migrant"] = json!(true);
    let application = season.submit(&family, draft);
    let reviewer = &season.reviewers[0];
    act(reviewer, &application, "claim", json!({})).expect(200);
    let corrected = json!({ "facts": { "hukou_on": null } });
    let problem = act(reviewer, &application, "verify", corrected.clone()).refuse(422, "difference_unexplained");
    assert_eq!(pointers(&problem)[0].0, "/reason");
    act(reviewer, &application, "verify", json!({ "facts": { "hukuo": 1 } })).send().expect(422);
    // Nothing fits: that is to be rejected, not verified.
    let problem = act(reviewer, &application, "verify", json!({ "facts": { "hukou_on": null, "migrant": false }, "reason": "假" }))
        .refuse(409, "no_tier");
    assert_eq!(text(&problem, "state"), "in_review");
    let verified =
        act(reviewer, &application, "verify", json!({ "facts": { "hukou_on": null }, "reason": "户口簿上没有该儿童" })).expect(200);
    assert_eq!((text(&verified, "tier"), text(&verified, "filed_tier")), ("migrant", "local"));
    assert!(why(&now(&family.parent, &application)).contains("户口簿上没有该儿童"));
}

#[test]
fn what_the_rules_cannot_decide_is_not_verified() {
    let season = Season::open(shared(), &[5]);
    let family = season.family();
    let mut draft = season.bare_draft(&family);
    draft["facts"] = json!({});
    let application = season.submit(&family, draft);
    assert!(application["tier"].is_null() && why(&application).contains("还需填写"), "{application}");
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    let problem = act(&season.reviewers[0], &application, "verify", json!({})).refuse(409, "undecided");
    assert!(text(&problem, "detail").contains("户口迁入日期"), "{problem}");
}

#[test]
fn a_family_objects_once_and_what_comes_of_it_follows_the_round() {
    let season = Season::open(shared(), &[1]);
    let (first, _) = season.confirmed("2019-05-01");
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let reviewer = &season.reviewers[0];
    act(reviewer, &application, "claim", json!({})).expect(200);
    act(reviewer, &application, "reject", json!({})).send().expect(422);
    act(reviewer, &application, "reject", json!({ "reason": "户口簿过期" })).expect(200);
    let rejected = now(&family.parent, &application);
    assert_eq!(words(&rejected["allowed_actions"]), ["withdraw", "object"]);
    assert!(why(&rejected).contains("户口簿过期"));
    season.step("close");
    season.step("list");
    act(&family.parent, &application, "object", json!({ "reason": "户口簿已换新" })).expect(200);
    season.steps(&["allocate", "announce"]);
    season.admin.post(&season.path("/finish"), json!({ "early": true, "reason": "测试" })).refuse(409, "objections_pending");
    season.confirm(&application);
    let waiting = now(&family.parent, &application);
    assert_eq!(text(&waiting, "state"), "waiting", "the seats are gone: behind all who wait");
    let own = items(&first.parent.get("/enrolment-applications").expect(200))[0].clone();
    act(&first.parent, &own, "decline", json!({})).expect(200);
    let offered = now(&family.parent, &application);
    assert_eq!(text(&offered, "state"), "offered");
    assert!(why(&offered).contains("递补"), "{offered}");
    act(&family.parent, &application, "object", json!({ "reason": "再次" })).refuse(409, "state_conflict");
}

// ---- the home's seat ----------------------------------------------------------------------------------------------

/// Two families of one home, each with an offer; the second family's guardian may be the first one's.
fn two_of_one_home<'s>(server: &'s Server, siblings: bool) -> (Season<'s>, [(Family<'s>, Value); 2]) {
    let season = Season::open(server, &[5]);
    let home = season.registry.home("1栋", "101");
    let mut families = [season.family(), season.family()];
    if siblings {
        families[1].guardian = families[0].guardian.clone();
    }
    let applications = families.map(|family| {
        season.bind(&family.parent, &home);
        let mut draft = season.draft(&family, "2020-05-01");
        draft["home_id"] = json!(home);
        let application = season.submit(&family, draft);
        season.confirm(&application);
        (family, application)
    });
    season.steps(&["close", "list", "allocate", "announce"]);
    (season, applications)
}

#[test]
fn of_two_families_who_accept_on_one_home_at_once_one_gets_its_seat() {
    let (season, families) = two_of_one_home(shared(), false);
    let replies = at_once(2, |n| act(&families[n].0.parent, &families[n].1, "accept", json!({})).send());
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{}\n{}", replies[0].describe(), replies[1].describe());
    let loser = usize::from(replies[1].status == 409);
    assert_eq!((text(&replies[loser].json, "code"), text(&replies[loser].json, "state")), ("seat_locked", "offered"));
    assert!(text(&replies[loser].json, "detail").contains("2032"), "six years from 2026 on");
    // False papers give the seat back.
    let winner = 1 - loser;
    act(&season.reviewers[0], &families[winner].1, "revoke", json!({ "reason": "假" })).refuse(403, "forbidden");
    act(&season.admin, &families[winner].1, "revoke", json!({ "reason": "房产证系伪造" })).expect(200);
    act(&families[loser].0.parent, &families[loser].1, "accept", json!({})).expect(200);
}

#[test]
fn a_sibling_comes_under_its_familys_seat() {
    let (_, families) = two_of_one_home(shared(), true);
    let statuses = at_once(2, |n| act(&families[n].0.parent, &families[n].1, "accept", json!({})).send().status);
    assert_eq!(statuses, [200, 200]);
}

// ---- allocation and draws -----------------------------------------------------------------------------------------

#[test]
fn a_released_seat_goes_to_the_next_in_order() {
    let season = Season::open(shared(), &[1]);
    let (first, a) = season.confirmed("2019-01-01");
    let (second, b) = season.confirmed("2020-01-01");
    let (third, c) = season.confirmed("2021-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    let states = |all: &[(&Family, &Value)]| all.iter().map(|(f, a)| text(&now(&f.parent, a), "state").to_owned()).collect::<Vec<_>>();
    let everybody = [(&first, &a), (&second, &b), (&third, &c)];
    assert_eq!(states(&everybody), ["offered", "waiting", "waiting"]);
    assert!(why(&now(&second.parent, &b)).contains("后于最后录取者 2019-01-01"), "{}", now(&second.parent, &b));
    act(&first.parent, &a, "decline", json!({ "reason": "去了别的学校" })).expect(200);
    assert_eq!(states(&everybody), ["released", "offered", "waiting"]);
    act(&second.parent, &b, "withdraw", json!({})).expect(200);
    assert_eq!(states(&everybody), ["released", "withdrawn", "offered"]);
    // By hand only where a seat is left.
    act(&season.admin, &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "统筹" })).refuse(409, "school_full");
    // More seats: the plan is raised and who is left is found a place.
    let plan = json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": 2 }], "reason": "增班" });
    season.admin.post(&season.path("/seat-plans"), plan).expect(201);
    act(&season.reviewers[0], &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "统筹" })).refuse(403, "forbidden");
    act(&season.admin, &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "义务教育保障" })).expect(200);
    let found = now(&first.parent, &a);
    assert!(text(&found, "state") == "offered" && why(&found).contains("经统筹安排学位：义务教育保障"), "{found}");
    act(&first.parent, &a, "accept", json!({})).expect(200);
}

#[test]
fn an_offer_that_nobody_answers_goes_on_when_its_time_is_over() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let (first, a) = season.confirmed("2019-01-01");
    let (second, b) = season.confirmed("2020-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    server.sim().advance(41 * DAY);
    let released = now(&first.parent, &a);
    assert_eq!(text(&released, "state"), "released", "whether or not a job has run");
    assert!(why(&released).contains("未在规定时间内确认"), "{released}");
    act(&first.parent, &a, "accept", json!({})).refuse(409, "state_conflict");
    eventually("the seat goes on", 20, || (text(&now(&second.parent, &b), "state") == "offered").then_some(()));
    // It came after the confirmation's end, so it waits for three days.
    act(&second.parent, &b, "accept", json!({})).expect(200);
}

#[test]
fn twins_go_together_or_not_at_all() {
    let season = Season::open(shared(), &[2]);
    let (first, a) = season.confirmed("2019-01-01");
    let family = season.family();
    let one = season.submit(&family, season.draft(&family, "2020-01-01"));
    let mut other = family.clone();
    other.child = season.family().child;
    other.girl = season_sex(&other.child);
    let mut draft = season.draft(&other, "2020-01-01");
    draft["twin_of"] = one["id"].clone();
    let two = season.submit(&other, draft.clone());
    assert_eq!(two["household"], one["receipt"]);
    for twin in [&one, &two] {
        season.confirm(twin);
    }
    let (last, d) = season.confirmed("2021-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    let state = |family: &Family, application: &Value| text(&now(&family.parent, application), "state").to_owned();
    assert_eq!((state(&first, &a), state(&last, &d)), ("offered".to_owned(), "offered".to_owned()), "one seat is not enough for two");
    assert_eq!((state(&family, &one), state(&family, &two)), ("waiting".to_owned(), "waiting".to_owned()));
    assert!(why(&now(&family.parent, &one)).contains("需要 2 个学位"), "{}", now(&family.parent, &one));
    act(&first.parent, &a, "decline", json!({})).expect(200);
    assert_eq!(state(&family, &one), "waiting", "still only one");
    act(&last.parent, &d, "decline", json!({})).expect(200);
    assert_eq!((state(&family, &one), state(&family, &two)), ("offered".to_owned(), "offered".to_owned()));
}

/// Whether a number is a girl's.
fn season_sex(number: &str) -> bool {
    number.as_bytes()[16] % 2 == 0
}

#[test]
fn a_round_that_leaves_children_alike_needs_a_draw_that_anybody_can_check() {
    let season = Season::open(shared(), &[2]);
    let families: Vec<(Family, Value)> = (0..6).map(|_| season.confirmed("2020-05-01")).collect();
    let draws = season.path("/draws");
    let seed = "夜来风雨声 2026";
    let commitment = sha256(seed);
    let sealed = json!({ "kind": "sealed_seed", "commitment": commitment });
    season.admin.post(&draws, sealed.clone()).refuse(409, "state_conflict");
    season.steps(&["close", "list"]);
    season.admin.post(&season.path("/allocate"), json!({ "early": true, "reason": "测试" })).refuse(409, "draw_needed");
    season.admin.post(&season.path("/allocation-preview"), json!({})).refuse(409, "draw_needed");
    season.reviewers[0].post(&draws, sealed.clone()).refuse(403, "forbidden");
    season.server.staff("enroladmin").post(&draws, sealed.clone()).refuse(404, "not_found");
    for (body, pointer) in [
        (json!({ "kind": "sealed_seed" }), "/commitment"),
        (json!({ "kind": "sealed_seed", "commitment": "zz" }), "/commitment"),
        (json!({ "kind": "ring", "commitment": commitment }), "/commitment"),
        (json!({ "kind": "dice" }), "/kind"),
    ] {
        assert_eq!(pointers(&season.admin.post(&draws, body).send().expect(422).json)[0].0, pointer);
    }
    // Of two administrators at once one makes it.
    let statuses = at_once(2, |_| season.admin.post(&draws, sealed.clone()).send().status);
    assert!(statuses.contains(&201) && statuses.contains(&409), "{statuses:?}");
    season.admin.post(&draws, sealed).refuse(409, "draw_exists");
    let draw = season.server.anon().get(&season.path("/draw")).expect(200);
    assert_eq!((text(&draw, "state"), &draw["seed"], text(&draw, "commitment")), ("prepared", &Value::Null, commitment.as_str()));
    let mut receipts: Vec<String> = families.iter().map(|(_, a)| text(a, "receipt").to_owned()).collect();
    receipts.sort();
    assert_eq!(words(&draw["roster"]), receipts);

    let at = format!("/enrolment-draws/{}", text(&draw, "id"));
    let verify = |body: Value| season.server.anon().post(&format!("{at}/verify"), body).expect(200);
    assert_eq!(verify(json!({}))["valid"], json!(false), "nothing is revealed yet");
    let reveal = format!("{at}/reveal");
    season.server.resident().post(&reveal, json!({ "seed": seed })).refuse(403, "forbidden");
    season.admin.post(&reveal, json!({ "seed": "另一个种子" })).refuse(409, "commitment_mismatch");
    season.admin.post(&reveal, json!({ "start": 1, "interval": 2 })).send().expect(422);
    let revealed = season.admin.post(&reveal, json!({ "seed": seed, "public_numbers": "03 11 19 24 30 33" })).expect(200);
    season.admin.post(&reveal, json!({ "seed": seed })).refuse(409, "state_conflict");
    assert_eq!(words(&revealed["order"]).len(), 6);
    checked_everywhere(&season, &revealed);
    season.step("allocate");
    season.step("announce");
    let order = words(&revealed["order"]);
    for (family, application) in &families {
        let seen = now(&family.parent, application);
        let place = order.iter().position(|receipt| receipt == text(application, "receipt")).expect("drawn");
        assert_eq!(text(&seen, "state"), if place < 2 { "offered" } else { "waiting" });
        assert!(why(&seen).contains(&format!("摇号顺序 {}", place + 1)), "{seen}");
    }
}

#[test]
fn a_ring_is_drawn_by_parents_and_checked_by_anybody() {
    let season = Season::open(shared(), &[2]);
    for _ in 0..5 {
        season.confirmed("2020-05-01");
    }
    season.step("close");
    let draw = season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
    let reveal = format!("/enrolment-draws/{}/reveal", text(&draw, "id"));
    for body in [
        json!({ "start": 0, "interval": 3 }),
        json!({ "start": 6, "interval": 3 }),
        json!({ "start": 1, "interval": 0 }),
        json!({ "start": 1 }),
        json!({}),
        json!({ "seed": "x" }),
    ] {
        season.admin.post(&reveal, body).send().expect(422);
    }
    let revealed = season.admin.post(&reveal, json!({ "start": 4, "interval": 3 })).expect(200);
    let (roster, order) = (words(&revealed["roster"]), words(&revealed["order"]));
    assert_eq!(order[0], roster[3], "the start comes first");
    checked_everywhere(&season, &revealed);
}

fn sha256(text: &str) -> String {
    let out =
        Command::new("python3").args(["-c", "import hashlib,sys;print(hashlib.sha256(sys.argv[1].encode()).hexdigest())", text]).output();
    String::from_utf8(out.expect("python3 runs").stdout).expect("text").trim().to_owned()
}

/// The stored draw, the document sent back, the command line and the checker in `docs/` say the same: of the draw as it was
/// published that it is valid, of one with another line that it is not.
#[track_caller]
fn checked_everywhere(season: &Season, draw: &Value) {
    let at = format!("/enrolment-draws/{}/verify", text(draw, "id"));
    let verdict = |body: &Value| season.server.anon().post(&at, body.clone()).expect(200);
    assert_eq!(verdict(&json!({})), json!({ "valid": true, "reasons": [] }));
    assert_eq!(verdict(draw)["valid"], json!(true));
    let mut other_line = draw.clone();
    other_line["roster"][0] = json!("26-00000-00000");
    let mut other_order = draw.clone();
    let last = words(&draw["order"]).len() - 1;
    let (a, b) = (draw["order"][0].clone(), draw["order"][last].clone());
    (other_order["order"][0], other_order["order"][last]) = (b, a);
    let mut lighter = draw.clone();
    lighter["roster"].as_array_mut().unwrap().remove(0);
    for (changed, code) in [(draw.clone(), 0), (other_line, 1), (other_order, 1), (lighter, 1)] {
        let said = verdict(&changed);
        assert_eq!(said["valid"], json!(code == 0), "{said}");
        assert_eq!(said["reasons"].as_array().map(Vec::is_empty), Some(code == 0));
        let file = std::env::temp_dir().join(format!("jiazai-test-{}.json", unique("draw")));
        fs::write(&file, changed.to_string()).expect("a file");
        let program = run(&["verify-draw", file.to_str().expect("a path")], &[], 60);
        assert_eq!(program.code, Some(code), "{program:?}");
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_draw.py");
        let python = Command::new("python3").arg(checker).arg(&file).output().expect("python3 runs");
        assert_eq!(python.status.code(), Some(code), "{python:?}");
        let _ = fs::remove_file(file);
    }
}

#[test]
fn a_draw_document_that_cannot_be_read_is_told_so() {
    for (content, code) in
        [("", Some(1)), ("{}", Some(1)), ("[1]", Some(1)), (r#"{"method":"dice","roster_hash":"","roster":[],"order":[]}"#, Some(1))]
    {
        let file = std::env::temp_dir().join(format!("jiazai-test-{}.json", unique("draw")));
        fs::write(&file, content).expect("a file");
        let said = run(&["verify-draw", file.to_str().expect("a path")], &[], 60);
        assert!(said.code == code && !said.stderr.contains("panicked"), "{said:?}");
        let _ = fs::remove_file(file);
    }
    assert_eq!(run(&["verify-draw", "/nowhere/at/all.json"], &[], 60).code, Some(1));
    assert_eq!(run(&["verify-draw"], &[], 60).code, Some(2));
    let anon = shared().anon();
    anon.post("/enrolment-draws/drw_01h455vb4pex5vsknk084sn02q/verify", json!({})).refuse(404, "not_found");
}

#[test]
fn an_allocation_can_be_looked_at_before_and_compared_with_other_seats() {
    let season = Season::open(shared(), &[1, 1]);
    for day in ["2019-01-01", "2020-01-01", "2021-01-01"] {
        season.confirmed(day);
    }
    let preview = season.path("/allocation-preview");
    season.admin.post(&preview, json!({})).refuse(409, "state_conflict");
    season.steps(&["close", "list"]);
    let plain = season.admin.post(&preview, json!({})).expect(200);
    assert_eq!((&plain["children"], &plain["placed"], &plain["waiting"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(plain["differences"], json!([]));
    let more = season.admin.post(&preview, json!({ "seat_plans": [{ "school_id": season.schools[1], "seats": 2 }] })).expect(200);
    assert_eq!((&more["placed"], more["differences"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    assert_eq!((&more["differences"][0]["before"], &more["differences"][0]["after"]), (&json!("waiting"), &json!(season.schools[1])));
    let foreign = json!({ "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 2 }] });
    season.admin.post(&preview, foreign).send().expect(422);
    season.reviewers[0].post(&preview, json!({})).refuse(403, "forbidden");
    // What is made from the same comes to the same.
    season.step("allocate");
    let made = season.admin.get(&season.path("/allocation")).expect(200);
    assert_eq!(made["digest"], plain["digest"]);
    assert_eq!(sha256(text(&made, "canonical")), text(&made, "digest"));
}

// ---- what is published --------------------------------------------------------------------------------------------

#[test]
fn the_public_list_is_masked_and_the_full_one_is_for_those_who_run_the_round() {
    let season = Season::open(shared(), &[1]);
    let (_, a) = season.confirmed("2019-01-01");
    let (_, b) = season.confirmed("2020-01-01");
    let at = season.path("/placements");
    let public = || items(&season.server.anon().get(&at).expect(200)).clone();
    assert!(public().is_empty(), "nothing is listed yet");
    season.steps(&["close", "list"]);
    let listed = public();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|line| line["school_id"].is_null() && line["batch"] == 1 && line["name"] == "张*雨"), "{listed:?}");
    season.step("allocate");
    assert!(public().iter().all(|line| line["school_id"].is_null()), "not before it is announced");
    let full = season.admin.get(&at).expect(200);
    let placed = items(&full).iter().find(|line| line["receipt"] == a["receipt"]).expect("in the list");
    assert_eq!((text(placed, "name"), text(placed, "tier"), text(placed, "school_name")), ("张小雨", "local", "样例第1小学"));
    season.step("announce");
    let announced = public();
    let line = |of: &Value| announced.iter().find(|line| line["receipt"] == of["receipt"]).expect("in the list").clone();
    assert_eq!((text(&line(&a), "school_id"), text(&line(&b), "state")), (season.schools[0].as_str(), "waiting"));
    assert!(line(&a).get("tier").is_none() && line(&a).get("application_id").is_none(), "{}", line(&a));
    // Another community's administrator is everybody to this round.
    let elsewhere = season.server.staff("enroladmin").get(&at).expect(200);
    assert_eq!(text(&items(&elsewhere)[0], "name"), "张*雨");
    season.server.bearer("Bearer nonsense").get(&at).refuse(401, "token_invalid");
    let first = season.server.anon().get(&format!("{at}?limit=1")).expect(200);
    let rest = season.server.anon().get(&format!("{at}?limit=1&cursor={}", text(&first, "next_cursor"))).expect(200);
    assert_eq!(items(&rest).len(), 1);
}

#[test]
fn the_education_bureau_gets_a_file_and_it_is_remembered_who_took_it() {
    let season = Season::open(shared(), &[2]);
    let family = season.family();
    let mut draft = season.draft(&family, "2020-05-01");
    draft["address"] = json!("=1+2");
    let application = season.submit(&family, draft);
    season.confirm(&application);
    season.steps(&["close", "list", "allocate", "announce"]);
    let csv = season.admin.get(&season.path("/placements.csv")).send().expect(200);
    assert_eq!(csv.content_type(), "text/csv");
    let lines: Vec<String> = csv.text().lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("receipt,name,sex,"), "{lines:?}");
    assert!(lines[1].contains("张小雨") && lines[1].contains("'=1+2") && !lines[1].contains(&family.child), "{lines:?}");
    let ndjson = season.admin.get(&season.path("/placements.ndjson")).send().expect(200).text();
    let object: Value = serde_json_line(&ndjson);
    assert_eq!((text(&object, "school"), text(&object, "guardian")), ("样例第1小学", "李梅"));
    season.reviewers[0].get(&season.path("/placements.csv")).refuse(403, "forbidden");
    season.server.staff("enroladmin").get(&season.path("/placements.csv")).refuse(404, "not_found");
    let numbers = season.reviewers[0].get(&season.path("/statistics")).expect(200);
    assert_eq!(
        (&numbers["applications"], &numbers["schools"][0]["taken"], &numbers["schools"][0]["first_choices"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!((text(&numbers["tiers"][0], "tier"), &numbers["tiers"][0]["by_state"]["offered"]), ("local", &json!(1)));
}

fn serde_json_line(text: &str) -> Value {
    text.lines().next().expect("a line").parse().expect("JSON")
}

#[test]
fn families_are_told_what_becomes_of_their_child_and_no_message_names_it() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let allow = |template: &str, times: u32| {
        let consents = family.parent.get("/me/notice-consents").expect(200);
        let kind = items(&consents).iter().find(|c| c["template"] == template).unwrap_or_else(|| panic!("{consents}")).clone();
        server.sim().subscribe(&family.parent.openid, text(&kind, "template_id"), times);
        for _ in 0..times {
            family.parent.post("/me/notice-consents", json!({ "accepted": [template] })).expect(200);
        }
    };
    allow("enrolment_returned", 1);
    allow("enrolment_progress", 2);
    allow("enrolment_result", 2);
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "return", json!({ "codes": ["document_missing"] })).expect(200);
    act(&family.parent, &application, "submit", json!({})).expect(200);
    season.confirm(&application);
    season.steps(&["close", "list", "allocate", "announce"]);
    let messages = eventually("four messages arrive", 30, || {
        let mut mine: Vec<Value> = server.sim().messages().into_iter().filter(|m| m["touser"] == family.parent.openid.as_str()).collect();
        mine.reverse();
        (mine.len() >= 4).then_some(mine)
    });
    let phrases: Vec<&str> = messages.iter().map(|m| m["data"]["phrase2"]["value"].as_str().expect("a phrase")).collect();
    assert_eq!(phrases, ["请补正", "审核通过", "公示中", "待确认学位"]);
    assert!(messages.iter().all(|m| !m.to_string().contains("小雨")), "a message lies open on a lock screen");
}

#[test]
fn papers_are_purged_after_the_round_and_what_was_published_stays_checkable() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let (family, application) = season.confirmed("2019-01-01");
    season.confirmed("2020-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "accept", json!({})).expect(200);
    let before =
        (season.server.anon().get(&season.path("/placements")).expect(200), season.admin.get(&season.path("/allocation")).expect(200));
    let paper = text(&now(&family.parent, &application)["documents"][0], "file_id").to_owned();
    let retention = || season.server.anon().get(&season.path("/retention")).expect(200);
    assert!(retention()["purge_after"].is_null());
    season.step("finish");
    assert!(retention()["purge_after"].is_string() && retention()["purged_at"].is_null());
    server.sim().advance(181 * DAY);
    let proof = eventually("the papers are purged", 90, || Some(retention()).filter(|proof| proof["purged_at"].is_string()));
    assert_eq!((&proof["applications"], &proof["papers"]), (&json!(2), &json!(2)));
    assert_eq!(sha256(text(&proof, "manifest")), text(&proof, "manifest_hash"));
    assert!(text(&proof, "manifest").contains(text(&application, "receipt")));
    family.parent.get(&format!("/files/{paper}")).refuse(404, "not_found");
    let left = now(&family.parent, &application);
    assert_eq!(
        (&left["purged"], text(&left["child"], "name"), &left["guardians"], &left["facts"]),
        (&json!(true), "张*雨", &Value::Null, &Value::Null)
    );
    assert_eq!((text(&left, "state"), text(&left, "tier")), ("accepted", "local"));
    assert!(why(&left).contains("第 1 志愿录取"), "the reasons stay: {left}");
    let after =
        (season.server.anon().get(&season.path("/placements")).expect(200), season.admin.get(&season.path("/allocation")).expect(200));
    assert_eq!(before, after);
}

#[test]
fn what_the_machine_does_not_know_is_refused_in_every_state() {
    let season = Season::open(shared(), &[5]);
    let machines = season.server.anon().get("/meta/state-machines").expect(200);
    let machine = items(&machines).iter().find(|m| m["name"] == "enrolment_application").expect("the machine").clone();
    let edges = machine["transitions"].as_array().expect("edges").clone();
    let body = |action: &str| match action {
        "object" | "reject" | "revoke" => json!({ "reason": "测试" }),
        "coordinate" => json!({ "school_id": season.schools[0], "reason": "测试" }),
        _ => json!({}),
    };
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    let actions = [
        "submit",
        "withdraw",
        "accept",
        "decline",
        "object",
        "claim",
        "return",
        "verify",
        "recheck",
        "reject",
        "revoke",
        "coordinate",
        "check-in",
    ];
    let knows = |action: &str, from: &str| edges.iter().any(|e| e["action"] == action && e["from"] == from);
    for action in actions {
        let by_family = matches!(action, "submit" | "withdraw" | "accept" | "decline" | "object");
        // By those who may not at all.
        let status = if by_family {
            act(&season.admin, &application, action, body(action)).send().status
        } else {
            act(&family.parent, &application, action, body(action)).send().status
        };
        assert_eq!(status, 403, "{action}");
        if !knows(action, "in_review") {
            let problem = if by_family {
                act(&family.parent, &application, action, body(action)).send()
            } else {
                act(&season.admin, &application, action, body(action)).send()
            };
            assert_eq!((problem.status, text(&problem.json, "state")), (409, "in_review"), "{action}: {}", problem.describe());
            assert!(problem.json["allowed_actions"].is_array());
        }
    }
    assert_eq!(text(&now(&family.parent, &application), "state"), "in_review");
}
