//! Open311 GeoReport v2, as a city's application speaks it: forms in, XML and JSON out, errors in the standard's shape.

use jiazai_tests::{CategoryDraft, Client, Options, Repair, Reply, Server, Value, eventually, json, shared, unique};

struct City<'s> {
    server: &'s Server,
    repair: Repair<'s>,
    service: String,
    key: String,
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

impl<'s> City<'s> {
    fn new(server: &'s Server) -> Self {
        let repair = Repair::new(server);
        let service = repair.category(CategoryDraft::new("assign").with("name", json!("路灯")));
        Self { server, repair, service, key: key(server, &["repair:read", "repair:write"]) }
    }

    fn get(&self, path: &str) -> Reply {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.bare(&format!("{path}{mark}api_key={}", self.key))
    }

    fn bare(&self, path: &str) -> Reply {
        self.server.anon().plain("GET", &format!("/open311/v2{path}")).send()
    }

    fn send(&self, format: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("api_key", self.key.as_str()), ("service_code", self.service.as_str())];
        all.retain(|(name, _)| !fields.iter().any(|(field, _)| field == name));
        all.extend(fields);
        let anon = self.server.anon();
        let path = format!("/open311/v2/requests.{format}?jurisdiction_id={}", self.server.community());
        anon.plain("POST", &path).bytes("application/x-www-form-urlencoded", form(&all).into_bytes()).send()
    }

    #[track_caller]
    fn report(&self, fields: &[(&str, &str)]) -> String {
        let answer = self.send("json", fields).expect(201).json;
        answer[0]["service_request_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// An update to a request, by the city's key.
    fn update(&self, format: &str, id: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("api_key", self.key.as_str()), ("service_request_id", id)];
        all.retain(|(name, _)| !fields.iter().any(|(field, _)| field == name));
        all.extend(fields);
        let path = format!("/open311/v2/servicerequestupdates.{format}?jurisdiction_id={}", self.server.community());
        self.server.anon().plain("POST", &path).bytes("application/x-www-form-urlencoded", form(&all).into_bytes()).send()
    }

    /// What the ticket's history says: the kinds, with what was written.
    #[track_caller]
    fn history(&self, id: &str) -> Vec<(String, String)> {
        let events = self.repair.dispatcher.get(&format!("/repair-tickets/{id}/events?limit=100")).expect(200);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events["items"].as_array().expect("a history").iter().map(|event| (text(&event["type"]), text(&event["note"]))).collect()
    }

    #[track_caller]
    fn one(&self, id: &str) -> Value {
        self.get(&format!("/requests/{id}.json")).expect(200).json[0].clone()
    }
}

fn key(server: &Server, scopes: &[&str]) -> String {
    let body = json!({ "name": "城市热线", "scopes": scopes, "community_id": server.community() });
    server.staff("manager").post("/api-keys", body).expect(201)["key"].as_str().expect("a key").to_owned()
}

#[track_caller]
fn refused(reply: Reply, status: u16) -> String {
    assert!(reply.status == status, "{status} expected, but {}", reply.describe());
    assert_eq!(reply.json[0]["code"], status.to_string(), "{}", reply.describe());
    reply.json[0]["description"].as_str().expect("a description").to_owned()
}

const PLACE: (&str, &str) = ("address_string", "北门路灯杆 7 号");

