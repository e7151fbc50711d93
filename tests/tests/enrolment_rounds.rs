//! School enrolment 入学登记, the rounds: schools, rules, calendars, seat plans, zones, and the precheck.

use jiazai_tests::{Client, Drafted, Registry, Value, at_once, id_number, json, shared, unique};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

/// Where a problem has its faults, each with its code, in order.
fn faults(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors in {problem}"));
    let mut all: Vec<_> = errors.iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect();
    all.sort();
    all
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    let mut all: Vec<_> = expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
    all.sort();
    all
}

// ---- schools --------------------------------------------------------------------------------------------------------

#[test]
fn a_school_is_added_by_those_who_run_enrolment_in_all_that_it_serves() {
    let server = shared();
    let (here, elsewhere) = (server.community(), server.other_community());
    let admin = server.staff("enroladmin");
    let body = |name: &str, places: &[&str]| json!({ "name": name, "stage": "primary", "community_ids": places });
    let school = admin.post("/schools", body("东涂小学", &[here])).expect(201);
    assert_eq!((text(&school, "stage"), &school["community_ids"], &school["version"]), ("primary", &json!([here]), &json!(1)));
    for other in [&server.staff("reviewer1"), &server.staff("manager"), &server.staff("admin").hire("enrolment_admin", elsewhere)] {
        other.post("/schools", body("别的小学", &[here])).refuse(403, "forbidden");
    }
    admin.post("/schools", body("别的小学", &[here, elsewhere])).refuse(403, "forbidden");
    server.resident().post("/schools", body("别的小学", &[here])).refuse(403, "forbidden");
    let bad = json!({ "name": " ", "stage": "university", "community_ids": ["com_x"], "seats": 1 });
    let problem = admin.post("/schools", bad).refuse(422, "validation_failed");
    let expected = [("/name", "blank"), ("/stage", "unknown_value"), ("/community_ids/0", "id_malformed"), ("/seats", "unknown_field")];
    assert_eq!(faults(&problem), pairs(expected));
    let absent = admin.post("/schools", body("甲", &["com_01h455vb4pex5vsknk084sn02q"])).refuse(422, "validation_failed");
    assert_eq!(faults(&absent), pairs([("/community_ids/0", "unknown_community")]));
}

#[test]
fn a_school_is_found_where_it_serves_and_one_that_names_nobody_serves_all() {
    let server = shared();
    let platform = server.staff("admin");
    let place = text(&platform.post("/communities", json!({ "code": unique("s"), "name": "样例社区" })).expect(201), "id").to_owned();
    let own = text(&platform.post("/schools", json!({ "name": "本社区小学", "community_ids": [place] })).expect(201), "id").to_owned();
    let all = text(&platform.post("/schools", json!({ "name": "全区小学" })).expect(201), "id").to_owned();
    let serving = |community: &str| {
        let mut found = Vec::new();
        let mut path = format!("/schools?community_id={community}&limit=100");
        loop {
            let page = server.resident().get(&path).expect(200);
            found.extend(items(&page).iter().map(|school| text(school, "id").to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { return found };
            path = format!("/schools?community_id={community}&limit=100&cursor={cursor}");
        }
    };
    assert!(serving(&place).contains(&own) && serving(&place).contains(&all));
    let here = serving(server.community());
    assert!(!here.contains(&own) && here.contains(&all));
    assert_eq!(text(&server.resident().get(&format!("/schools/{own}")).expect(200), "name"), "本社区小学");
    server.resident().get("/schools/sch_01h455vb4pex5vsknk084sn02q").refuse(404, "not_found");
}

#[test]
fn a_school_changes_only_in_the_hands_of_those_it_serves() {
    let server = shared();
    let admin = server.staff("enroladmin");
    let other = server.staff("admin").hire("enrolment_admin", server.community());
    let body = json!({ "name": "改名小学", "community_ids": [server.community()] });
    let school = admin.post("/schools", json!({ "name": "原名小学", "community_ids": [server.community()] })).expect(201);
    let path = format!("/schools/{}", text(&school, "id"));
    other.put(&path, body.clone()).refuse(428, "precondition_required");
    other.put(&path, body.clone()).header("If-Match", "\"7\"").refuse(412, "precondition_failed");
    let changed = other.put(&path, body.clone()).header("If-Match", "\"1\"").expect(200);
    assert_eq!((text(&changed, "name"), &changed["stage"], &changed["version"]), ("改名小学", &Value::Null, &json!(2)));
    // One that serves all is its maker's, and the platform's.
    let all = format!("/schools/{}", text(&admin.post("/schools", json!({ "name": "全区小学" })).expect(201), "id"));
    other.put(&all, body.clone()).header("If-Match", "*").refuse(403, "forbidden");
    admin.put(&all, json!({ "name": "全区第一小学" })).header("If-Match", "*").expect(200);
    server.staff("admin").put(&all, json!({ "name": "全区第二小学" })).header("If-Match", "\"2\"").expect(200);
}

// ---- rounds ---------------------------------------------------------------------------------------------------------

#[test]
fn a_draft_is_for_staff_of_enrolment_and_a_published_round_for_everybody() {
    let server = shared();
    let season = Drafted::draft(server);
    let (path, resident) = (season.path(), server.resident());
    let elsewhere = server.staff("admin").hire("enrolment_admin", server.other_community());
    let draft = season.look();
    assert_eq!((text(&draft, "state"), &draft["allowed_actions"]), ("draft", &json!(["publish"])));
    for who in ["reviewer1", "auditor"] {
        assert_eq!(server.staff(who).get(&path).expect(200)["allowed_actions"], json!([]), "{who}");
    }
    resident.get(&path).refuse(404, "not_found");
    server.staff("grid1").get(&path).refuse(404, "not_found");
    resident.post(&format!("{path}/precheck"), json!({})).refuse(404, "not_found");
    for below in ["", "/seat-plans", "/events"] {
        elsewhere.get(&format!("{path}{below}")).refuse(404, "not_found");
        resident.get(&format!("{path}{below}")).refuse(404, "not_found");
    }
    for action in ["publish", "open", "close", "finish"] {
        elsewhere.post(&format!("{path}/{action}"), json!({})).refuse(404, "not_found");
        for who in ["reviewer1", "manager", "auditor"] {
            server.staff(who).post(&format!("{path}/{action}"), json!({})).refuse(403, "forbidden");
        }
        resident.post(&format!("{path}/{action}"), json!({})).refuse(403, "forbidden");
    }
    season.step("publish");
    let seen = resident.get(&path).expect(200);
    assert_eq!((text(&seen, "state"), &seen["allowed_actions"]), ("published", &json!([])));
    assert_eq!(seen["rules"]["tiers"], Drafted::rules()["tiers"], "families read the very rules");
    assert_eq!(text(&server.staff("grid1").get(&path).expect(200), "state"), "published");
    elsewhere.get(&path).refuse(404, "not_found");
    elsewhere.put(&path, season_put(&season)).header("If-Match", "*").refuse(404, "not_found");
    let refused = season.admin.post(&format!("{path}/publish"), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&refused, "state"), &refused["allowed_actions"]), ("published", &json!(["open"])));
}

