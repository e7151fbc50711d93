//! Who may volunteer: what the registry knows of people, guardians who answer for minors, delegates who act for others; and
//! what everybody else is told.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiazai_tests::{Client, Options, Registry, Resident, Server, Value, Volunteering, at_once, id_number, instant, json, shared};

const DAY: i64 = 86_400;

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

fn actions(thing: &Value) -> Vec<&str> {
    thing["allowed_actions"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn codes(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

/// The first of January, so many years ago.
fn born(server: &Server, years: i32) -> String {
    let year: i32 = instant(server, 0)[..4].parse().expect("a year");
    format!("{}0101", year - years)
}

/// A community with homes, and somebody who leads volunteers in it.
struct Place<'s> {
    registry: Registry<'s>,
}

/// Somebody whom the registry knows, with the account that is theirs.
struct Known<'s> {
    who: Resident<'s>,
    person: String,
}

impl<'s> Place<'s> {
    fn new(server: &'s Server) -> Self {
        Self { registry: Registry::new(server) }
    }

    /// Somebody born that day who lives in a home of building 1 or 2.
    #[track_caller]
    fn known(&self, (building, number): (&str, &str), relation: &str, born_on: &str) -> Known<'s> {
        static NEXT: AtomicUsize = AtomicUsize::new(200_000);
        let home = self.registry.home(building, number);
        let facts = json!([{ "home_id": home, "kind": "residence", "from": "2024-01-01" }]);
        let id_number = id_number(born_on, NEXT.fetch_add(2, Ordering::Relaxed));
        let person = self.registry.person("赵样本", &id_number, facts);
        let who = self.registry.server.resident();
        let binding = who.post("/home-bindings", json!({ "home_id": home, "relation": relation })).expect(201);
        let approve = format!("/home-bindings/{}/approve", text(&binding, "id"));
        self.registry.manager.post(&approve, json!({ "person_id": person["id"] })).expect(200);
        Known { who, person: text(&person, "id").to_owned() }
    }

    #[track_caller]
    fn activity(&self, other: Value) -> Volunteering<'s> {
        let leader = self.registry.manager.hire("volunteer_leader", &self.registry.id);
        Volunteering::led_by(self.registry.server, leader, &self.registry.id, other)
    }

    fn estate(&self) -> String {
        text(&items(&self.registry.manager.get(&self.registry.at("estates")).expect(200))[0], "id").to_owned()
    }
}

fn ask(who: &impl Client, shift: &str) -> jiazai_tests::Reply {
    who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send()
}

#[track_caller]
fn refused(who: &impl Client, shift: &str, why: &str) {
    let reply = ask(who, shift).expect(403);
    assert_eq!((text(&reply.json, "code"), text(&reply.json, "detail")), ("not_eligible", why));
}

// ---- what the registry knows ------------------------------------------------------------------------------------------

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
        codes(&problem),
        [("/eligibility/estates/0", "unknown_estate"), ("/eligibility/tags/1", "unknown_tag"), ("/eligibility/tags/2", "unknown_tag")]
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

// ---- guardians --------------------------------------------------------------------------------------------------------