#[test]
fn services_are_the_categories_of_the_jurisdiction_for_everybody() {
    let city = City::new(shared());
    let place = city.server.community();
    let listed = city.bare(&format!("/services.json?jurisdiction_id={place}")).expect(200).json;
    let own = listed.as_array().unwrap().iter().find(|service| service["service_code"] == city.service.as_str()).expect("the service");
    assert_eq!(
        (own["service_name"].as_str(), own["metadata"].as_bool(), own["type"].as_str()),
        (Some("路灯"), Some(false), Some("realtime"))
    );
    let xml = city.bare(&format!("/services.xml?jurisdiction_id={place}")).expect(200);
    assert_eq!(xml.must("content-type"), "text/xml; charset=utf-8");
    assert!(xml.text().starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<services><service><service_code>"), "{}", xml.text());
    let definition = city.bare(&format!("/services/{}.json?jurisdiction_id={place}", city.service)).expect(200).json;
    assert_eq!(definition, json!({ "service_code": city.service, "attributes": [] }));
    refused(city.bare("/services.json"), 400);
    refused(city.bare("/services.json?jurisdiction_id=com_01h455vb4pex5vsknk084sn02q"), 404);
    refused(city.bare(&format!("/services/none.json?jurisdiction_id={place}")), 404);
    assert!(city.bare("/discovery.json").expect(200).json["endpoints"][0]["url"].as_str().unwrap().ends_with("/open311/v2"));
    assert_eq!(city.bare("/services.csv").status, 404);
}

#[test]
fn a_report_becomes_a_ticket_and_is_read_back_in_both_formats() {
    let city = City::new(shared());
    let id = city.report(&[
        PLACE,
        ("lat", "31.2304"),
        ("long", "121.4737"),
        ("description", "路灯 <不亮> & 闪\n已经三天"),
        ("media_url", "https://city.example/a.jpg?x=1&y=2"),
    ]);
    let ticket = city.repair.dispatcher.get(&format!("/repair-tickets/{id}")).expect(200);
    assert_eq!((ticket["title"].as_str(), ticket["place"].as_str()), (Some("路灯 <不亮> & 闪"), Some("北门路灯杆 7 号")));
    let read = city.one(&id);
    assert_eq!((read["status"].as_str(), read["service_code"].as_str()), (Some("open"), Some(city.service.as_str())));
    assert_eq!((read["lat"].as_f64(), read["long"].as_f64()), (Some(31.2304), Some(121.4737)));
    assert_eq!(read["requested_datetime"], ticket["created_at"]);
    assert_eq!(read["expected_datetime"], ticket["sla"]["resolve"]["due_at"]);
    assert_eq!(read["media_url"], "https://city.example/a.jpg?x=1&y=2");
    let xml = city.get(&format!("/requests/{id}.xml")).expect(200).text();
    assert!(xml.contains("<service_requests><request><service_request_id>") && xml.contains("路灯 &lt;不亮&gt; &amp; 闪"), "{xml}");
    let token = city.get(&format!("/tokens/{id}.json")).expect(200).json;
    assert_eq!(token, json!([{ "service_request_id": id, "token": id }]));
    let made = city.send("xml", &[PLACE]).expect(201);
    assert!(made.must("location").ends_with(".xml") && made.text().contains("<service_notice>"), "{}", made.describe());
    // Without words the service is what is wrong.
    let bare = city.report(&[("address_string", "南门")]);
    assert_eq!(city.one(&bare)["description"], "路灯");
}

#[test]
fn whoever_reported_goes_out_to_nobody_and_to_the_door_masked() {
    let city = City::new(shared());
    let person = [
        PLACE,
        ("first_name", "小四"),
        ("last_name", "王"),
        ("phone", "13812345678"),
        ("email", "w@city.example"),
        ("description", "灯坏了"),
    ];
    let id = city.report(&person);
    let everything = [
        city.get(&format!("/requests/{id}.json")).text(),
        city.get(&format!("/requests.xml?service_request_id={id}")).text(),
        city.server.bearer(format!("Bearer {}", city.key)).get(&format!("/repair-tickets/{id}/events")).expect(200).to_string(),
    ];
    for secret in ["13812345678", "w@city.example", "王小四", "小四"] {
        assert!(everything.iter().all(|text| !text.contains(secret)), "{secret} in {everything:?}");
    }
    let seen = city.repair.dispatcher.get(&format!("/repair-tickets/{id}")).expect(200);
    assert_eq!(seen["contact"], json!({ "display_name": "王*四", "phone_masked": "138******78" }));
    let nameless = city.report(&[PLACE]);
    let seen = city.repair.dispatcher.get(&format!("/repair-tickets/{nameless}")).expect(200);
    assert_eq!(seen["contact"], json!({ "display_name": "城市热线" }));
}

#[test]
fn what_is_wrong_with_a_report_is_said_in_the_standard_s_shape() {
    let city = City::new(shared());
    for fields in [
        &[("description", "没有地点")][..],
        &[PLACE, ("service_code", "")],
        &[("lat", "31.2")],
        &[("lat", "91"), ("long", "0")],
        &[("lat", "NaN"), ("long", "0")],
        &[("address_id", "hom_x")],
        &[("address_id", "hom_01h455vb4pex5vsknk084sn02q")],
        &[PLACE, ("media_url", "file:///etc/passwd")],
        &[PLACE, ("phone", &"1".repeat(300))],
        &[PLACE, ("description", &"长".repeat(2001))],
        &[PLACE, ("description", "x"), ("description", "y")],
    ] {
        refused(city.send("json", fields), 400);
    }
    refused(city.send("json", &[PLACE, ("service_code", "none")]), 404);
    for key in ["", "jz_live_x", "nonsense"] {
        refused(city.send("json", &[PLACE, ("api_key", key)]), 403);
    }
    let reader = key(city.server, &["repair:read"]);
    assert!(refused(city.send("json", &[PLACE, ("api_key", &reader)]), 403).contains("repair:write"));
    let xml = city.send("xml", &[("api_key", "x")]);
    assert!(xml.status == 403 && xml.text().contains("<errors><error><code>403</code><description>"), "{}", xml.describe());
    let anon = city.server.anon();
    let json = anon.plain("POST", "/open311/v2/requests.json").json(&json!({ "service_code": city.service })).send();
    refused(json, 400);
}

#[test]
fn requests_are_listed_by_state_service_time_and_page() {
    let city = City::new(shared());
    let ids: Vec<String> = (0..5).map(|_| city.report(&[PLACE])).collect();
    city.repair.dispatcher.post(&format!("/repair-tickets/{}/cancel", ids[0]), json!({ "reason": "重复上报" })).expect(200);
    let list = |query: &str| -> Vec<String> {
        let found = city.get(&format!("/requests.json?service_code={}{query}", city.service)).expect(200).json;
        found.as_array().unwrap().iter().map(|one| one["service_request_id"].as_str().unwrap().to_owned()).collect()
    };
    let newest_first: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(list(""), newest_first);
    assert_eq!(list("&status=closed"), ids[..1]);
    assert_eq!(list("&status=open"), newest_first[..4]);
    assert_eq!(list("&status=open,closed"), newest_first);
    assert_eq!([list("&page_size=2"), list("&page=2&page_size=2"), list("&page=3&page_size=2")].concat(), newest_first);
    assert_eq!(list(&format!("&service_request_id={},{}", ids[1], ids[3])), [ids[3].clone(), ids[1].clone()]);
    assert_eq!(list("&start_date=2099-01-01T00:00:00Z"), Vec::<String>::new());
    assert_eq!(list("&start_date=2020-01-01T00:00:00%2B08:00"), newest_first);
    for query in ["status=weird", "page=0", "page_size=1001", "start_date=yesterday"] {
        refused(city.get(&format!("/requests.json?{query}")), 400);
    }
    refused(city.bare("/requests.json"), 403);
    refused(city.get("/requests/tkt_01h455vb4pex5vsknk084sn02q.json"), 404);
    refused(city.get("/requests/nonsense.json"), 404);
}

#[test]
fn what_happened_is_followed_by_its_updates() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    let assign = json!({ "worker_id": city.repair.worker_id });
    city.repair.dispatcher.post(&format!("/repair-tickets/{id}/assign"), assign).expect(200);
    let updates = city.get("/servicerequestupdates.json").expect(200).json;
    let own: Vec<(&str, &str)> = updates
        .as_array()
        .unwrap()
        .iter()
        .filter(|update| update["service_request_id"] == id.as_str())
        .map(|update| (update["status"].as_str().unwrap(), update["external_status_code"].as_str().unwrap()))
        .collect();
    assert_eq!(own, [("open", "submitted"), ("open", "assigned")]);
    let xml = city.get("/servicerequestupdates.xml?page_size=1").expect(200).text();
    assert_eq!(xml.matches("<request_update>").count(), 1, "{xml}");
    let none = city.get("/servicerequestupdates.json?start_date=2099-01-01T00:00:00Z&end_date=2099-02-01T00:00:00Z").expect(200);
    assert_eq!(none.json, json!([]));
}