fn season_put(season: &Drafted) -> Value {
    let mut body = Drafted::body(season.server, &season.community, &season.schools);
    body.as_object_mut().expect("an object").remove("community_id");
    body
}

#[test]
fn a_window_is_cut_short_only_for_a_reason_that_everybody_can_read() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let close = format!("{}/close", season.path());
    let refused = season.admin.post(&close, json!({})).refuse(409, "too_early");
    assert_eq!((text(&refused, "state"), &refused["allowed_actions"]), ("open", &json!(["close"])));
    season.admin.post(&close, json!({ "reason": "没有说提前" })).refuse(409, "too_early");
    let problem = season.admin.post(&close, json!({ "early": true, "reason": " " })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/reason", "reason_missing")]));
    season
        .admin
        .post(&close, json!({ "early": true, "reason": "全部登记完毕" }))
        .header("If-Match", "\"1\"")
        .refuse(412, "precondition_failed");
    let closed = season.admin.post(&close, json!({ "early": true, "reason": "全部登记完毕" })).expect(200);
    assert_eq!((text(&closed, "state"), &closed["version"]), ("closed", &json!(4)));
    season.admin.post(&format!("{}/finish", season.path()), json!({})).refuse(409, "state_conflict");
    let history = server.resident().get(&format!("{}/events", season.path())).expect(200);
    let told: Vec<_> = items(&history).iter().map(|e| (text(e, "type"), e["note"].as_str(), e["actor_id"].is_null())).collect();
    let expected = [
        ("enrolment_round.created", None, true),
        ("enrolment_round.published", None, true),
        // Registration had begun when it was opened: nothing was early.
        ("enrolment_round.opened", None, true),
        ("enrolment_round.closed", Some("全部登记完毕"), true),
    ];
    assert_eq!(told, expected);
    let by_staff = server.staff("auditor").get(&format!("{}/events", season.path())).expect(200);
    assert!(items(&by_staff).iter().all(|event| text(event, "actor_id") == season.admin.id()));
}

#[test]
fn of_two_who_publish_at_once_one_does() {
    let season = Drafted::draft(shared());
    let path = format!("{}/publish", season.path());
    let replies = at_once(6, |_| season.admin.post(&path, json!({})).send());
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409], "{:?}", replies.iter().map(|r| r.describe()).collect::<Vec<_>>());
    let history = season.admin.get(&format!("{}/events", season.path())).expect(200);
    assert_eq!(items(&history).iter().filter(|event| text(event, "type") == "enrolment_round.published").count(), 1);
}

