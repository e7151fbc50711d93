//! What nobody may find: secrets and persons, in the log at its most talkative, in storage, in metrics, in what the
//! platform was asked, or in what partners are sent.
//!
//! One busy morning with values that occur nowhere else, then a search for each of them everywhere.

use std::process::Command;

use jiazai_tests::{
    Client, Letter, Manner, Options, PASSWORD, PICTURE, Receiver, Registry, Repair, Server, Value, eventually, id_number, is_postgres,
    json, redis_content, string, unique,
};

const APPID: &str = "wx5ca1ab1e0ddba11";
const APP_SECRET: &str = "c0ffee5eed1e55c0ffee5eed1e55c0ff";

/// Values by what they are.
struct Canaries(Vec<(String, String)>);

impl Canaries {
    fn add(&mut self, what: &str, value: impl Into<String>) -> String {
        let value = value.into();
        assert!(value.len() > 7, "{what} is too short to be looked for");
        self.0.push((what.to_owned(), value.clone()));
        value
    }

    fn session(&mut self, whose: &str, session: &Value) {
        for token in ["access_token", "refresh_token"] {
            self.add(&format!("{whose}'s {token}"), string(session, token));
        }
    }

    fn without(&self, known: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(what, _)| !known(what)).cloned().collect())
    }

    /// The first of them that stands there, with what is around it: in clear, or in hex as a database shows bytes.
    fn find_in(&self, content: &[u8]) -> Option<String> {
        // All of them are ASCII, which survives this; and searching a text is much quicker than searching bytes.
        let content = String::from_utf8_lossy(content);
        self.0.iter().find_map(|(what, value)| {
            let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
            let at = content.find(value.as_str()).or_else(|| content.find(&hex))?;
            let before: String = content[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = content[at..].chars().take(80).collect();
            Some(format!("{what}: …{before}{after}…"))
        })
    }

    #[track_caller]
    fn absent_from(&self, place: &str, content: &[u8]) {
        assert!(!content.is_empty(), "{place} is empty: nothing would be found there");
        assert_eq!(self.find_in(content), None, "in {place}");
    }
}

