//! Tidying up: what nobody needs any more is forgotten, and nothing sooner. What is old enough and what is not meet the same round of
//! the job, so that each is the other's proof.

use jiazai_tests::{Client, Options, PICTURE, Repair, Reply, Server, eventually, json, string};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// It is tidied every thirty seconds by the wall, whatever the server's clock says and whoever writes: the patience is four times that.
#[track_caller]
fn once_tidied(what: &str, mut look: impl FnMut() -> bool) {
    eventually(what, 120, || look().then_some(()));
}

#[test]
fn an_answer_to_a_key_is_kept_for_a_day_and_forgotten_after_two() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let keyed = |key: &str| {
        let call = repair.reporter.post("/repair-tickets", repair.draft()).header("Idempotency-Key", key);
        string(&call.expect(201), "id")
    };
    let first = keyed("old");
    server.sim().advance(24 * HOUR);
    assert_eq!(keyed("old"), first);
    let young = keyed("young");
    server.sim().advance(24 * HOUR + 60);
    once_tidied("the old answer is forgotten", || keyed("old") != first);
    assert_eq!(keyed("young"), young);
}

#[test]
fn a_session_is_remembered_for_thirty_days_after_the_longest_it_could_have_lived() {
    let server = Server::start(Options::default());
    // Staff's live for seven days at most. Both are logged out at once, which is known as long as they are remembered.
    let ended = || {
        let session = server.staff("manager").log_in();
        server.bearer(format!("Bearer {}", string(&session, "access_token"))).post("/auth/logout", json!({})).expect(204);
        string(&session, "refresh_token")
    };
    let refresh = |token: &str| server.anon().post("/auth/refresh", json!({ "refresh_token": token })).send().expect(401);
    let first = ended();
    server.sim().advance(2 * DAY);
    let later = ended();
    server.sim().advance(35 * DAY + 60);
    once_tidied("the first is forgotten", || refresh(&first).json["code"] == "refresh_invalid");
    assert_eq!(refresh(&later).json["code"], "session_revoked");
}

#[test]
fn an_upload_that_belongs_to_nothing_for_two_days_is_forgotten_with_its_bytes() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let upload = |name: &str, kind: &str, content: &[u8]| {
        string(&repair.reporter.call("POST", "/files").file(name, kind, content).expect(201), "id")
    };
    let form = |title: &str| {
        let text = format!("%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Title ({title}) >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n");
        upload("form.pdf", "application/pdf", text.as_bytes())
    };
    let look = |id: &str| -> Reply { repair.reporter.get(&format!("/files/{id}")).send() };
    let (old, photo) = (form("old"), upload("a.png", "image/png", PICTURE));
    let mut draft = repair.draft();
    draft["photos"] = json!([photo]);
    repair.reporter.post("/repair-tickets", draft).expect(201);
    server.sim().advance(DAY);
    let young = form("young");
    let before = server.files("files").len();
    look(&old).expect(200);
    server.sim().advance(DAY + 60);
    once_tidied("the old upload is forgotten", || look(&old).status == 404);
    eventually("its bytes are gone", 30, || (server.files("files").len() == before - 1).then_some(()));
    look(&young).expect(200);
    look(&photo).expect(200);
}