#[test]
fn only_a_draft_is_rewritten() {
    let season = Drafted::draft(shared());
    let path = season.path();
    let mut body = season_put(&season);
    season.admin.put(&path, body.clone()).refuse(428, "precondition_required");
    body["title"] = json!("改过的标题");
    body["announcement"] = json!("六月登记");
    body["seat_plans"] = json!([{ "school_id": season.schools[1], "seats": 45 }]);
    let changed = season.admin.put(&path, body.clone()).header("If-Match", "\"1\"").expect(200);
    assert_eq!((text(&changed, "title"), text(&changed, "announcement"), &changed["version"]), ("改过的标题", "六月登记", &json!(2)));
    assert_eq!((&changed["seat_plans"], &changed["rules_version"]), (&body["seat_plans"], &json!(1)));
    assert_eq!((&changed["seat_plan_version"], &season.look()), (&json!(1), &changed), "what is read is what was saved");
    body["community_id"] = json!(shared().other_community());
    let problem = season.admin.put(&path, body.clone()).header("If-Match", "*").refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/community_id", "fixed")]));
    body["community_id"] = json!(season.community);
    season.admin.put(&path, body.clone()).header("If-Match", "\"2\"").expect(200);
    season.step("publish");
    let refused = season.admin.put(&path, body).header("If-Match", "*").refuse(409, "state_conflict");
    assert_eq!(text(&refused, "state"), "published");
}

#[test]
fn everything_wrong_with_a_draft_is_told_at_once() {
    let server = shared();
    let season = Drafted::draft(server);
    let elsewhere = server.staff("admin").hire("enrolment_admin", server.other_community());
    let foreign = elsewhere.post("/schools", json!({ "name": "外区小学", "community_ids": [server.other_community()] })).expect(201);
    let mut body = Drafted::body(server, server.community(), &season.schools);
    body["born_to"] = json!("2019-08-31");
    body["calendar"]["review_to"] = body["calendar"]["register_from"].clone();
    body["seat_plans"][1]["school_id"] = foreign["id"].clone();
    body["rules"]["tiers"][1]["code"] = json!("both");
    body["rules"]["tiers"][2]["when"]["fact"] = json!("income");
    body["zones"] = json!([
        { "school_id": season.schools[0], "building_id": "bld_01h455vb4pex5vsknk084sn02q" },
        { "school_id": season.schools[0], "street": "东涂街", "door_from": 9, "door_to": 3 },
        { "school_id": season.schools[1], "street": "东涂街", "valid_from": "2026-02-01", "valid_to": "2026-01-01" },
        { "school_id": season.schools[0] },
    ]);
    let problem = season.admin.post("/enrolment-rounds", body.clone()).refuse(422, "validation_failed");
    let expected = [
        ("/born_to", "before_born_from"),
        ("/calendar/review_to", "not_after_previous"),
        ("/rules/tiers/1/code", "duplicate"),
        ("/rules/tiers/2/when/fact", "unknown_fact"),
        ("/seat_plans/1/school_id", "unknown_school"),
        ("/zones/0/building_id", "unknown_building"),
        ("/zones/1/door_to", "out_of_range"),
        ("/zones/2/school_id", "school_not_in_round"),
        ("/zones/2/valid_to", "before_valid_from"),
        ("/zones/3", "building_or_street"),
    ];
    assert_eq!(faults(&problem), pairs(expected));
    assert!(problem["errors"].as_array().unwrap().iter().all(|e| text(e, "detail") != "无效"), "each in words: {problem}");
    body["community_id"] = json!("com_01h455vb4pex5vsknk084sn02q");
    elsewhere.post("/enrolment-rounds", Drafted::body(server, server.community(), &season.schools)).refuse(403, "forbidden");
}

