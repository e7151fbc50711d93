//! Who may volunteer: what the registry knows of people; and what everybody else is told.

use jiazai_tests::{
    Client, Options, Resident, Server, Value, Volunteering, actions, at_once, faults, id_number, instant, items, json, pairs, shared, text,
};

use super::{DAY, Known, Place, ask, born, refused};

// ---- what the registry knows ---------------------------------------------------------------------------------------

#[test]
fn an_age_band_is_kept_by_what_the_registry_knows() {
    let place = Place::new(shared());
    let (adult, elder) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "102"), "owner", &born(shared(), 70)));
    let band = place.activity(json!({ "eligibility": { "min_age": 30, "max_age": 60 } }));
    let shift = band.shift(2 * DAY, 5, 0);
    ask(&adult.who, &shift).expect(201);
    refused(&elder.who, &shift, "超过最大年龄");
    refused(&shared().resident(), &shift, "尚未登记出生日期");
    let elders = place.activity(json!({ "eligibility": { "min_age": 65 } }));
    let shift = elders.shift(4 * DAY, 5, 0);
    ask(&elder.who, &shift).expect(201);
    refused(&adult.who, &shift, "未达到最小年龄");
}

#[test]
fn a_home_in_the_estate_lets_in_and_moving_out_keeps_out() {
    let place = Place::new(shared());
    let own = json!({ "eligibility": { "estates": [place.estate()] } });
    let neighbour = place.known(("1栋", "101"), "owner", &born(shared(), 40));
    let (first, second) = (place.activity(own.clone()).shift(2 * DAY, 5, 0), place.activity(own).shift(4 * DAY, 5, 0));
    ask(&neighbour.who, &first).expect(201);
    refused(&shared().resident(), &first, "不是指定小区的居民");
    // The residence ends and so does the binding.
    let manager = &place.registry.manager;
    let person = manager.get(&format!("/people/{}", neighbour.person)).expect(200);
    let yesterday = &instant(shared(), -DAY + 8 * 3600)[..10];
    manager.post(&format!("/household-facts/{}/end", text(&person["facts"][0], "id")), json!({ "until": yesterday })).expect(200);
    let binding = items(&neighbour.who.get("/me/home-bindings").expect(200))[0].clone();
    neighbour.who.post(&format!("/home-bindings/{}/end", text(&binding, "id")), json!({})).expect(200);
    refused(&neighbour.who, &second, "不是指定小区的居民");
}

#[test]
fn a_tag_lets_in_while_it_holds_and_only_those_who_may_see_it_may_ask_for_it() {
    let place = Place::new(shared());
    let manager = &place.registry.manager;
    let dictionary = place.registry.at("tags");
    let tag = |code: &str, name: &str, visible: Value| {
        let body = json!({ "code": code, "name": name, "legal_basis": "《志愿服务条例》", "visible_to": visible });
        manager.post(&dictionary, body).expect(201)
    };
    tag("party_member", "党员", json!(["grid_worker", "volunteer_leader"]));
    tag("low_income", "低保对象", json!(["grid_worker"]));
    let (member, other) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "102"), "owner", &born(shared(), 40)));
    let given = manager.post(&format!("/people/{}/tags", member.person), json!({ "tag": "party_member" })).expect(201);
    let activity = place.activity(json!({ "eligibility": { "tags": ["party_member"] } }));
    let (first, second) = (activity.shift(2 * DAY, 5, 0), activity.shift(4 * DAY, 5, 0));
    ask(&member.who, &first).expect(201);
    refused(&other.who, &first, "不属于指定人群");
    let id = given["id"].as_str().or_else(|| given["tags"][0]["id"].as_str()).unwrap_or_else(|| panic!("no tag in {given}")).to_owned();
    manager.post(&format!("/person-tags/{id}/remove"), json!({ "reason": "已转出" })).expect(200);
    refused(&member.who, &second, "不属于指定人群");
    // A roster tells who is on it: whoever must not know of the tag cannot ask for it.
    let mut draft = Volunteering::draft(shared());
    draft["community_id"] = json!(place.registry.id);
    draft["eligibility"] = json!({ "tags": ["party_member", "low_income", "nonsense"], "estates": ["est_01h455vb4pex5vsknk084sn02q"] });
    let problem = activity.leader.post("/volunteer-activities", draft.clone()).refuse(422, "validation_failed");
    assert_eq!(
        faults(&problem),
        pairs([
            ("/eligibility/estates/0", "unknown_estate"),
            ("/eligibility/tags/1", "unknown_tag"),
            ("/eligibility/tags/2", "unknown_tag")
        ])
    );
    draft["eligibility"] = json!({ "tags": ["low_income"] });
    manager.post("/volunteer-activities", draft).expect(201);
}