#[test]
fn another_jurisdiction_s_key_sees_and_reports_nothing_here() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    let elsewhere = city.server.other_community();
    let body = json!({ "name": unique("邻区"), "scopes": ["repair:read", "repair:write"], "community_id": elsewhere });
    let foreign = city.server.staff("admin").post("/api-keys", body).expect(201)["key"].as_str().unwrap().to_owned();
    refused(city.bare(&format!("/requests/{id}.json?api_key={foreign}")), 404);
    refused(city.bare(&format!("/requests.json?api_key={foreign}&jurisdiction_id={}", city.server.community())), 404);
    refused(city.send("json", &[PLACE, ("api_key", &foreign)]), 404);
    // The platform's own key says which jurisdiction it means.
    let body = json!({ "name": unique("市"), "scopes": ["repair:read"] });
    let platform = city.server.staff("admin").post("/api-keys", body).expect(201)["key"].as_str().unwrap().to_owned();
    refused(city.bare(&format!("/requests/{id}.json?api_key={platform}")), 400);
    let found = city.bare(&format!("/requests/{id}.json?api_key={platform}&jurisdiction_id={}", city.server.community())).expect(200);
    assert_eq!(found.json[0]["service_request_id"], id);
}

#[test]
fn what_a_citizen_adds_is_a_remark_for_those_who_work_on_it_and_goes_out_to_nobody() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    let words = [
        ("update_id", "u-1"),
        ("description", "灯杆上写着 7 号"),
        ("media_url", "https://city.example/b.jpg"),
        ("updated_datetime", "2026-05-01T08:00:00+08:00"),
        ("email", "w@city.example"),
        ("status", "OPEN"),
    ];
    let taken = city.update("json", &id, &words).expect(200).json;
    let (kind, note) = city.history(&id).pop().expect("an event");
    assert_eq!(kind, "repair_ticket.remarked");
    assert_eq!(note, "灯杆上写着 7 号\nhttps://city.example/b.jpg");
    assert_eq!(city.one(&id)["status"], "open");
    let listed = city.get("/servicerequestupdates.json").expect(200);
    let own = listed.json.as_array().unwrap().iter().find(|update| update["update_id"] == taken[0]["update_id"]).expect("listed").clone();
    assert_eq!((&own["status"], &own["external_status_code"]), (&json!("open"), &json!("submitted")));
    assert_eq!(own["description"], "已补充说明", "what it is, and not what was said");
    assert!(!listed.text().contains("灯杆") && !listed.text().contains("w@city"), "{}", listed.text());
    // The same again, and the same name for something else.
    assert_eq!(city.update("json", &id, &words).expect(200).json, taken);
    assert_eq!(city.history(&id).iter().filter(|(kind, _)| kind == "repair_ticket.remarked").count(), 1);
    refused(city.update("json", &id, &[("update_id", "u-1"), ("description", "别的")]), 400);
    let xml = city.update("xml", &id, &[("description", "还在闪")]).expect(200).text();
    assert!(xml.contains("<service_request_updates><request_update><update_id>evt_"), "{xml}");
}