#[test]
fn a_minor_signs_up_with_a_guardians_word_and_it_goes_when_that_goes() {
    let place = Place::new(shared());
    let (parent, child) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "101"), "family", &born(shared(), 14)));
    let (grown_up, lodger) =
        (place.known(("1栋", "101"), "family", &born(shared(), 20)), place.known(("1栋", "101"), "carer", &born(shared(), 50)));
    let neighbour = place.known(("1栋", "102"), "owner", &born(shared(), 40));
    let activity = place.activity(json!({}));
    let (shift, line) = (activity.shift(2 * DAY, 2, 0), activity.shift(4 * DAY, 1, 3));
    let problem = ask(&child.who, &shift).expect(422).json;
    assert_eq!(codes(&problem), [("/consent", "consent_required")]);
    let path = format!("{}/consents", activity.path());
    let word = |of: &Known| json!({ "resident_id": of.who.id(), "text_version": "2026-01" });
    for stranger in [&neighbour, &lodger, &child] {
        let problem = stranger.who.post(&path, word(&child)).refuse(422, "validation_failed");
        assert_eq!(codes(&problem), [("/resident_id", "not_their_guardian")]);
    }
    let problem = parent.who.post(&path, word(&grown_up)).refuse(422, "validation_failed");
    assert_eq!(codes(&problem), [("/resident_id", "not_a_minor")]);
    activity.leader.post(&path, word(&child)).refuse(403, "forbidden");
    assert_eq!(activity.look(&shift)["taken"], 0);

    let given = parent.who.post(&path, word(&child)).expect(201);
    parent.who.post(&path, word(&child)).refuse(409, "duplicate");
    let own = format!("/guardian-consents/{}", text(&given, "id"));
    let seen = child.who.get(&own).expect(200);
    assert_eq!(
        (&seen["agreed_at"], text(&seen, "state"), actions(&seen)),
        (&given["agreed_at"], "given", vec![]),
        "it is not theirs to withdraw"
    );
    assert_eq!(items(&child.who.get("/me/guardian-consents").expect(200)), std::slice::from_ref(&seen));
    neighbour.who.get(&own).refuse(404, "not_found");
    // It is for this activity and no other.
    let other = place.activity(json!({}));
    ask(&child.who, &other.shift(6 * DAY, 1, 0)).expect(422);

    let confirmed = ask(&child.who, &shift).expect(201).json;
    activity.sign_up(&neighbour.who, &line);
    let waiting = ask(&child.who, &line).expect(201).json;
    let behind = activity.sign_up(&parent.who, &line);
    assert_eq!((text(&waiting, "state"), &behind["position"]), ("waitlisted", &json!(2)));
    child.who.post(&format!("{own}/withdraw"), json!({})).refuse(403, "forbidden");
    parent.who.post(&format!("{own}/withdraw"), json!({})).header("If-Match", "\"9\"").refuse(412, "precondition_failed");
    let gone = parent.who.post(&format!("{own}/withdraw"), json!({})).expect(200);
    assert!(gone["withdrawn_at"].is_string());
    for claim in [&confirmed, &waiting] {
        assert_eq!(text(&child.who.get(&format!("/sign-ups/{}", text(claim, "id"))).expect(200), "state"), "cancelled");
    }
    assert_eq!(activity.look(&shift)["taken"], 0);
    assert_eq!(parent.who.get(&format!("/sign-ups/{}", text(&behind, "id"))).expect(200)["position"], 1);
    let again = parent.who.post(&format!("{own}/withdraw"), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&again, "state"), actions(&again)), ("withdrawn", vec![]));
    ask(&child.who, &shift).expect(422);
}

#[test]
fn a_withdrawal_and_a_sign_up_at_once_leave_no_minor_without_consent() {
    let place = Place::new(shared());
    let (parent, child) =
        (place.known(("1栋", "101"), "owner", &born(shared(), 40)), place.known(("1栋", "101"), "family", &born(shared(), 14)));
    for day in 2..6 {
        let activity = place.activity(json!({}));
        let shift = activity.shift(day * DAY, 5, 0);
        let word = json!({ "resident_id": child.who.id(), "text_version": "2026-01" });
        let given = parent.who.post(&format!("{}/consents", activity.path()), word).expect(201);
        let withdraw = format!("/guardian-consents/{}/withdraw", text(&given, "id"));
        let replies = at_once(2, |n| if n == 0 { ask(&child.who, &shift) } else { parent.who.post(&withdraw, json!({})).send() });
        assert!(matches!(replies[0].status, 201 | 422), "{}", replies[0].describe());
        assert_eq!(replies[1].status, 200, "{}", replies[1].describe());
        assert_eq!(activity.look(&shift)["taken"], 0);
    }
}

// ---- delegates --------------------------------------------------------------------------------------------------------