#[test]
fn a_household_has_no_more_places_than_it_may_even_at_once() {
    let place = Place::new(shared());
    let family: Vec<Known> = (0..4).map(|_| place.known(("1栋", "101"), "family", &born(shared(), 40))).collect();
    let neighbour = place.known(("1栋", "102"), "owner", &born(shared(), 40));
    let activity = place.activity(json!({ "per_household": 2 }));
    let shift = activity.shift(2 * DAY, 10, 5);
    family.iter().for_each(|one| drop(one.who.id()));
    let replies = at_once(4, |n| ask(&family[n].who, &shift));
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 2, "{:?}", replies.iter().map(|r| r.describe()).collect::<Vec<_>>());
    assert!(replies.iter().all(|r| r.status == 201 || r.json["code"] == "household_limit"));
    assert_eq!(activity.look(&shift)["taken"], 2, "who was refused holds nothing");
    ask(&neighbour.who, &shift).expect(201);
}

#[test]
fn a_swap_gives_no_household_more_than_it_may_have() {
    let place = Place::new(shared());
    let family: Vec<Known> = (0..2).map(|_| place.known(("1栋", "101"), "family", &born(shared(), 40))).collect();
    let neighbour = place.known(("1栋", "102"), "owner", &born(shared(), 40));
    let activity = place.activity(json!({ "per_household": 1 }));
    let (one, two) = (activity.shift(2 * DAY, 3, 0), activity.shift(4 * DAY, 3, 0));
    let own = activity.sign_up(&family[0].who, &one);
    let theirs = activity.sign_up(&family[1].who, &two);
    let other = activity.sign_up(&neighbour.who, &one);
    let swap = family[1].who.post(&format!("/sign-ups/{}/swap", text(&theirs, "id")), json!({ "with": other["id"] })).expect(201);
    let agree = format!("/swaps/{}/agree", text(&swap, "id"));
    neighbour.who.post(&agree, json!({})).refuse(409, "household_limit");
    family[0].who.post(&format!("/sign-ups/{}/cancel", text(&own, "id")), json!({})).expect(200);
    neighbour.who.post(&agree, json!({})).expect(200);
}

#[test]
fn a_certificate_bears_the_registered_name() {
    let server = Server::start(Options::default());
    let place = Place::new(&server);
    let known = place.known(("1栋", "101"), "owner", &born(&server, 40));
    known.who.put("/me", json!({ "nickname": "江上清风" })).expect(200);
    place.activity(json!({})).serve(&known.who);
    assert_eq!(text(&known.who.post("/me/certificates", json!({})).expect(201), "name_masked"), "赵*本");
}

// ---- bad input -----------------------------------------------------------------------------------------------------

/// Everything of these that a refused request could have changed.
fn snapshot(activity: &Volunteering, shifts: &[&str], people: &[&Resident]) -> Value {
    let shifts: Vec<Value> = shifts.iter().map(|shift| activity.look(shift)).collect();
    let person = |who: &&Resident| {
        json!([
            who.get("/me/sign-ups?limit=100").expect(200),
            who.get("/me/points").expect(200),
            who.get("/me/points/entries").expect(200),
            who.get("/me/volunteer-hours").expect(200),
            who.get("/me/swaps").expect(200),
        ])
    };
    json!([shifts, people.iter().map(person).collect::<Vec<_>>()])
}

