//! The inbox: what stands in it for whom, and who hears of what. That WeChat carries the same words is the business of `notices`.

use jiazai_tests::{CategoryDraft, Client, Options, Registry, Repair, Resident, Server, Value, eventually, items, json, shared, text};

const PATIENCE_S: u64 = 30;

fn path(ticket: &Value) -> String {
    format!("/repair-tickets/{}", text(ticket, "id"))
}

/// What somebody finds in their inbox about a ticket.
#[track_caller]
fn about(who: &dyn Client, ticket: &Value) -> Vec<Value> {
    let inbox = who.get("/me/notices?limit=100").expect(200);
    let of_it = |notice: &&Value| notice["page"].as_str().is_some_and(|page| page.contains(text(ticket, "id")));
    items(&inbox).iter().filter(of_it).cloned().collect()
}

#[track_caller]
fn told(who: &dyn Client, ticket: &Value, phrase: &str) -> Value {
    eventually(phrase, PATIENCE_S, || about(who, ticket).into_iter().find(|notice| notice["phrase"] == phrase))
}

/// Somebody who lives in that home.
#[track_caller]
fn bound<'s>(registry: &Registry<'s>, home: &str) -> Resident<'s> {
    let resident = registry.server.resident();
    let claim = resident.post("/home-bindings", json!({ "home_id": home, "relation": "owner" })).expect(201);
    registry.manager.post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({})).expect(200);
    resident
}

// ---- what it says ---------------------------------------------------------------------------------------------------

#[test]
fn neighbours_read_how_it_stands_and_not_what_the_reporter_wrote() {
    let registry = Registry::new(shared());
    let (dispatcher, worker) = (registry.manager.hire("dispatcher", &registry.id), registry.manager.hire("repair_worker", &registry.id));
    let draft = CategoryDraft::new("assign").with("name", json!("漏水"));
    registry.manager.put(&format!("/repair-categories/water?community_id={}", registry.id), draft.0).expect(201);
    let (own, touched) = (registry.home("1栋", "101"), registry.home("1栋", "102"));
    let (reporter, neighbour) = (bound(&registry, &own), bound(&registry, &touched));
    let mut report = Repair::new(shared()).draft_in("water");
    report["community_id"] = json!(registry.id);
    (report["home_id"], report["affected_homes"]) = (json!(own), json!([touched]));
    report["title"] = json!("王家厨房漏水");
    let ticket = reporter.post("/repair-tickets", report.clone()).expect(201);
    // Somebody else reports the same and is merged into it.
    let also = shared().resident();
    (report["home_id"], report["affected_homes"]) = (Value::Null, json!([]));
    report["place"] = json!("楼道");
    let other = also.post("/repair-tickets", report).expect(201);
    dispatcher.post(&format!("{}/merge", path(&other)), json!({ "into": ticket["id"] })).expect(200);
    dispatcher.post(&format!("{}/assign", path(&ticket)), json!({ "worker_id": worker.id() })).expect(200);
    for action in ["accept", "arrive"] {
        worker.post(&format!("{}/{action}", path(&ticket)), json!({})).expect(200);
    }
    worker.post(&format!("{}/resolve", path(&ticket)), json!({ "note": "换了阀门", "photos": [] })).expect(200);

    assert_eq!(neighbour.get(&path(&ticket)).expect(200)["title"], Value::Null, "this is what they see");
    assert_eq!(told(&neighbour, &ticket, "待确认")["title"], "漏水");
    assert_eq!(told(&also, &ticket, "待确认")["title"], "漏水");
    assert_eq!(told(&reporter, &ticket, "待确认")["title"], "王家厨房漏水");
    assert_eq!(told(&worker, &ticket, "待接单")["title"], "王家厨房漏水");
}

#[test]
fn whoever_has_handed_a_ticket_on_does_not_read_its_title_any_more() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("accepted");
    let other = shared().staff("admin").hire("repair_worker", &repair.community);
    let transfer = json!({ "worker_id": other.id(), "reason": "需要电工" });
    repair.act(&repair.dispatcher, &ticket, "transfer", transfer);
    assert_eq!(told(&other, &ticket, "待接单")["title"], "灯不亮");
    let titles: Vec<Value> = about(&repair.worker, &ticket).iter().map(|notice| notice["title"].clone()).collect();
    assert!(!titles.is_empty() && titles.iter().all(|title| title == "测试类别"), "{titles:?}");
}

#[test]
fn a_notice_says_when_it_happened_and_not_when_it_is_read() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("accepted");
    let notice = told(&repair.reporter, &ticket, "已接单");
    let history = repair.reporter.get(&format!("{}/events?limit=100", path(&ticket))).expect(200);
    let accepted = items(&history).iter().find(|event| event["type"] == "repair_ticket.accepted").unwrap().clone();
    assert_eq!(notice["at"], accepted["occurred_at"]);
}

#[test]
fn a_page_of_the_inbox_says_of_each_notice_what_the_notice_alone_says() {
    let repair = Repair::new(shared());
    let first = repair.ticket_in("on_site");
    let second = repair.ticket_in("accepted");
    told(&repair.reporter, &second, "已接单");
    for ticket in [&first, &second] {
        for listed in about(&repair.reporter, ticket) {
            let one = repair.reporter.post(&format!("/me/notices/{}/read", text(&listed, "id")), json!({})).expect(200);
            for field in ["title", "phrase", "at", "page"] {
                assert_eq!(one[field], listed[field], "{listed}");
            }
        }
    }
}

// ---- who hears of a broken promise ----------------------------------------------------------------------------------

#[test]
fn where_nobody_dispatches_the_administrator_hears_of_it_and_a_dispatcher_of_the_platform_is_one() {
    let server = Server::start(Options::default());
    let (repair, place) = (Repair::new(&server), server.other_community().to_owned());
    let manager = server.staff("admin").hire("community_admin", &place);
    manager.put(&format!("/repair-categories/light?community_id={place}"), CategoryDraft::new("assign").0).expect(201);
    let report = || {
        let mut draft = repair.draft_in("light");
        draft["community_id"] = json!(place);
        repair.reporter.post("/repair-tickets", draft).expect(201)
    };
    let first = report();
    server.sim().advance(3700);
    told(&manager, &first, "已超时");
    let everywhere = server.staff("admin").hire_as(json!([{ "role": "dispatcher" }]));
    let second = report();
    server.sim().advance(3700);
    told(&everywhere, &second, "已超时");
    assert_eq!(about(&manager, &second), Vec::<Value>::new(), "there is somebody whose business it is");
}

#[test]
fn colleagues_do_not_hear_of_a_ticket_that_somebody_has_grabbed() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let grab = repair.category(CategoryDraft::new("grab"));
    let ticket = repair.report_in(&grab);
    repair.act(&repair.worker, &ticket, "grab", json!({}));
    server.sim().advance(25 * 3600);
    // The same event tells the worker and the dispatcher; who is not told with them is not told.
    told(&repair.worker, &ticket, "已超时");
    told(&repair.dispatcher, &ticket, "已超时");
    let colleague = server.staff("worker2");
    colleague.get(&path(&ticket)).refuse(404, "not_found");
    assert_eq!(about(&colleague, &ticket), Vec::<Value>::new());
}