#[test]
fn what_is_added_after_the_work_does_not_put_off_the_day_on_which_silence_confirms() {
    let server = Server::start(Options::default());
    let city = City::new(&server);
    let ticket = city.repair.ticket_in("resolved");
    let id = ticket["id"].as_str().unwrap();
    server.sim().advance(48 * 3600);
    city.update("json", id, &[("description", "谢谢")]).expect(200);
    server.sim().advance(25 * 3600);
    let listed = |state: &str| {
        let list = city.repair.dispatcher.get(&format!("/repair-tickets?community_id={}&state={state}", city.repair.community)).expect(200);
        list["items"].as_array().unwrap().iter().any(|item| item["id"] == id)
    };
    assert!(listed("closed") && !listed("resolved"), "72 hours after the work, whatever was said since");
    let ended = city.repair.dispatcher.get(&format!("/repair-tickets/{id}")).expect(200)["ended_at"].clone();
    assert_eq!(city.one(id)["updated_datetime"], ended);
    // This is looked for every thirty seconds by the wall, whoever writes.
    eventually("it is written down", 90, || city.history(id).iter().any(|(kind, _)| kind == "repair_ticket.confirmed").then_some(()));
}

#[test]
fn an_alarm_is_no_update() {
    let server = Server::start(Options::default());
    let city = City::new(&server);
    let id = city.report(&[PLACE]);
    server.sim().advance(3700);
    let overdue = |kind: &str| city.history(&id).iter().any(|(of, _)| of == kind);
    eventually("the escalation", 30, || overdue("repair_ticket.overdue").then_some(()));
    city.update("json", &id, &[("description", "还在等")]).expect(200);
    let updates = city.get("/servicerequestupdates.json").expect(200).json;
    let own = updates.as_array().unwrap().iter().filter(|update| update["service_request_id"] == id.as_str());
    assert_eq!(own.map(|update| update["description"].as_str().unwrap()).collect::<Vec<_>>(), ["已提交，等待派单", "已补充说明"]);
}

