//! Rounds: rules, calendars, seat plans and zones.

use jiazai_tests::{Client, Drafted, Value, at_once, faults, items, json, pairs, shared, text, unique};

use super::season_put;

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