#[test]
fn bad_input_is_told_apart_with_state_and_actions_and_changes_nothing() {
    let server = Server::start(Options::default());
    let activity = Volunteering::new(&server);
    let manager = server.staff("manager");
    let (one, two) = (server.resident(), server.resident());
    let shift = activity.shift(DAY, 1, 3);
    let clashing = activity.shift(DAY + 3600, 5, 0);
    let mut draft = activity.shift_draft(3 * DAY, 5, 0);
    draft["sign_up_opens_at"] = json!(instant(&server, 2 * DAY));
    let unopened = text(&activity.leader.post(&format!("{}/shifts", activity.path()), draft).expect(201), "id").to_owned();
    let foreign = activity.shift(DAY - 600, 5, 0);
    let own = activity.sign_up(&one, &shift);
    let waiting = activity.sign_up(&two, &shift);
    let grant = manager.post("/points/grants", json!({ "resident_id": one.id(), "points": 9, "reason": "好人好事" })).expect(201);
    let reversal = json!({ "entry_id": grant["id"], "reason": "重复发放" });
    manager.post("/points/reversals", reversal.clone()).expect(201);
    let (shifts, people) = ([shift.as_str(), &clashing, &unopened, &foreign], [&one, &two]);
    let act = |claim: &Value, action: &str| format!("/sign-ups/{}/{action}", text(claim, "id"));
    let sign_up = |shift: &str| format!("/shifts/{shift}/sign-ups");
    let unchanged = |what: &str, refuse: &dyn Fn() -> Value| {
        let before = snapshot(&activity, &shifts, &people);
        let problem = refuse();
        assert_eq!(snapshot(&activity, &shifts, &people), before, "{what}");
        problem
    };
    let conflict = |what: &str, code: &str, state: &str, allowed: &[&str], refuse: &dyn Fn() -> jiazai_tests::Reply| {
        let problem = unchanged(what, &|| refuse().expect(409).json);
        assert_eq!((text(&problem, "code"), text(&problem, "state"), actions(&problem)), (code, state, allowed.to_vec()), "{what}");
    };
    let invalid = |what: &str, pointer: &str, refuse: &dyn Fn() -> jiazai_tests::Reply| {
        let problem = unchanged(what, &|| refuse().expect(422).json);
        assert_eq!(text(&problem["errors"][0], "pointer"), pointer, "{what}: {problem}");
        // Points belong to nothing that has a state; and a number that cannot be one is refused before anything is looked up.
        let stateless = pointer == "/points" || pointer == "/minutes";
        assert!(stateless || problem["state"].is_string() && problem["allowed_actions"].is_array(), "{what}: {problem}");
    };

    conflict("twice", "already_signed_up", "scheduled", &[], &|| one.post(&sign_up(&shift), json!({})).send());
    conflict("clashing", "time_conflict", "scheduled", &[], &|| one.post(&sign_up(&clashing), json!({})).send());
    conflict("before opening", "not_open", "scheduled", &[], &|| one.post(&sign_up(&unopened), json!({})).send());
    invalid("for somebody else", "/delegation_id", &|| {
        one.post(&sign_up(&clashing), json!({ "delegation_id": "dlg_01h455vb4pex5vsknk084sn02q" })).send()
    });
    conflict("not offered", "state_conflict", "waitlisted", &["cancel"], &|| two.post(&act(&waiting, "accept-offer"), json!({})).send());
    for points in [json!(-1), json!(0), json!(1_000_001), json!(i64::MAX), json!(1e30), json!("9")] {
        let body = json!({ "resident_id": one.id(), "points": points, "reason": "好人好事" });
        invalid("points", "/points", &|| manager.post("/points/grants", body.clone()).send());
    }
    conflict("reversing twice", "already_reversed", "reversed", &[], &|| manager.post("/points/reversals", reversal.clone()).send());

    // An offer that nobody took in time.
    one.post(&act(&own, "cancel"), json!({})).expect(200);
    server.sim().advance(2 * 3600 + 1);
    activity.look(&shift);
    conflict("expired", "offer_expired", "expired", &[], &|| two.post(&act(&waiting, "accept-offer"), json!({})).send());

    // The day itself.
    let again = activity.sign_up(&two, &shift);
    server.sim().advance(DAY as u64 - 2 * 3600 - 20 * 60);
    invalid("a foreign code", "/code", &|| two.post(&act(&again, "check-in"), json!({ "code": activity.code(&foreign) })).send());
    conflict("checking out first", "state_conflict", "confirmed", &["check-in"], &|| {
        two.post(&act(&again, "check-out"), json!({ "code": activity.code(&shift) })).send()
    });
    let stale = activity.code(&shift);
    server.sim().advance(60);
    invalid("a stale code", "/code", &|| two.post(&act(&again, "check-in"), json!({ "code": stale })).send());
    invalid("negative minutes", "/minutes", &|| {
        activity.leader.post(&act(&again, "settle"), json!({ "minutes": -1, "reason": "?" })).send()
    });
    server.sim().advance(4 * 3600);
    conflict("after the end", "not_open", "scheduled", &[], &|| one.post(&sign_up(&shift), json!({})).send());
    conflict("a second check-in", "state_conflict", "confirmed", &[], &|| {
        two.post(&act(&again, "check-in"), json!({ "code": activity.code(&shift) })).send()
    });
}