#[test]
fn rules_that_contradict_themselves_are_no_rules() {
    let server = shared();
    let season = Drafted::draft(server);
    let hukou = |op: &str, day: &str| json!({ "fact": "hukou_on", "op": op, "value": day });
    for (rules, expected) in [
        (
            json!({ "tiers": [{ "code": "a", "batch": 1, "name": "甲", "when": { "all": [hukou("lt", "2020-01-01"), hukou("gt", "2021-01-01")] } }],
                "seat_lock_years": 6 }),
            ("/rules/tiers/0/when", "never_true"),
        ),
        (
            json!({ "tiers": [{ "code": "a", "batch": 1, "name": "甲", "when": { "fact": "hukou_on", "op": "present" } },
                { "code": "b", "batch": 2, "name": "乙", "when": hukou("le", "2021-01-01") }], "seat_lock_years": 6 }),
            ("/rules/tiers/1/when", "unreachable"),
        ),
        (
            json!({ "tiers": [{ "code": "a", "batch": 2, "name": "甲", "when": { "fact": "native", "op": "eq", "value": true } },
                { "code": "b", "batch": 1, "name": "乙", "when": { "fact": "hukou_on", "op": "present" } }], "seat_lock_years": 6 }),
            ("/rules/tiers/1/batch", "batch_order"),
        ),
        (
            json!({ "tiers": [{ "code": "a", "batch": 1, "name": "甲", "when": { "fact": "native", "op": "gt", "value": true } }], "seat_lock_years": 6 }),
            ("/rules/tiers/0/when/op", "op_not_for_kind"),
        ),
        (
            json!({ "tiers": [{ "code": "a", "batch": 1, "name": "甲", "when": { "not": { "any": [] } } }], "seat_lock_years": 6 }),
            ("/rules/tiers/0/when/not/any", "empty"),
        ),
        (
            json!({ "tiers": [{ "code": "a", "batch": 1, "name": "甲", "when": { "fact": "native", "op": "present" } }],
                "tie_break": ["earlier:native"], "seat_lock_years": 6 }),
            ("/rules/tie_break/0", "wrong_type"),
        ),
    ] {
        let mut body = Drafted::body(server, server.community(), &season.schools);
        body["rules"] = rules;
        let problem = season.admin.post("/enrolment-rounds", body).refuse(422, "validation_failed");
        assert_eq!(faults(&problem), pairs([expected]));
    }
    // Nested deeper than a person can read, and than the reader goes.
    let deep = (0..100).fold(json!({ "fact": "native", "op": "present" }), |inner, _| json!({ "not": inner }));
    let mut body = Drafted::body(server, server.community(), &season.schools);
    body["rules"]["tiers"][0]["when"] = deep;
    let problem = season.admin.post("/enrolment-rounds", body).refuse(422, "validation_failed");
    assert!(faults(&problem).iter().any(|(pointer, code)| pointer.starts_with("/rules/tiers/0/when") && code == "too_deep"), "{problem}");
}

#[test]
fn every_rule_set_of_a_draft_is_kept_with_its_version() {
    let season = Drafted::draft(shared());
    let mut body = season_put(&season);
    body["rules"]["seat_lock_years"] = json!(9);
    let changed = season.admin.put(&season.path(), body).header("If-Match", "*").expect(200);
    assert_eq!((&changed["rules_version"], &changed["rules"]["seat_lock_years"]), (&json!(2), &json!(9)));
    let path = format!("{}/rule-sets", season.path());
    let versions = shared().staff("reviewer1").get(&path).expect(200);
    let known: Vec<_> = items(&versions).iter().map(|v| (v["version"].clone(), v["rules"]["seat_lock_years"].clone())).collect();
    assert_eq!(known, [(json!(1), json!(6)), (json!(2), json!(9))]);
    let first = season.admin.get(&format!("{path}?limit=1")).expect(200);
    let rest = season.admin.get(&format!("{path}?limit=1&cursor={}", text(&first, "next_cursor"))).expect(200);
    assert_eq!((&items(&rest)[0]["version"], &rest["next_cursor"]), (&json!(2), &Value::Null));
    season.step("publish");
    shared().resident().get(&path).refuse(403, "forbidden");
    shared().staff("manager").get(&path).refuse(403, "forbidden");
}

