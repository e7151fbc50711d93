//! What is published, and what is left of papers.

use jiazai_tests::season::{Season, act, now, why};
use jiazai_tests::{Client, Options, Server, Value, eventually, items, json, shared, text};

use super::{DAY, sha256};

#[test]
fn the_public_list_is_masked_and_the_full_one_is_for_those_who_run_the_round() {
    let season = Season::open(shared(), &[1]);
    let (_, a) = season.confirmed("2019-01-01");
    let (_, b) = season.confirmed("2020-01-01");
    let at = season.path("/placements");
    let public = || items(&season.server.anon().get(&at).expect(200)).to_vec();
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
    let (family, home) = (season.family(), season.registry.home("1栋", "101"));
    season.bind(&family.parent, &home);
    let mut draft = season.draft(&family, "2019-01-01");
    draft["home_id"] = json!(home);
    let application = season.submit(&family, draft);
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "return", json!({ "reason": "祖母患病证明缺页" })).expect(200);
    act(&family.parent, &application, "submit", json!({})).expect(200);
    season.confirm(&application);
    season.confirmed("2020-01-01");
    let permits = season.path("/late-permits");
    let permit = json!({ "applicant_id": server.resident().id(), "until": "2100-01-01T00:00:00Z", "reason": "孩子住院" });
    season.admin.post(&permits, permit).expect(201);
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "accept", json!({})).expect(200);
    let exported = || season.admin.get(&season.path("/placements.csv")).send().expect(200).text();
    assert!(exported().contains(&home));
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
    assert!(!exported().contains(&home) && left["home_id"].is_null(), "where a child lives is nobody's any more");
    assert_eq!(season.admin.get(&permits).expect(200)["items"], json!([]));
    let history = season.admin.get(&format!("{}?limit=100", season.path("/events"))).expect(200);
    assert!(!history.to_string().contains("住院"), "nor why somebody was late");
    let own = season.admin.get(&format!("/enrolment-applications/{}/events?limit=100", text(&application, "id"))).expect(200);
    assert!(!own.to_string().contains("患病") && !why(&left).contains("患病"), "nor what anybody wrote: {own}");
    assert!(why(&left).contains("第 1 志愿录取"), "the reasons stay: {left}");
    let after =
        (season.server.anon().get(&season.path("/placements")).expect(200), season.admin.get(&season.path("/allocation")).expect(200));
    assert_eq!(before, after);
    // Even then false papers are found out.
    act(&season.admin, &application, "revoke", json!({ "reason": "房产证系伪造" })).expect(200);
}