// ---- homes and guardians that are none any more --------------------------------------------------------------------

#[test]
fn who_looks_after_somebody_there_does_not_live_there() {
    let place = Place::new(shared());
    let family = place.known(("1栋", "101"), "family", &born(shared(), 40));
    // A carer without a residence of their own in the registry.
    let carer = shared().resident();
    let home = place.registry.home("1栋", "101");
    let person = place.registry.person("孙样本", &id_number(&born(shared(), 50), 880_001), json!([]));
    let binding = carer.post("/home-bindings", json!({ "home_id": home, "relation": "carer" })).expect(201);
    let approve = format!("/home-bindings/{}/approve", text(&binding, "id"));
    place.registry.manager.post(&approve, json!({ "person_id": person["id"] })).expect(200);
    let estate = place.activity(json!({ "eligibility": { "estates": [place.estate()] } })).shift(2 * DAY, 5, 0);
    refused(&carer, &estate, "不是指定小区的居民");
    let limited = place.activity(json!({ "per_household": 1, "without_household": true }));
    let shift = limited.shift(4 * DAY, 5, 0);
    ask(&carer, &shift).expect(201);
    ask(&family.who, &shift).expect(201);
}

#[test]
fn where_households_are_limited_nobody_comes_whose_household_is_unknown_unless_it_says_so() {
    let place = Place::new(shared());
    let stranger = shared().resident();
    let strict = place.activity(json!({ "per_household": 1 }));
    let problem = ask(&stranger, &strict.shift(2 * DAY, 5, 0)).expect(403).json;
    assert_eq!((text(&problem, "code"), text(&problem, "state")), ("household_unknown", "scheduled"));
    let open = place.activity(json!({ "per_household": 1, "without_household": true }));
    assert_eq!(open.leader.get(&open.path()).expect(200)["without_household"], true);
    ask(&stranger, &open.shift(4 * DAY, 5, 0)).expect(201);
}

#[test]
fn a_guardian_who_moved_out_answers_for_nobody_any_more() {
    let place = Place::new(shared());
    let (parent, child) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "101"), "family", &born(shared(), 14)));
    let activity = place.activity(json!({}));
    let word = json!({ "resident_id": child.who.id(), "text_version": "2026-01" });
    let given = parent.who.post(&format!("{}/consents", activity.path()), word).expect(201);
    assert_eq!((text(&given, "state"), actions(&given)), ("given", vec!["withdraw"]));
    ask(&child.who, &activity.shift(2 * DAY, 5, 0)).expect(201);
    let binding = items(&parent.who.get("/me/home-bindings").expect(200))[0].clone();
    parent.who.post(&format!("/home-bindings/{}/end", text(&binding, "id")), json!({})).expect(200);
    let problem = ask(&child.who, &activity.shift(4 * DAY, 5, 0)).expect(422).json;
    assert_eq!((faults(&problem), text(&problem, "state")), (pairs([("/consent", "consent_required")]), "scheduled"));
}

#[test]
fn with_a_guardians_account_goes_their_word_and_what_hung_on_it() {
    let place = Place::new(shared());
    let (parent, child) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "101"), "family", &born(shared(), 14)));
    let activity = place.activity(json!({}));
    let shift = activity.shift(2 * DAY, 5, 0);
    let word = json!({ "resident_id": child.who.id(), "text_version": "2026-01" });
    let given = parent.who.post(&format!("{}/consents", activity.path()), word).expect(201);
    let claim = ask(&child.who, &shift).expect(201).json;
    parent.who.delete("/me").expect(200);
    let gone = child.who.get(&format!("/guardian-consents/{}", text(&given, "id"))).expect(200);
    assert_eq!((text(&gone, "state"), actions(&gone)), ("withdrawn", vec![]));
    assert_eq!(text(&child.who.get(&format!("/sign-ups/{}", text(&claim, "id"))).expect(200), "state"), "cancelled");
    assert_eq!(activity.look(&shift)["taken"], 0);
    ask(&child.who, &shift).expect(422);
}
