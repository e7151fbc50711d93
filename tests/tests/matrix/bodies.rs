//! What is said: for each operation a query and a body with which nothing is wrong.

use jiazai_tests::season::plain_rules;
use jiazai_tests::{CategoryDraft, Operation, PASSWORD, Value, Volunteering, instant, json, unique};

use super::{Stage, Who, id};

impl Stage<'_> {
    /// Parameters without which an operation cannot be asked.
    pub(super) fn query(&self, operation: &Operation) -> String {
        let parameters = operation.json["parameters"].as_array().cloned().unwrap_or_default();
        let asked = |name: &str| parameters.iter().any(|p| p["in"] == "query" && p["name"] == name);
        if asked("jurisdiction_id") {
            format!("?jurisdiction_id={}", self.server.community())
        } else if asked("community_id") {
            format!("?community_id={}", self.server.community())
        } else if asked("resident_id") {
            format!("?resident_id={}", self.repair.reporter.id())
        } else if asked("month") {
            "?month=2026-05".into()
        } else {
            String::new()
        }
    }

    /// A body with which nothing is wrong.
    pub(super) fn body(&self, operation: &Operation, who: &Who) -> Value {
        let path = operation.path.strip_prefix("/api/v1").unwrap_or(&operation.path);
        let community = self.server.community();
        let roles = json!([{ "role": "grid_worker", "community_id": community }]);
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (operation.method.as_str(), steps.as_slice()) {
            ("POST", ["auth", "wechat", "login"]) => json!({ "code": self.server.sim().login_code(None).0 }),
            ("POST", ["auth", "wechat", "phone"]) => match who {
                Who::Resident(someone) => json!({ "code": self.server.sim().phone_code(&someone.openid, "13812345678") }),
                _ => json!({ "code": "0" }),
            },
            ("POST", ["me", "wechat"]) => json!({ "code": self.server.sim().login_code(None).0 }),
            ("POST", ["me", "notice-consents"]) => json!({ "accepted": ["repair_progress"] }),
            // Not the right one: a change would end the column's session.
            ("POST", ["me", "password"]) => json!({ "current_password": "not-this-one", "new_password": "another-long-one" }),
            ("POST", ["me", "totp", "confirm"]) => json!({ "enrolment": "x", "code": "123456" }),
            ("POST", ["auth", "staff", "login"]) => json!({ "username": "grid1", "password": PASSWORD }),
            ("POST", ["auth", "refresh"]) => json!({ "refresh_token": self.repair.reporter.log_in()["refresh_token"] }),
            ("POST", ["staff"]) => json!({ "username": unique("m"), "display_name": "新人", "password": PASSWORD, "roles": roles }),
            ("PUT", ["staff", _]) => json!({ "display_name": "改名", "roles": roles }),
            ("POST", ["api-keys"]) => json!({ "name": "矩阵", "scopes": ["repair:read"], "community_id": community }),
            ("POST", ["webhooks"]) => json!({ "url": "https://hooks.example.com/", "events": ["*"], "community_id": community }),
            ("PUT", ["webhooks", _]) => json!({ "url": "https://hooks.example.com/", "events": ["*"] }),
            ("POST", ["webhooks", _, "replay"]) => json!({ "from": instant(self.server, -60) }),
            ("POST", ["communities", _, "buildings"]) => json!({ "name": unique("楼"), "estate_id": self.place("estates") }),
            ("POST", ["communities", _, "estates" | "estate-groups" | "grids"]) => json!({ "name": unique("甲") }),
            // Where it is: in another grid it would be out of sight for the grid worker of all later rows.
            ("POST", ["buildings", _, "regrid"]) => json!({ "grid_id": self.place("grids") }),
            ("POST", ["buildings", _, "homes"]) | ("PUT", ["homes", _]) => json!({ "number": unique("9") }),
            ("PUT", ["estates" | "grids" | "buildings", _]) => json!({ "name": unique("甲") }),
            ("PUT", ["homes", _, "occupancy"]) => json!({ "status": "rented" }),
            ("PUT", ["grids", _, "staff"]) => json!({ "staff_ids": [self.server.staff("grid1").id()] }),
            ("POST", ["home-bindings"]) => json!({ "home_id": self.place("homes"), "relation": "owner" }),
            ("POST", ["registry-proposals"]) => self.proposal(),
            ("POST", ["home-bindings" | "home-visits" | "registry-proposals", _, "reject" | "cancel"])
            | ("POST", ["content-reviews", _, "reject"]) => {
                json!({ "reason": "与登记不符" })
            }
            ("POST", ["people"]) => json!({ "community_id": community, "name": "样例人",
                "facts": [{ "home_id": self.place("homes"), "kind": "residence", "from": "2020-01-01" }] }),
            ("PUT", ["people", _]) => json!({ "name": "改名" }),
            ("POST", ["people", _, "facts"]) => json!({ "home_id": self.place("homes"), "kind": "family", "from": "2020-01-01" }),
            ("POST", ["people", _, "tags"]) => json!({ "tag": "elder" }),
            ("POST", ["people", _, "reveal"]) => json!({ "fields": ["phone"], "reason": "上门核实" }),
            ("POST", ["people", _, "record-death"]) => json!({ "deceased_on": "2024-01-01" }),
            ("POST", ["people", _, "move-out"]) => json!({ "moved_out_on": "2024-01-01" }),
            ("POST", ["household-facts", _, "correct"]) => json!({ "from": "2021-01-01", "reason": "按证件更正" }),
            ("POST", ["household-facts", _, "end"]) => json!({ "until": "2024-01-01" }),
            ("POST", ["person-tags", _, "remove"]) => json!({ "reason": "不再符合" }),
            ("POST", ["communities", _, "tags", "adopt"]) => json!({ "preset": "five" }),
            ("POST", ["communities", _, "tags"]) => json!({ "code": unique("m"), "name": unique("签"), "legal_basis": "《某法》" }),
            ("PUT", ["communities", _, "tags", _]) => json!({ "name": unique("签"), "legal_basis": "《某法》", "active": true }),
            ("POST", ["delegations"]) => self.delegation(),
            ("POST", ["home-visits"]) => self.visit(),
            ("POST", ["home-visits", _, "assign"]) => json!({ "visitor_id": self.server.staff("grid1").id() }),
            ("POST", ["home-visits", _, "finish"]) => json!({ "outcome": "met" }),
            ("POST", ["schools"]) => json!({ "name": unique("小学"), "community_ids": [community] }),
            ("POST", ["enrolment-rounds"]) => self.season.round_draft(&[5], plain_rules()),
            ("PUT", ["enrolment-rounds", _]) => self.season.round_draft(&[5], plain_rules()),
            ("POST", ["enrolment-rounds", _, "precheck"]) => json!({ "facts": { "migrant": true } }),
            ("POST", ["enrolment-rounds", _, "seat-plans"]) => {
                json!({ "seat_plans": [{ "school_id": self.season.schools[0], "seats": 60 }], "reason": "增班" })
            }
            ("POST", ["enrolment-rounds", _, "late-permits"]) => {
                json!({ "applicant_id": self.repair.reporter.id(), "until": instant(self.server, 3600), "reason": "住院" })
            }
            ("POST", ["enrolment-rounds", _, "draws"]) => json!({ "kind": "ring" }),
            ("POST", ["enrolment-rounds", _, "publish" | "open" | "close" | "list" | "allocate" | "announce" | "finish"]) => {
                json!({ "early": true, "reason": "矩阵" })
            }
            ("POST", ["enrolment-draws", _, "reveal"]) => json!({ "start": 1, "interval": 1 }),
            ("POST", ["enrolment-applications"]) => self.season.bare_draft(&self.family()),
            ("PUT", ["enrolment-applications", _]) => {
                let mut draft = self.season.bare_draft(&self.family());
                draft.as_object_mut().unwrap().remove("round_id");
                draft
            }
            ("POST", ["enrolment-applications", _, "object" | "reject" | "revoke"]) => json!({ "reason": "矩阵" }),
            ("POST", ["enrolment-applications", _, "coordinate"]) => {
                json!({ "school_id": self.season.schools[0], "reason": "矩阵" })
            }
            ("POST", ["repair-tickets"]) => self.repair.draft(),
            ("POST", ["repair-tickets", _, action]) => self.repair.right_body(action),
            ("PUT", ["repair-categories", _]) => CategoryDraft::new("assign").0,
            ("POST", ["volunteer-activities"]) => Volunteering::draft(self.server),
            ("PUT", ["volunteer-activities", _]) => {
                let mut draft = Volunteering::draft(self.server);
                draft.as_object_mut().unwrap().remove("community_id");
                draft
            }
            ("POST", ["volunteer-activities", _, "consents"]) => {
                json!({ "resident_id": self.repair.reporter.id(), "text_version": "2026-01" })
            }
            ("POST", ["volunteer-activities", _, "shifts"]) => self.volunteering.shift_draft(3600, 5, 5),
            ("POST", ["volunteer-activities", _, "shift-series"]) => {
                let (from, until) = (instant(self.server, 86_400), instant(self.server, 8 * 86_400));
                json!({ "from": from[..10], "until": until[..10], "weekdays": [6], "starts": "09:00", "duration_s": 7200, "capacity": 3 })
            }
            ("POST", ["shifts", _, "reschedule"]) => {
                json!({ "starts_at": instant(self.server, 9000), "ends_at": instant(self.server, 12_000) })
            }
            ("POST", ["shifts", _, "resize"]) => json!({ "capacity": 9, "waitlist_capacity": 9 }),
            ("POST", ["sign-ups", _, "check-in" | "check-out"]) => json!({ "code": "00000000" }),
            ("POST", ["sign-ups", _, "settle"]) => json!({ "minutes": 60, "reason": "忘记签到" }),
            ("POST", ["sign-ups", _, "swap"]) => json!({ "with": id(&self.sign_up(&self.server.resident())) }),
            ("POST", ["certificates", _, "revoke"]) => json!({ "reason": "登记有误" }),
            ("POST", ["points", "grants"]) => {
                json!({ "resident_id": self.repair.reporter.id(), "points": 1, "reason": "矩阵", "community_id": community })
            }
            ("POST", ["points", "reversals"]) => json!({ "entry_id": self.entry(), "reason": "矩阵" }),
            ("PUT", ["communities", _, "volunteer-rules"]) => {
                json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 0 })
            }
            ("PUT", ["me", "volunteer-ranking"]) => json!({ "agreed": true }),
            ("PUT", ["me"]) => json!({ "nickname": "小王" }),
            ("PUT", ["schools", _]) => json!({ "name": unique("小学"), "community_ids": [community] }),
            ("POST", ["meta", "enrolment-rule-sets", "try"]) => json!({ "rules": plain_rules() }),
            ("POST", ["communities"]) => json!({ "code": unique("m-"), "name": "新社区" }),
            _ => json!({}),
        }
    }
}
