//! School enrolment 入学登记: from the sofa to a seat, with reasons; and everything that has to be refused on the way.

use jiazai_tests::season::{BORN, Season, act, now, paper, plain_rules};
use jiazai_tests::{Client, Family, Value, at_once, id_number, instant, json, shared, unique};

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
    let problem = family.parent.post("/enrolment-applications", many).send().expect(422).json;
    assert_eq!(pointers(&problem), [("/guardians/0/name".to_owned(), "control_character".to_owned())], "what cannot be read at all");
    let mut many = season.bare_draft(&family);
    many["choices"] = json!([season.schools[0], season.schools[0]]);
    many["child"]["born_on"] = json!("2020-03-05");
    many["facts"]["hukou"] = json!(true);
    many["facts"]["hukou_on"] = json!(7);
    many.as_object_mut().unwrap().remove("address");
    let problem = family.parent.post("/enrolment-applications", many).send().expect(422).json;
    let expected = [
        ("/child/born_on", "differs_from_id_number"),
        ("/choices/1", "duplicate"),
        ("/facts/hukou", "unknown_fact"),
        ("/facts/hukou_on", "wrong_type"),
        ("/home_id", "home_or_address"),
    ];
    assert_eq!(pointers(&problem), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
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

// ---- the machine ---------------------------------------------------------------------------------------------------

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
