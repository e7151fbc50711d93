//! Those who use the server. The type says who asks; methods are named by what people do.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use crate::http::Client;
use crate::read::string;
use crate::server::Server;

/// The password of every member of the demo staff, and of those whom tests hire.
pub const PASSWORD: &str = "jiazai-demo";

/// Nobody in particular.
#[derive(Debug, Clone, Copy)]
pub struct Anon<'s>(pub(crate) &'s Server);

impl Client for Anon<'_> {
    fn server(&self) -> &Server {
        self.0
    }
    fn authorization(&self) -> Option<String> {
        None
    }
}

/// Whoever holds this `Authorization` value, which the test has made itself.
#[derive(Debug, Clone)]
pub struct Bearer<'s> {
    pub(crate) server: &'s Server,
    pub(crate) value: String,
}

impl Client for Bearer<'_> {
    fn server(&self) -> &Server {
        self.server
    }
    fn authorization(&self) -> Option<String> {
        Some(self.value.clone())
    }
}

/// An access token and when it was given, on both clocks.
#[derive(Debug)]
struct Held {
    token: String,
    since: Instant,
    ahead: u64,
}

/// Access tokens live 15 minutes at most; somebody who has held one for seven logs in again.
const LOG_IN_AGAIN_AFTER_S: u64 = 420;

#[derive(Debug, Default)]
pub(crate) struct Wallet(Mutex<Option<Held>>);

impl Wallet {
    fn token(&self, server: &Server, log_in: impl FnOnce() -> Value) -> String {
        let mut held = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let ahead = server.sim().ahead();
        if let Some(held) = held.as_ref().filter(|h| h.since.elapsed().as_secs() + (ahead - h.ahead) < LOG_IN_AGAIN_AFTER_S) {
            return held.token.clone();
        }
        let session = log_in();
        let token = session["access_token"].as_str().unwrap_or_else(|| panic!("no access_token in {session}")).to_owned();
        *held = Some(Held { token: token.clone(), since: Instant::now(), ahead });
        token
    }
}

/// A resident, who logs in through the platform.
#[derive(Debug, Clone)]
pub struct Resident<'s> {
    server: &'s Server,
    pub openid: String,
    wallet: Arc<Wallet>,
}

impl<'s> Resident<'s> {
    pub(crate) fn new(server: &'s Server) -> Self {
        let (_, openid) = server.sim().login_code(None);
        Self { server, openid, wallet: Arc::default() }
    }

    /// The same person on a device of their own: what ends there does not end here.
    pub fn on_another_device(&self) -> Self {
        Self { wallet: Arc::default(), ..self.clone() }
    }

    /// Logs in on one more device: a session that this value's other calls do not use.
    #[track_caller]
    pub fn log_in(&self) -> Value {
        let (code, _) = self.server.sim().login_code(Some(&self.openid));
        self.server.anon().post("/auth/wechat/login", json!({ "code": code })).expect(200)
    }

    #[track_caller]
    pub fn bind_phone(&self, phone: &str) -> Value {
        let code = self.server.sim().phone_code(&self.openid, phone);
        self.post("/auth/wechat/phone", json!({ "code": code })).expect(200)
    }

    #[track_caller]
    pub fn id(&self) -> String {
        string(&self.get("/me").expect(200), "id")
    }
}

impl Client for Resident<'_> {
    fn server(&self) -> &Server {
        self.server
    }
    fn authorization(&self) -> Option<String> {
        Some(format!("Bearer {}", self.wallet.token(self.server, || self.log_in())))
    }
}

/// A member of staff, who logs in by name and password.
#[derive(Debug, Clone)]
pub struct Staff<'s> {
    server: &'s Server,
    pub username: String,
    wallet: Arc<Wallet>,
}

impl<'s> Staff<'s> {
    pub(crate) fn new(server: &'s Server, username: &str, wallet: Arc<Wallet>) -> Self {
        Self { server, username: username.to_owned(), wallet }
    }

    /// The same person at a desk of their own: what ends there does not end here.
    pub fn on_another_device(&self) -> Self {
        Self { wallet: Arc::default(), ..self.clone() }
    }

    /// Logs in once more: a session that this value's other calls do not use.
    #[track_caller]
    pub fn log_in(&self) -> Value {
        self.server.anon().post("/auth/staff/login", json!({ "username": self.username, "password": PASSWORD })).expect(200)
    }

    /// Also what others call this person: the `worker_id`.
    #[track_caller]
    pub fn id(&self) -> String {
        string(&self.get("/me").expect(200), "id")
    }

    /// Employs somebody with one role in a community, whom nothing else in the run has touched.
    #[track_caller]
    pub fn hire(&self, role: &str, community: &str) -> Staff<'s> {
        self.hire_as(json!([{ "role": role, "community_id": community }]))
    }

    /// Employs somebody with these roles.
    #[track_caller]
    pub fn hire_as(&self, roles: Value) -> Staff<'s> {
        let username = crate::unique("u");
        self.post("/staff", json!({ "username": username, "display_name": "临时工", "password": PASSWORD, "roles": roles })).expect(201);
        Staff::new(self.server, &username, Arc::default())
    }
}

impl Client for Staff<'_> {
    fn server(&self) -> &Server {
        self.server
    }
    fn authorization(&self) -> Option<String> {
        Some(format!("Bearer {}", self.wallet.token(self.server, || self.log_in())))
    }
}