#[test]
fn a_status_that_the_reporter_brings_withdraws_confirms_and_reopens() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    city.update("json", &id, &[("status", "closed"), ("description", "自己好了")]).expect(200);
    assert_eq!(city.history(&id).pop(), Some(("repair_ticket.cancelled".to_owned(), "自己好了".to_owned())));
    assert_eq!(city.one(&id)["status"], "closed");
    // What was withdrawn is not opened again: a new report is.
    refused(city.update("json", &id, &[("status", "open"), ("description", "又坏了")]), 400);

    let id = city.report(&[PLACE]);
    let worker = &city.repair.worker;
    city.repair.dispatcher.post(&format!("/repair-tickets/{id}/assign"), json!({ "worker_id": city.repair.worker_id })).expect(200);
    for action in ["accept", "arrive"] {
        worker.post(&format!("/repair-tickets/{id}/{action}"), json!({})).expect(200);
    }
    refused(city.update("json", &id, &[("status", "closed"), ("description", "不用来了")]), 400);
    worker.post(&format!("/repair-tickets/{id}/resolve"), json!({ "note": "换了灯泡", "photos": [] })).expect(200);
    city.update("json", &id, &[("status", "open"), ("description", "还是不亮")]).expect(200);
    assert_eq!(city.history(&id).pop(), Some(("repair_ticket.reopened".to_owned(), "还是不亮".to_owned())));

    city.repair.dispatcher.post(&format!("/repair-tickets/{id}/assign"), json!({ "worker_id": city.repair.worker_id })).expect(200);
    for action in ["accept", "arrive"] {
        worker.post(&format!("/repair-tickets/{id}/{action}"), json!({})).expect(200);
    }
    worker.post(&format!("/repair-tickets/{id}/resolve"), json!({ "note": "换了线路", "photos": [] })).expect(200);
    city.update("json", &id, &[("status", "closed"), ("description", "好了，谢谢")]).expect(200);
    let last: Vec<_> = city.history(&id).into_iter().rev().take(2).collect();
    assert_eq!(last[0].0, "repair_ticket.confirmed");
    assert_eq!(last[1], ("repair_ticket.remarked".to_owned(), "好了，谢谢".to_owned()));
}

