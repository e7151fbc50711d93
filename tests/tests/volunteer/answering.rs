//! Those who answer for others: guardians of minors, and delegates who act for somebody.

use jiazai_tests::{Client, Value, Volunteering, actions, at_once, faults, id_number, instant, items, json, pairs, shared, text};

use super::{DAY, Known, Place, ask, born};

// ---- guardians -----------------------------------------------------------------------------------------------------

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
    assert_eq!(faults(&problem), pairs([("/consent", "consent_required")]));
    let path = format!("{}/consents", activity.path());
    let word = |of: &Known| json!({ "resident_id": of.who.id(), "text_version": "2026-01" });
    for stranger in [&neighbour, &lodger, &child] {
        let problem = stranger.who.post(&path, word(&child)).refuse(422, "validation_failed");
        assert_eq!(faults(&problem), pairs([("/resident_id", "not_their_guardian")]));
    }
    let problem = parent.who.post(&path, word(&grown_up)).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/resident_id", "not_a_minor")]));
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

// ---- delegates -----------------------------------------------------------------------------------------------------

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
    assert_eq!(faults(&problem), pairs([("/resident_id", "unknown_field")]));
    let repair = grant(json!(["repair"]), shared().community());
    child.post(&path, by(&repair)).refuse(403, "forbidden");
    let elsewhere = grant(json!(["volunteer"]), shared().other_community());
    let problem = child.post(&path, by(&elsewhere)).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/delegation_id", "unknown_delegation")]));
    let given = grant(json!(["volunteer"]), shared().community());
    let problem = stranger.post(&path, by(&given)).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/delegation_id", "unknown_delegation")]));
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
    assert_eq!(faults(&problem), pairs([("/delegation_id", "no_account")]));
    assert_eq!(activity.look(&shift)["taken"], 0);
}
