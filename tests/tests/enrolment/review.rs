//! The reviewers and what they decide; and every state with every action.

use jiazai_tests::season::{Season, act, now, why};
use jiazai_tests::{Client, at_once, faults, items, json, shared, text, words};

use super::path;

// ---- review --------------------------------------------------------------------------------------------------------

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
    assert_eq!(faults(&problem)[0].0, "/reason");
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