#[test]
fn what_is_wrong_with_an_update_is_said_in_the_standard_s_shape_and_does_nothing() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    let said = ("description", "灯还是不亮");
    for fields in [
        &[("status", "open")][..],
        &[said, ("status", "fixed")],
        &[said, ("updated_datetime", "yesterday")],
        &[said, ("service_request_id", "")],
        &[said, ("media_url", "file:///etc/passwd")],
        &[said, ("update_id", &"u".repeat(300))],
        &[("description", &"长".repeat(2001))],
        &[("status", "closed"), ("description", &"长".repeat(501))],
    ] {
        refused(city.update("json", &id, fields), 400);
    }
    refused(city.update("json", "tkt_01h455vb4pex5vsknk084sn02q", &[said]), 404);
    refused(city.update("json", "nonsense", &[said]), 404);
    let reader = key(city.server, &["repair:read"]);
    assert!(refused(city.update("json", &id, &[said, ("api_key", &reader)]), 403).contains("repair:write"));
    // Another program of the same community may add, but not move what it did not report.
    let other = key(city.server, &["repair:read", "repair:write"]);
    refused(city.update("json", &id, &[said, ("status", "closed"), ("api_key", &other)]), 403);
    city.update("json", &id, &[said, ("api_key", &other)]).expect(200);
    assert_eq!(
        city.history(&id).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["repair_ticket.submitted", "repair_ticket.remarked"]
    );
}

#[test]
fn a_bomb_of_xml_is_no_form_and_is_refused_at_once() {
    let city = City::new(shared());
    let entities: String = (1..30).map(|n| format!("<!ENTITY e{n} \"&e{};&e{};\">", n - 1, n - 1)).collect();
    let bomb = format!("<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY e0 \"ha\">{entities}]><r><api_key>{}</api_key>&e29;</r>", city.key);
    for kind in ["text/xml", "application/xml", "application/x-www-form-urlencoded"] {
        for path in ["/open311/v2/requests.xml", "/open311/v2/servicerequestupdates.xml"] {
            let anon = city.server.anon();
            let reply = anon.plain("POST", path).bytes(kind, bomb.clone().into_bytes()).send();
            // As a form it is one field with a long name, so what is missing is the key.
            let status = if kind.ends_with("urlencoded") { 403 } else { 400 };
            assert!(reply.status == status && reply.text().contains("<errors><error><code>"), "{}", reply.describe());
            assert!(!reply.text().contains("haha"), "{}", reply.describe());
        }
    }
    let dispatcher = city.server.staff("dispatcher");
    dispatcher.call("POST", "/repair-tickets").bytes("text/xml", bomb.into_bytes()).refuse(415, "unsupported_media_type");
}

#[test]
fn what_programs_do_here_and_what_they_are_refused_is_in_the_audit_log() {
    let city = City::new(shared());
    let id = city.report(&[PLACE]);
    city.update("json", &id, &[("description", "补充")]).expect(200);
    let auditor = city.server.staff("auditor");
    let done = |action: &str| auditor.get(&format!("/audit-events?subject={id}&action={action}")).expect(200)["items"].clone();
    for action in ["report_open311_request", "update_open311_request"] {
        let found = done(action);
        assert_eq!((found.as_array().map(Vec::len), &found[0]["actor_kind"]), (Some(1), &json!("client")), "{action}: {found}");
    }
    let made = json!({ "name": "只读", "scopes": ["repair:read"], "community_id": city.server.community() });
    let reader = city.server.staff("manager").post("/api-keys", made).expect(201);
    let (id, text) = (reader["id"].as_str().unwrap(), reader["key"].as_str().unwrap());
    refused(city.send("json", &[PLACE, ("api_key", text)]), 403);
    let found = jiazai_tests::eventually("the refusal is written down", 30, || {
        let page = auditor.get(&format!("/audit-events?subject={id}&result=refused")).expect(200);
        page["items"].as_array()?.first().cloned()
    });
    assert_eq!((&found["action"], &found["code"]), (&json!("report_open311_request"), &json!("forbidden")));
}
