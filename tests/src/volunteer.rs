//! An activity with shifts, for tests that need one, and the clock on which shifts begin and end.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::http::Client;
use crate::people::{Resident, Staff};
use crate::read::string;
use crate::server::Server;

/// The demo community's leader and a published activity of theirs.
#[derive(Debug)]
pub struct Volunteering<'s> {
    pub server: &'s Server,
    pub leader: Staff<'s>,
    pub activity: String,
}

/// `seconds` from the server's present, in RFC 3339.
pub fn instant(server: &Server, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let at = now + server.sim().ahead() as i64 + seconds;
    let (days, rest) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // Civil date from days, by the algorithm that counts years from March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

impl<'s> Volunteering<'s> {
    #[track_caller]
    pub fn new(server: &'s Server) -> Self {
        Self::with(server, json!({}))
    }

    /// With other fields than usual.
    #[track_caller]
    pub fn with(server: &'s Server, other: Value) -> Self {
        let leader = server.staff("leader");
        let mut draft = Self::draft(server);
        for (name, value) in other.as_object().expect("fields") {
            draft[name] = value.clone();
        }
        let made = leader.post("/volunteer-activities", draft).expect(201);
        let activity = string(&made, "id");
        leader.post(&format!("/volunteer-activities/{activity}/publish"), json!({})).expect(200);
        Self { server, leader, activity }
    }

    /// In another community than the demo's, which this leader leads.
    #[track_caller]
    pub fn led_by(server: &'s Server, leader: Staff<'s>, community: &str, other: Value) -> Self {
        let mut draft = Self::draft(server);
        draft["community_id"] = json!(community);
        for (name, value) in other.as_object().expect("fields") {
            draft[name] = value.clone();
        }
        let activity = string(&leader.post("/volunteer-activities", draft).expect(201), "id");
        leader.post(&format!("/volunteer-activities/{activity}/publish"), json!({})).expect(200);
        Self { server, leader, activity }
    }

    pub fn draft(server: &Server) -> Value {
        json!({ "community_id": server.community(), "title": "清洁河岸", "description": "带手套", "points_per_hour": 10, "max_hours": 4 })
    }

    pub fn path(&self) -> String {
        format!("/volunteer-activities/{}", self.activity)
    }

    /// A shift that begins in so many seconds and lasts two hours.
    #[track_caller]
    pub fn shift(&self, in_s: i64, capacity: i64, waitlist: i64) -> String {
        string(&self.leader.post(&format!("{}/shifts", self.path()), self.shift_draft(in_s, capacity, waitlist)).expect(201), "id")
    }

    pub fn shift_draft(&self, in_s: i64, capacity: i64, waitlist: i64) -> Value {
        json!({
            "starts_at": instant(self.server, in_s), "ends_at": instant(self.server, in_s + 7200),
            "capacity": capacity, "waitlist_capacity": waitlist, "cancel_before_s": 3600,
        })
    }

    #[track_caller]
    pub fn sign_up(&self, who: &Resident, shift: &str) -> Value {
        who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).expect(201)
    }

    #[track_caller]
    pub fn look(&self, shift: &str) -> Value {
        self.leader.get(&format!("/shifts/{shift}")).expect(200)
    }

    #[track_caller]
    pub fn code(&self, shift: &str) -> String {
        string(&self.leader.post(&format!("/shifts/{shift}/check-in-code"), json!({})).expect(200), "code")
    }

    /// Serves a whole shift: signs up, checks in before the start, out after the end, and is credited. Moves the clock.
    #[track_caller]
    pub fn serve(&self, who: &Resident) -> Value {
        let shift = self.shift(60, 1, 0);
        let own = string(&self.sign_up(who, &shift), "id");
        // Before the start: from then on every minute counts.
        who.post(&format!("/sign-ups/{own}/check-in"), json!({ "code": self.code(&shift) })).expect(200);
        self.server.sim().advance(60 + 7200);
        who.post(&format!("/sign-ups/{own}/check-out"), json!({ "code": self.code(&shift) })).expect(200);
        self.leader.post(&format!("/sign-ups/{own}/settle"), json!({})).expect(200)
    }
}
