//! Pictures wait for their verdict.

use jiazai_tests::{Client, Options, PICTURE, Repair, Server, Value, eventually, json, shared, string, text};

use super::{PATIENCE_S, held, path};

/// A report with a picture, given to the worker; the ticket and the picture's id.
#[track_caller]
fn report_with_picture(repair: &Repair) -> (Value, String) {
    let file = string(&repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201), "id");
    let mut draft = repair.draft();
    draft["photos"] = json!([file]);
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    repair.do_rightly(&ticket, "assign");
    (ticket, file)
}

#[track_caller]
fn waits_for(repair: &Repair, ticket: &Value, cause: &str) -> Value {
    eventually(cause, PATIENCE_S, || held(repair, ticket).into_iter().find(|review| review["cause"] == cause))
}

#[test]
fn pictures_wait_for_their_verdict_and_what_is_risky_is_held() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let (ticket, file) = report_with_picture(&repair);
    eventually("the picture passes", PATIENCE_S, || {
        let seen = repair.worker.get(&path(&ticket)).expect(200);
        Some(seen).filter(|seen| seen["photos"] == json!([file]) && seen["held_back"] == json!([]))
    });
    assert_eq!(repair.worker.get(&format!("/files/{file}")).send().status, 200);

    server.sim().tell("/_sim/media-verdicts", &json!({ "suggest": "risky", "label": 20002 }));
    let (ticket, file) = report_with_picture(&repair);
    let review = waits_for(&repair, &ticket, "risky");
    assert_eq!((&review["part"], &review["file_id"], &review["label"]), (&json!("photo"), &json!(file), &json!(20002)));
    let seen = repair.worker.get(&path(&ticket)).expect(200);
    assert_eq!((&seen["photos"], &seen["held_back"]), (&json!([]), &json!(["photo"])));
    repair.worker.get(&format!("/files/{file}")).refuse(404, "not_found");
    for who in [&repair.reporter as &dyn Client, &repair.dispatcher] {
        assert_eq!(who.get(&format!("/files/{file}")).send().status, 200);
    }
    repair.dispatcher.post(&format!("/content-reviews/{}/approve", text(&review, "id")), json!({})).expect(200);
    assert_eq!(repair.worker.get(&format!("/files/{file}")).send().status, 200);
}

#[test]
fn a_picture_whose_verdict_never_comes_is_held_after_half_an_hour() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    server.sim().fault("push", json!({ "kind": "drop" }));
    let (ticket, _) = report_with_picture(&repair);
    eventually("the platform is asked", PATIENCE_S, || server.sim().requests("media_check_async").into_iter().next());
    eventually("its verdict is lost", PATIENCE_S, || {
        server.sim().ask("/_sim/pushes")["items"].as_array().unwrap().iter().find(|p| p["outcome"] == "lost").cloned()
    });
    assert_eq!(repair.worker.get(&path(&ticket)).expect(200)["photos"], json!([]));
    server.sim().advance(36 * 60);
    waits_for(&repair, &ticket, "no_verdict");
}

#[test]
fn a_picture_that_the_platform_will_not_take_is_tried_again_and_then_held() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    server.sim().fault("media_check_async", json!({ "kind": "errcode", "value": -1 }));
    let (ticket, _) = report_with_picture(&repair);
    for tries in 1..=5 {
        eventually("another try", PATIENCE_S, || Some(server.sim().requests("media_check_async").len()).filter(|asked| *asked >= tries));
        server.sim().advance(400);
    }
    waits_for(&repair, &ticket, "away");
}

#[test]
fn a_link_to_a_picture_cannot_be_made_up() {
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00"] {
        shared().anon().get(&format!("/wechat/pictures/{token}")).refuse(404, "not_found");
    }
}