/// Everybody does a bit of everything, well and badly. Gives also the id of a person whom the registry knows since.
fn a_busy_morning(server: &Server) -> (Canaries, String) {
    let sim = server.sim();
    let mut canaries = Canaries(Vec::new());
    canaries.add("the app secret", APP_SECRET);
    let repair = Repair::new(server);
    for (resident, phone) in [(&repair.reporter, "13701928374"), (&server.resident(), "13619283746")] {
        let openid = canaries.add("an openid", &resident.openid);
        // With a key the answer, tokens and all, is stored to be given again.
        let (code, _) = sim.login_code(Some(&openid));
        let anon = server.anon();
        let log_in = || anon.post("/auth/wechat/login", json!({ "code": code })).header("Idempotency-Key", &openid[1..]).expect(200);
        let session = log_in();
        assert_eq!(log_in(), session, "stored");
        canaries.session("a resident", &session);
        canaries.add("a log-in code", code);
        let code = canaries.add("a phone code", sim.phone_code(&openid, phone));
        resident.post("/auth/wechat/phone", json!({ "code": code })).header("Idempotency-Key", "phone").expect(200);
        canaries.add("a phone number", phone);
        // Logging in again soon gives the same session key, so asking the platform ourselves tells what the server got.
        let (code, _) = sim.login_code(Some(&openid));
        let asked = sim.ask(&format!("/sns/jscode2session?appid={APPID}&secret={APP_SECRET}&js_code={code}&grant_type=authorization_code"));
        canaries.add("a session key", string(&asked, "session_key"));
        let fresh = server.anon().post("/auth/refresh", json!({ "refresh_token": session["refresh_token"] })).expect(200);
        canaries.session("a resident (refreshed)", &fresh);
    }
    // The stable token is one token for all who ask.
    let body = json!({ "grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET });
    canaries.add("the platform's access token", string(&sim.tell("/cgi-bin/stable_token", &body), "access_token"));

    let admin = server.staff("admin");
    let (name, password) = (unique("clerk"), canaries.add("a staff password", "Correct-Horse-7391"));
    let roles = json!([{ "role": "auditor", "community_id": server.community() }]);
    let new = json!({ "username": name, "display_name": "新人", "password": password, "roles": roles });
    let id = string(&admin.post("/staff", new).header("Idempotency-Key", "clerk").expect(201), "id");
    let session = server.anon().post("/auth/staff/login", json!({ "username": name, "password": password })).expect(200);
    canaries.session("a clerk", &session);
    let clerk = server.bearer(format!("Bearer {}", string(&session, "access_token")));
    let offer = clerk.post("/me/totp", json!({})).header("Idempotency-Key", "totp").expect(200);
    canaries.add("a key for one-time codes", string(&offer, "key"));
    let made = admin.post(&format!("/staff/{id}/reset-password"), json!({})).header("Idempotency-Key", "reset").expect(200);
    canaries.add("a password that was made", string(&made, "password"));
    let wrong = canaries.add("a wrong password", "Wrong-Horse-1937");
    server.anon().post("/auth/staff/login", json!({ "username": name, "password": wrong })).refuse(401, "credentials_invalid");
    let typed = canaries.add("a password in the wrong field", "Typed-By-Mistake-55");
    server.anon().post("/auth/staff/login", json!({ "username": typed, "password": "x", "secret": typed })).send();
    server.anon().get(&format!("/auth/staff/login?password={typed}")).send();
    let (code, openid) = sim.login_code(None);
    admin.post("/me/wechat", json!({ "code": code })).expect(204);
    canaries.add("a member of staff's openid", openid);

    let consents = repair.reporter.get("/me/notice-consents").expect(200);
    for kind in consents["items"].as_array().unwrap() {
        sim.subscribe(&repair.reporter.openid, &string(kind, "template_id"), 3);
        repair.reporter.post("/me/notice-consents", json!({ "accepted": [kind["template"]] })).expect(200);
    }
    repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
    repair.ticket_in("resolved");
    eventually("messages were sent", 20, || (sim.messages().len() >= 2).then_some(()));
    // And a platform that misbehaves makes the server talk most.
    for fault in [
        json!({ "kind": "garbage" }),
        json!({ "kind": "drop" }),
        json!({ "kind": "errcode", "value": 40125 }),
        json!({ "kind": "status", "value": 500 }),
    ] {
        for api in ["jscode2session", "getuserphonenumber"] {
            sim.fault(api, fault.clone());
        }
        let (code, _) = sim.login_code(Some(&repair.reporter.openid));
        server.anon().post("/auth/wechat/login", json!({ "code": code })).send();
        let code = sim.phone_code(&repair.reporter.openid, "13701928374");
        repair.reporter.post("/auth/wechat/phone", json!({ "code": code })).send();
        sim.heal();
    }
    repair.reporter.get("/me/data-export").expect(200);
    let person = people(server, &mut canaries);
    (canaries, person)
}

/// Somebody is written down, claims a home, is looked up, revealed, imported and exported; and everything fails once, too. Gives
/// the person's id.
fn people(server: &Server, canaries: &mut Canaries) -> String {
    let registry = Registry::new(server);
    let (name, number, phone) = ("欧阳知秋", id_number("19830417", 77_031), "13588237461");
    let (resident, person) = registry.known_resident(name, &number, phone);
    canaries.add("a resident's name", name);
    canaries.add("a resident's number", number.as_str());
    canaries.add("a resident's telephone", phone);
    canaries.add("a resident's openid", &resident.openid);
    let manager = &registry.manager;
    let at = format!("/people/{}", string(&person, "id"));
    let reason = json!({ "fields": ["id_number", "phone"], "reason": "上门核实" });
    let shown = manager.post(&format!("{at}/reveal"), reason).header("Idempotency-Key", "reveal").expect(200);
    assert!(shown.to_string().contains(&number), "the canary is really there: {shown}");
    manager.get(&registry.at("people?name=%E6%AC%A7%E9%98%B3%E7%9F%A5%E7%A7%8B")).send();
    manager.get(&registry.at(&format!("people?id_number={number}&name={number}"))).send();
    // Twice the same person, a wrong digit, and a body that does not fit: refusals must not repeat what they refuse.
    let again = json!({ "community_id": registry.id, "name": name, "id_number": number, "phone": phone });
    manager.post("/people", again.clone()).header("Idempotency-Key", "again").send();
    let wrong = canaries.add("a number with a wrong digit", format!("{}0", &number[..17]).replace("00", "01"));
    let mut other = again;
    other["id_number"] = json!(wrong);
    other["surplus"] = json!(number);
    manager.post("/people", other).send();
    let (listed, listed_number, listed_phone) = ("慕容听雨", id_number("19920908", 77_032), "13677341852");
    canaries.add("a name in a file", listed);
    canaries.add("a number in a file", listed_number.as_str());
    canaries.add("a telephone in a file", listed_phone);
    let file = format!(
        "name,id_number,phone,estate,building,number,unit,relation\n{listed},{listed_number},{listed_phone},样例一村,1栋,102,1,owner\n\
         {listed},{wrong},x,样例一村,1栋,102,1,owner\n"
    );
    registry.import_by(manager, &[("kind", "people")], file.as_bytes());
    manager.get(&registry.at("people?limit=100")).expect(200);
    resident.get("/me/data-export").expect(200);
    string(&person, "id")
}

#[test]
fn secrets_and_persons_stand_nowhere_in_clear() {
    let options = Options::default().env("RUST_LOG", "trace").env("WECHAT_APPID", APPID).env("WECHAT_SECRET", APP_SECRET);
    let server = Server::start(options.env("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1"));
    // A partner who wants to know everything.
    let partner = Receiver::open(Manner::ok());
    server.staff("admin").post("/webhooks", json!({ "url": partner.url(), "events": ["*"] })).expect(201);
    let (canaries, person) = a_busy_morning(&server);
    let marker = unique("the-end-");
    server.anon().plain("GET", "/livez").header("X-Request-Id", &marker).send().expect(200);
    eventually("the log is complete", 10, || server.log().contains(&marker).then_some(()));

    assert!(server.log().contains("TRACE"), "the log is at its most talkative");
    canaries.absent_from("the log", server.log().as_bytes());
    assert!(!server.log().contains("session_key"), "not even its name");
    canaries.absent_from("the metrics", &server.anon().plain("GET", "/metrics").send().expect(200).body);
    // Also of the person whom we look for, up to what was last done to them.
    let of_the_person = |letter: &Letter| letter.json()["subject"]["id"] == person.as_str() && letter.json()["type"] == "person.revealed";
    let letters = eventually("the partner is told", 30, || Some(partner.letters()).filter(|letters| letters.iter().any(of_the_person)));
    assert!(letters.len() > 10, "{letters:?}");
    for letter in &letters {
        canaries.absent_from("what a partner was sent", &letter.body);
    }
    // The platform is told who a message is for; that is not a secret between it and us.
    let asked = server.sim().ask("/_sim/requests")["items"].to_string();
    canaries.without(|what| what.contains("openid") || what.contains("code")).absent_from("the platform's log", asked.as_bytes());

    let mut looked_at = Vec::new();
    for path in server.files("") {
        if let Ok(content) = std::fs::read(&path)
            && !content.is_empty()
        {
            canaries.absent_from(&path.display().to_string(), &content);
            looked_at.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    if is_postgres() {
        let url = |name: &str| server.env().iter().find(|(other, _)| other == name).map(|(_, url)| url.clone()).unwrap();
        let dump = Command::new("pg_dump").args(["--inserts", &url("DATABASE_URL")]).output().expect("pg_dump runs");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        canaries.absent_from("PostgreSQL", &dump.stdout);
        // Redis is where instances share the platform's token of two hours, so there it stands.
        let shared = canaries.without(|what| what == "the platform's access token");
        shared.absent_from("Redis", &redis_content(&url("REDIS_URL")));
    } else {
        assert!(looked_at.iter().any(|name| name == "jiazai.sqlite"), "{looked_at:?}");
    }
    // The search itself works: what is no secret is found by it.
    let known = Canaries(vec![("the demo's password".into(), PASSWORD.into())]);
    assert!(known.find_in(server.log().as_bytes()).is_some(), "the hint at the start names the demo's password");
}