#[test]
fn a_delegate_signs_somebody_up_and_nobody_else_does() {
    let activity = Volunteering::new(shared());
    let shift = activity.shift(2 * DAY, 1, 2);
    let (elder, child, stranger) = (shared().resident(), shared().resident(), shared().resident());
    let grant = |scopes: Value, community: &str| {
        let body = json!({ "community_id": community, "delegate_id": child.id(), "scopes": scopes, "expires_at": instant(shared(), DAY) });
        elder.post("/delegations", body).expect(201)
    };
    let path = format!("/shifts/{shift}/sign-ups");
    let by = |delegation: &Value| json!({ "delegation_id": delegation["id"] });
    // Naming somebody is not acting for them.
    let problem = child.post(&path, json!({ "resident_id": elder.id() })).refuse(422, "unknown_field");
    assert_eq!(codes(&problem), [("/resident_id", "unknown_field")]);
    let repair = grant(json!(["repair"]), shared().community());
    child.post(&path, by(&repair)).refuse(403, "forbidden");
    let elsewhere = grant(json!(["volunteer"]), shared().other_community());
    let problem = child.post(&path, by(&elsewhere)).refuse(422, "validation_failed");
    assert_eq!(codes(&problem), [("/delegation_id", "unknown_delegation")]);
    let given = grant(json!(["volunteer"]), shared().community());
    let problem = stranger.post(&path, by(&given)).refuse(422, "validation_failed");
    assert_eq!(codes(&problem), [("/delegation_id", "unknown_delegation")]);
    assert_eq!(activity.look(&shift)["taken"], 0);

    let claim = child.post(&path, by(&given)).expect(201);
    assert_eq!((text(&claim, "resident_id"), text(&claim, "state")), (elder.id().as_str(), "confirmed"));
    let own = format!("/sign-ups/{}", text(&claim, "id"));
    // What asks somebody to be there is not theirs to do.
    assert_eq!((actions(&child.get(&own).expect(200)), actions(&elder.get(&own).expect(200))), (vec!["cancel"], vec!["cancel", "swap"]));
    child.post(&format!("{own}/check-in"), json!({ "code": "00000000" })).refuse(403, "forbidden");
    stranger.get(&own).refuse(404, "not_found");
    stranger.post(&format!("{own}/cancel"), json!({})).refuse(404, "not_found");
    child.post(&path, by(&given)).refuse(409, "already_signed_up");
    child.post(&path, json!({})).expect(201);

    let history = activity.leader.get(&format!("{own}/events")).expect(200);
    let first = &items(&history)[0];
    assert_eq!(
        (text(first, "actor_id"), text(&first["data"], "on_behalf_of"), &first["data"]["delegation_id"]),
        (child.id().as_str(), elder.id().as_str(), &given["id"])
    );
    let cancelled = child.post(&format!("{own}/cancel"), json!({ "reason": "老人身体不适" })).expect(200);
    assert_eq!(text(&cancelled, "state"), "cancelled");
    elder.post(&format!("/delegations/{}/revoke", text(&given, "id")), json!({})).expect(200);
    child.get(&own).refuse(404, "not_found");
    child.post(&path, by(&given)).refuse(403, "forbidden");
}

#[test]
fn a_delegate_takes_an_offer_for_somebody() {
    let activity = Volunteering::new(shared());
    let shift = activity.shift(2 * DAY, 1, 2);
    let (first, elder, child) = (shared().resident(), shared().resident(), shared().resident());
    let body = json!({
        "community_id": shared().community(), "delegate_id": child.id(), "scopes": ["volunteer"], "expires_at": instant(shared(), DAY),
    });
    let given = elder.post("/delegations", body).expect(201);
    let taken = activity.sign_up(&first, &shift);
    let waiting = child.post(&format!("/shifts/{shift}/sign-ups"), json!({ "delegation_id": given["id"] })).expect(201);
    let own = format!("/sign-ups/{}", text(&waiting, "id"));
    first.post(&format!("/sign-ups/{}/cancel", text(&taken, "id")), json!({})).expect(200);
    assert_eq!(actions(&child.get(&own).expect(200)), ["accept-offer", "cancel"]);
    assert_eq!(text(&child.post(&format!("{own}/accept-offer"), json!({})).expect(200), "state"), "confirmed");
    assert_eq!(text(&elder.get(&own).expect(200), "state"), "confirmed");
}

#[test]
fn a_delegation_for_somebody_without_an_account_signs_nobody_up() {
    let place = Place::new(shared());
    let person = place.registry.person("钱样本", &id_number("19400101", 990_001), json!([]));
    let child = shared().resident();
    let body = json!({
        "community_id": place.registry.id, "person_id": person["id"], "delegate_id": child.id(), "scopes": ["volunteer"],
        "expires_at": instant(shared(), DAY),
    });
    let given = place.registry.manager.post("/delegations", body).expect(201);
    let activity = place.activity(json!({}));
    let shift = activity.shift(2 * DAY, 1, 0);
    let problem =
        child.post(&format!("/shifts/{shift}/sign-ups"), json!({ "delegation_id": given["id"] })).refuse(422, "validation_failed");
    assert_eq!(codes(&problem), [("/delegation_id", "no_account")]);
    assert_eq!(activity.look(&shift)["taken"], 0);
}

// ---- bad input --------------------------------------------------------------------------------------------------------

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
        assert_eq!(codes(&problem)[0].0, pointer, "{what}: {problem}");
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

// ---- homes and guardians that are none any more -----------------------------------------------------------------------

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
    assert_eq!((codes(&problem), text(&problem, "state")), (vec![("/consent", "consent_required")], "scheduled"));
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
