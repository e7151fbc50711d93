//! Who sees which ticket, and how much of it.

use jiazai_tests::{CategoryDraft, Client, Repair, json, shared, text};

use super::{ids, path, path_to};

#[test]
fn a_ticket_is_absent_for_those_whom_it_does_not_concern() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let stranger = shared().resident();
    stranger.get(&path(&ticket)).send().expect(404);
    stranger.get(&format!("{}/events", path(&ticket))).send().expect(404);
    assert!(ids(&stranger.get("/repair-tickets").expect(200)).is_empty());
    let foreign = shared().staff("admin").hire("dispatcher", shared().other_community());
    foreign.get(&path(&ticket)).send().expect(404);
    foreign.post(&path_to(&ticket, "assign"), repair.right_body("assign")).send().expect(404);
    assert!(ids(&foreign.get("/repair-tickets").expect(200)).is_empty());
    // Absent looks the same whether it is hidden or never was.
    let hidden = stranger.get(&path(&ticket)).send();
    let never = stranger.get("/repair-tickets/tkt_01h455vb4pex5vsknk084sn02q").send();
    assert_eq!((&hidden.json["code"], &hidden.json["detail"]), (&never.json["code"], &never.json["detail"]));
}

#[test]
fn nobody_reports_into_a_community_that_is_not_there() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["community_id"] = json!("com_01h455vb4pex5vsknk084sn02q");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/community_id");
    let mut draft = repair.draft();
    draft["category"] = json!("no-such-category");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/category");
}

#[test]
fn a_report_of_a_public_thing_needs_neither_home_nor_place() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft.as_object_mut().unwrap().remove("place");
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    assert!(ticket["home_id"].is_null() && ticket["place"].is_null());
}

#[test]
fn a_home_is_spoken_for_by_those_who_are_bound_to_it() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["home_id"] = json!("hom_01h455vb4pex5vsknk084sn02q");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/home_id");
}

#[test]
fn photos_are_ones_own_uploads() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["photos"] = json!(["fil_01h455vb4pex5vsknk084sn02q"]);
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/photos/0");
}

#[test]
fn lists_are_filtered() {
    let repair = Repair::new(shared());
    let category = repair.category(CategoryDraft::new("assign"));
    let (first, second) = (repair.report_in(&category), repair.report_in(&category));
    repair.do_rightly(&second, "assign");
    let base = format!("/repair-tickets?community_id={}&category={category}", repair.community);
    let (first, second) = (text(&first, "id"), text(&second, "id"));
    let find = |filter: &str| repair.dispatcher.get(&format!("{base}{filter}")).expect(200);
    assert_eq!(ids(&find("")), [second, first]);
    assert_eq!(ids(&find("&state=submitted")), [first]);
    assert_eq!(ids(&find("&state=assigned")), [second]);
    assert!(ids(&find("&state=closed")).is_empty());
    let mine = repair.worker.get(&format!("{base}&assignee=me")).expect(200);
    assert_eq!(ids(&mine), [second]);
    assert!(ids(&shared().staff("worker2").get(&format!("{base}&assignee=me")).expect(200)).is_empty());
}

#[test]
fn residents_see_no_other_residents_data() {
    let repair = Repair::new(shared());
    repair.reporter.log_in();
    repair.reporter.bind_phone("13900001234");
    let ticket = repair.ticket_in("accepted");
    // The worker may have to call; whatever is shown, the number is never there in full.
    for who in [&repair.reporter as &dyn Client, &repair.worker, &repair.dispatcher] {
        let body = who.get(&path(&ticket)).send().expect(200).text();
        assert!(!body.contains("13900001234") && !body.contains(&repair.reporter.openid), "{body}");
    }
}

#[test]
fn texts_have_limits() {
    let repair = Repair::new(shared());
    for (field, wrong) in
        [("title", "x".repeat(10_000)), ("description", "长".repeat(100_000 / 3)), ("title", "   ".into()), ("title", "a\u{0}b".into())]
    {
        let mut draft = repair.draft();
        draft[field] = json!(wrong);
        let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
}
