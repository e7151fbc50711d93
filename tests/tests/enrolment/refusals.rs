//! What is refused before anything is stored.

use jiazai_tests::season::{Season, act, now, paper, plain_rules};
use jiazai_tests::{Client, Value, at_once, faults, id_number, instant, items, json, shared, text, unique, words};

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
    assert_eq!(faults(&problem), [("/consent".to_owned(), "consent_required".to_owned())]);
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
        assert!(faults(&problem).contains(&(pointer.to_owned(), code.to_owned())), "{at}: {problem}");
        assert!(!problem.to_string().contains(&family.child), "a value is never repeated");
    }
    let mut old = season.bare_draft(&family);
    old["child"] = json!({ "name": "张小雨", "id_number": too_old });
    let problem = family.parent.post("/enrolment-applications", old).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), [("/child/born_on".to_owned(), "outside_birth_window".to_owned())]);
    let mut unknown = season.bare_draft(&family);
    unknown["colour"] = json!("blue");
    family.parent.post("/enrolment-applications", unknown).refuse(422, "unknown_field");
    // Several at once, in one answer.
    let mut many = season.bare_draft(&family);
    many["choices"] = json!([season.schools[0], season.schools[0]]);
    many["guardians"][0]["name"] = json!("李\u{7}梅");
    let problem = family.parent.post("/enrolment-applications", many).send().expect(422).json;
    assert_eq!(faults(&problem), [("/guardians/0/name".to_owned(), "control_character".to_owned())], "what cannot be read at all");
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
    assert_eq!(faults(&problem), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
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
    assert_eq!(faults(&problem), [("/documents".to_owned(), "documents_missing".to_owned())]);
    assert!(text(&problem, "detail").contains("户口簿"), "{problem}");
    assert_eq!(text(&now(&family.parent, &draft), "state"), "draft");
}

#[test]
fn a_round_takes_applications_only_while_it_is_open() {
    let season = Season::drafted(shared(), &[5], plain_rules());
    let family = season.family();
    let hand_in = || family.parent.post("/enrolment-applications", season.bare_draft(&family));
    let problem = hand_in().send().expect(422).json;
    assert_eq!(faults(&problem), [("/round_id".to_owned(), "unknown_round".to_owned())], "a draft is not there for residents");
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