#[test]
fn seats_that_were_published_change_as_another_version_with_a_reason() {
    let server = shared();
    let season = Drafted::draft(server);
    let path = format!("{}/seat-plans", season.path());
    let seats = |first: i64| json!([{ "school_id": season.schools[0], "seats": first }, { "school_id": season.schools[1], "seats": 80 }]);
    let plan = |first: i64, reason: &str| json!({ "seat_plans": seats(first), "reason": reason });
    season.admin.post(&path, plan(50, "增设班级")).refuse(409, "state_conflict");
    season.step("publish");
    let problem = season.admin.post(&path, json!({ "seat_plans": seats(50) })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/reason", "reason_missing")]));
    let stranger = json!([{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 1 }]);
    let problem = season.admin.post(&path, json!({ "seat_plans": stranger, "reason": "增设" })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/seat_plans/0/school_id", "unknown_school")]));
    server.staff("reviewer1").post(&path, plan(50, "增设班级")).refuse(403, "forbidden");
    let made = season.admin.post(&path, plan(50, "增设班级")).expect(201);
    assert_eq!((&made["version"], text(&made, "reason"), &made["seat_plans"][0]["seats"]), (&json!(2), "增设班级", &json!(50)));
    let round = server.resident().get(&season.path()).expect(200);
    assert_eq!((&round["seat_plan_version"], &round["seat_plans"]), (&json!(2), &made["seat_plans"]));
    // Fewer is possible as long as nothing was promised.
    season.admin.post(&path, plan(45, "教室不足")).expect(201);
    let listed = server.resident().get(&path).expect(200);
    let known: Vec<_> =
        items(&listed).iter().map(|p| (p["version"].clone(), p["seat_plans"][0]["seats"].clone(), p["reason"].clone())).collect();
    let expected = [(1, 40, Value::Null), (2, 50, json!("增设班级")), (3, 45, json!("教室不足"))];
    assert_eq!(known, expected.map(|(version, seats, reason)| (json!(version), json!(seats), reason)));
    let version = season.look()["version"].to_string();
    let replies =
        at_once(4, |n| season.admin.post(&path, plan(60 + n as i64, "同时")).header("If-Match", &format!("\"{version}\"")).send());
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1, "of those who saw the same round, one changes it");
    assert!(replies.iter().all(|reply| matches!(reply.status, 201 | 412)));
}

#[test]
fn rounds_are_listed_by_what_they_are_and_page_by_page() {
    let server = shared();
    let admin = server.staff("admin");
    let place = text(&admin.post("/communities", json!({ "code": unique("e"), "name": "样例社区" })).expect(201), "id").to_owned();
    let own = admin.hire("enrolment_admin", &place);
    let made: Vec<Drafted> = (0..3).map(|_| Drafted::in_community(server, own.clone(), &place, json!({}))).collect();
    let junior = Drafted::in_community(server, own.clone(), &place, json!({ "stage": "junior", "school_year": 2027 }));
    made[0].step("publish");
    let ids = |who: &dyn Client, filter: &str| -> Vec<String> {
        let list = who.get(&format!("/enrolment-rounds?community_id={place}{filter}")).expect(200);
        items(&list).iter().map(|round| text(round, "id").to_owned()).collect()
    };
    let resident = server.resident();
    assert_eq!(ids(&resident, ""), [made[0].round.as_str()], "drafts are not for residents");
    assert_eq!(ids(&own, ""), [&junior, &made[2], &made[1], &made[0]].map(|season| season.round.clone()), "newest first");
    assert_eq!(ids(&own, "&state=draft&stage=primary"), [&made[2], &made[1]].map(|season| season.round.clone()));
    assert_eq!(ids(&own, "&school_year=2027"), [junior.round.as_str()]);
    assert_eq!(ids(&server.staff("enroladmin"), ""), [""; 0], "another community's staff see nothing");
    let mut path = format!("/enrolment-rounds?community_id={place}&limit=3");
    let first = own.get(&path).expect(200);
    assert!(first["items"][0].get("rules").is_none() && first["items"][0]["allowed_actions"] == json!(["publish"]));
    path = format!("{path}&cursor={}", text(&first, "next_cursor"));
    assert_eq!(items(&own.get(&path).expect(200)).len(), 1);
    own.get(&format!("{path}&state=draft")).refuse(400, "cursor_invalid");
    for bad in ["state=late", "stage=university", "school_year=26", "limit=0"] {
        own.get(&format!("/enrolment-rounds?{bad}")).refuse(400, "query_invalid");
    }
}

// ---- dictionary -----------------------------------------------------------------------------------------------------

#[test]
fn whatever_rules_may_speak_of_is_in_the_dictionary() {
    let anon = shared().anon();
    let facts = anon.get("/meta/enrolment-facts").expect(200);
    let find = |name: &str| items(&facts).iter().find(|fact| fact["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone();
    for (name, kind) in [("hukou_on", "date"), ("house_on", "date"), ("native", "bool"), ("migrant", "bool"), ("points", "integer")] {
        assert_eq!((text(&find(name), "kind"), &find(name)["declared"]), (kind, &json!(true)), "{name}");
    }
    assert_eq!(find("seat_taken")["declared"], json!(false), "worked out, not typed");
    assert!(items(&json!({ "items": find("house_owner")["choices"] })).iter().any(|choice| choice["code"] == "grandparent"));
    assert_eq!((&find("owner_share")["min"], &find("owner_share")["max"], &find("native")["max"]), (&json!(0), &json!(100), &Value::Null));
}

#[test]
fn a_district_begins_with_a_rule_set_that_is_offered() {
    let server = shared();
    let offered = server.anon().get("/meta/enrolment-rule-sets").expect(200);
    let codes: Vec<_> = items(&offered).iter().map(|sample| text(sample, "code")).collect();
    assert_eq!(codes, ["anxi", "fuzhou", "yongan", "points"]);
    for sample in items(&offered) {
        let season = Drafted::with(server, json!({ "rules": sample["rules"] }));
        assert_eq!(season.look()["rules"], sample["rules"], "as it was offered");
    }
}

#[test]
fn rules_are_tried_out_before_a_round_is_made_of_them() {
    let server = shared();
    let admin = server.staff("enroladmin");
    let path = "/meta/enrolment-rule-sets/try";
    let offered = server.anon().get("/meta/enrolment-rule-sets").expect(200);
    let sample = |code: &str| items(&offered).iter().find(|sample| sample["code"] == code).expect("a sample")["rules"].clone();
    let try_on = |code: &str, facts: Value| admin.post(path, json!({ "rules": sample(code), "facts": facts })).expect(200);
    let before = try_on("anxi", json!({ "house_on": "2020-01-01" }));
    assert_eq!((text(&before, "tier"), &before["batch"]), ("before", &json!(1)));
    // What the system works out elsewhere may be supposed here.
    let zone = json!({ "same_address": true, "house_in_zone": true, "house_zoned": true, "seat_taken": true, "sibling_enrolled": false,
        "house_on": "2020-01-01", "house_owner": "parent" });
    assert_eq!(text(&try_on("yongan", zone), "tier"), "pool_house", "the seat of the house is taken");
    let points = json!({ "migrant": true, "permit_on": "2020-01-01", "insurance_months": 120, "residence_months": 60, "volunteer_hours": 0,
        "education": "bachelor", "skilled": false, "house_on": null });
    let counted = try_on("points", points);
    assert_eq!((&counted["points"], text(&counted, "tier")), (&json!(75), "qualified"), "40 + 15 + 20: {counted}");
    let problem = admin.post(path, json!({ "rules": { "tiers": [], "seat_lock_years": 6 } })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/rules/tiers", "too_few")]));
    let mut bad = sample("anxi");
    bad["rest"] = json!("perhaps");
    admin.post(path, json!({ "rules": bad })).refuse(422, "validation_failed");
    let mut bad = sample("anxi");
    bad["seat_lock_years"] = json!(6.5);
    admin.post(path, json!({ "rules": bad })).refuse(422, "validation_failed");
    let problem = admin.post(path, json!({ "rules": sample("anxi"), "facts": { "income": 1 } })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/facts/income", "unknown_fact")]));
    server.resident().post(path, json!({ "rules": sample("anxi") })).refuse(403, "forbidden");
}

#[test]
fn the_table_of_a_round_is_served() {
    let machines = shared().anon().get("/meta/state-machines").expect(200);
    let round = items(&machines).iter().find(|m| m["name"] == "enrolment_round").expect("the machine").clone();
    assert_eq!(round["transitions"].as_array().expect("transitions").len(), 7);
    assert_eq!(round["transitions"][0], json!({ "action": "publish", "from": "draft", "to": "published", "roles": ["enrolment_admin"] }));
}

// ---- precheck -------------------------------------------------------------------------------------------------------

#[test]
fn a_precheck_names_the_tier_the_reasons_and_the_missing_papers() {
    let server = shared();
    let season = Drafted::at(server, "published");
    let resident = server.resident();
    let ask = |body: Value| resident.post(&format!("{}/precheck", season.path()), body).expect(200);
    let both = ask(json!({ "facts": { "hukou_on": "2020-05-01", "house_on": "2019-01-01" }, "documents": ["deed"] }));
    assert_eq!((&both["eligible"], text(&both, "tier"), &both["batch"]), (&json!(true), "both", &json!(1)));
    assert_eq!(both["missing_documents"], json!(["vaccination", "hukou_book"]));
    assert_eq!((text(&both, "tier_name"), &both["missing_facts"]), ("有户口和房产", &json!([])));
    let reason = &both["reasons"][0];
    assert_eq!((text(reason, "rule"), text(reason, "result")), ("both", "true"));
    assert!(text(reason, "text").contains("户口迁入日期") && text(reason, "text").contains("2020-05-01"), "{reason}");
    let hukou = ask(json!({ "facts": { "hukou_on": "2020-05-01", "house_on": null } }));
    assert_eq!((text(&hukou, "tier"), &hukou["batch"]), ("hukou", &json!(2)));
    let migrant = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": true } }));
    assert_eq!((text(&migrant, "tier"), &migrant["batch"]), ("migrant", &json!(3)));
    let nobody = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": false } }));
    assert_eq!((&nobody["eligible"], &nobody["tier"]), (&json!(false), &Value::Null));
    assert_eq!(nobody["reasons"].as_array().map(Vec::len), Some(3), "every rule says why not");
}

#[test]
fn what_is_unknown_is_asked_for_and_never_counts_as_false() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let ask = |body: Value| server.resident().post(&format!("{}/precheck", season.path()), body).expect(200);
    let nothing = ask(json!({}));
    assert_eq!((&nothing["eligible"], &nothing["tier"]), (&Value::Null, &Value::Null));
    let missing = |answer: &Value| -> Vec<String> {
        answer["missing_facts"].as_array().expect("facts").iter().map(|fact| text(fact, "fact").to_owned()).collect()
    };
    assert_eq!(missing(&nothing), ["hukou_on", "house_on", "migrant"]);
    assert_eq!(nothing["possible_tiers"], json!(["both", "hukou", "migrant"]));
    // With a hukou only the house is still open: it decides between the first two.
    let half = ask(json!({ "facts": { "hukou_on": "2020-05-01" } }));
    assert_eq!((&half["eligible"], missing(&half)), (&Value::Null, vec!["house_on".to_owned()]));
    assert_eq!(half["possible_tiers"], json!(["both", "hukou"]));
    // A null yes-or-no is no answer; a null date says that there is none.
    let unsaid = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": null } }));
    assert_eq!((&unsaid["eligible"], missing(&unsaid)), (&Value::Null, vec!["migrant".to_owned()]));
    // Nobody knows yet whether the deed is asked for, so it is not missing.
    assert_eq!(half["missing_documents"], json!(["vaccination", "hukou_book"]));
}

#[test]
fn wrong_facts_are_told_all_at_once_each_at_its_place() {
    let server = shared();
    let season = Drafted::at(server, "published");
    let path = format!("{}/precheck", season.path());
    let resident = server.resident();
    let facts = json!({ "hukou_on": "2020-13-01", "native": "yes", "owner_share": 120, "house_owner": "uncle", "income": 7, "seat_taken": false,
        "points": 1.5, "a/b": true });
    let problem = resident.post(&path, json!({ "facts": facts })).refuse(422, "validation_failed");
    let expected = [
        ("/facts/hukou_on", "date_format"),
        ("/facts/native", "wrong_type"),
        ("/facts/owner_share", "out_of_range"),
        ("/facts/house_owner", "unknown_choice"),
        ("/facts/income", "unknown_fact"),
        ("/facts/seat_taken", "derived_fact"),
        ("/facts/points", "wrong_type"),
        ("/facts/a~1b", "unknown_fact"),
    ];
    assert_eq!(faults(&problem), pairs(expected));
    for (body, pointer, code) in [
        (json!({ "facts": [] }), "/facts", "wrong_type"),
        (json!({ "fact": {} }), "/fact", "unknown_field"),
        (json!({ "choices": ["sch_01h455vb4pex5vsknk084sn02q"] }), "/choices/0", "school_not_in_round"),
        (json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q" }), "/home_id", "not_your_home"),
        (json!({ "born_on": "2020-3-4" }), "/born_on", "date_malformed"),
    ] {
        let reply = resident.post(&path, body).send().expect(422);
        assert_eq!(faults(&reply.json), pairs([(pointer, code)]));
    }
    for who in ["enroladmin", "reviewer1"] {
        server.staff(who).post(&path, json!({})).refuse(403, "forbidden");
    }
}

#[test]
fn a_child_outside_the_birth_window_hears_so_before_anything_else() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let ask = |born: &str| {
        let body = json!({ "facts": { "hukou_on": "2020-05-01", "house_on": "2019-01-01" }, "born_on": born });
        server.resident().post(&format!("{}/precheck", season.path()), body).expect(200)
    };
    for born in ["2019-09-01", "2020-08-31"] {
        assert_eq!(ask(born)["eligible"], json!(true), "{born}: both days are part of it");
    }
    for born in ["2019-08-31", "2020-09-01"] {
        let answer = ask(born);
        assert_eq!((&answer["eligible"], &answer["tier"]), (&json!(false), &Value::Null), "{born}");
        assert_eq!((text(&answer["reasons"][0], "rule"), &answer["missing_documents"]), ("birth_window", &json!([])));
    }
}

#[test]
fn a_precheck_stores_nothing_and_is_repeated_word_for_word() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let resident = server.resident();
    let path = format!("{}/precheck", season.path());
    let key = unique("precheck-");
    let first = resident.post(&path, json!({ "facts": { "migrant": true } })).header("Idempotency-Key", &key).send().expect(200);
    let again = resident.post(&path, json!({ "facts": { "migrant": true } })).header("Idempotency-Key", &key).send().expect(200);
    assert_eq!((again.must("idempotency-replayed"), &again.json), ("true", &first.json));
    resident.post(&path, json!({ "facts": { "migrant": false } })).header("Idempotency-Key", &key).refuse(422, "idempotency_mismatch");
    let history = season.admin.get(&format!("{}/events", season.path())).expect(200);
    assert_eq!(items(&history).len(), 3, "created, published, opened: {history}");
    assert_eq!(season.look()["version"], json!(3));
}

#[test]
fn the_pressure_on_seats_is_about_the_schools_that_are_meant() {
    let server = shared();
    let season = Drafted::with(server, json!({}));
    season.step("publish");
    let ask = |body: Value| server.resident().post(&format!("{}/precheck", season.path()), body).expect(200);
    let all = ask(json!({}));
    assert_eq!((text(&all, "seat_pressure"), &all["seats"], &all["registered"]), ("low", &json!(120), &json!(0)));
    assert_eq!(ask(json!({ "choices": [season.schools[0]] }))["seats"], json!(40));
    let none = json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": 0 }, { "school_id": season.schools[1], "seats": 80 }], "reason": "停招" });
    season.admin.post(&format!("{}/seat-plans", season.path()), none).expect(201);
    assert_eq!(text(&ask(json!({ "choices": [season.schools[0]] })), "seat_pressure"), "high", "no seats are too few for anybody");
}

#[test]
fn the_registry_speaks_where_a_family_says_nothing() {
    let server = shared();
    let registry = Registry::new(server);
    let admin = registry.manager.server().staff("admin").hire("enrolment_admin", &registry.id);
    let season = Drafted::in_community(server, admin, &registry.id, json!({}));
    let buildings = registry.manager.get(&registry.at("buildings")).expect(200);
    let building = |name: &str| items(&buildings).iter().find(|b| text(b, "name") == name).expect("a building")["id"].clone();
    let mut body = season_put(&season);
    body["zones"] = json!([{ "school_id": season.schools[0], "building_id": building("1栋") }, { "school_id": season.schools[1], "building_id": building("2栋") }]);
    season.admin.put(&season.path(), body).header("If-Match", "*").expect(200);
    season.step("publish");

    let home = registry.home("1栋", "101");
    let fact = |kind: &str, from: &str| json!({ "home_id": home, "kind": kind, "from": from });
    let mother = id_number("19900101", 401);
    let parent = registry.person("样母", &mother, json!([fact("owner", "2018-05-01"), fact("hukou", "2018-06-01")]));
    registry.person("样儿", &id_number("20200304", 402), json!([fact("hukou", "2020-04-01")]));
    let resident = server.resident();
    let path = format!("{}/precheck", season.path());
    assert_eq!(resident.post(&path, json!({})).expect(200)["from_registry"], json!({}), "not bound to anything yet");
    let binding = resident.post("/home-bindings", json!({ "home_id": home, "relation": "owner" })).expect(201);
    resident.post(&path, json!({ "home_id": home })).refuse(422, "validation_failed");
    let approve = json!({ "person_id": parent["id"] });
    registry.manager.post(&format!("/home-bindings/{}/approve", text(&binding, "id")), approve).expect(200);

    let known = resident.post(&path, json!({ "home_id": home })).expect(200);
    assert_eq!((text(&known, "tier"), &known["zone_schools"]), ("both", &json!([season.schools[0]])), "{known}");
    let told = &known["from_registry"];
    assert_eq!(
        (&told["hukou_on"], &told["house_on"], &told["born_on"]),
        (&json!("2020-04-01"), &json!("2018-05-01"), &json!("2020-03-04"))
    );
    assert_eq!((&told["house_in_zone"], &told["same_address"], told.get("migrant")), (&json!(true), &json!(true), None));
    assert_eq!(known["seats"], json!(40), "the zone's school is the one that is meant");
    // What the family says itself counts before what the registry says.
    let said = resident.post(&path, json!({ "facts": { "house_on": null } })).expect(200);
    assert_eq!((text(&said, "tier"), said["from_registry"].get("house_on")), ("hukou", None));
    // Another child is meant: nothing is said of this one.
    let other = resident.post(&path, json!({ "born_on": "2020-01-01" })).expect(200);
    assert_eq!(other["from_registry"].get("hukou_on"), None);
    // A neighbour learns nothing of any of it.
    let stranger = server.resident();
    stranger.post(&path, json!({ "home_id": home })).refuse(422, "validation_failed");
    assert_eq!(stranger.post(&path, json!({})).expect(200)["from_registry"], json!({}));
}

#[test]
fn the_demo_has_a_round_that_is_open_and_answers() {
    let server = shared();
    let list = server.resident().get(&format!("/enrolment-rounds?community_id={}&state=open&limit=100", server.community())).expect(200);
    let demo = items(&list).iter().find(|round| text(round, "title").starts_with("东涂社区")).expect("the demo's round");
    let round = server.resident().get(&format!("/enrolment-rounds/{}", text(demo, "id"))).expect(200);
    assert_eq!((round["seat_plans"].as_array().map(Vec::len), round["zones"].as_array().map(Vec::len)), (Some(2), Some(6)));
    let facts = json!({ "hukou_on": "2020-05-01" });
    let answer = server.resident().post(&format!("/enrolment-rounds/{}/precheck", text(demo, "id")), json!({ "facts": facts })).expect(200);
    assert_eq!((text(&answer, "tier"), text(&answer, "seat_pressure")), ("before", "low"));
}
