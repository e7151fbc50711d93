//! A repair ticket's life, for tests that need one which has come to a certain point.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::http::Client;
use crate::people::{Resident, Staff};
use crate::server::Server;

/// The people around a ticket in the demo community: who reports, who sends, who works.
#[derive(Debug)]
pub struct Repair<'s> {
    pub server: &'s Server,
    pub community: String,
    pub reporter: Resident<'s>,
    pub dispatcher: Staff<'s>,
    pub worker: Staff<'s>,
    pub worker_id: String,
    assign: String,
}

/// A category as a test wants it; made by the community's administrator.
#[derive(Debug, Clone)]
pub struct CategoryDraft(pub Value);

impl CategoryDraft {
    /// Ordinary promises around the clock: an hour, a day, three days.
    pub fn new(dispatch: &str) -> Self {
        Self(json!({
            "name": "测试类别", "dispatch": dispatch, "calendar": "always", "chargeable": true, "photos_required": false,
            "accept_within_s": 3600, "arrive_within_s": 86400, "resolve_within_s": 259_200,
        }))
    }

    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }
}

impl<'s> Repair<'s> {
    /// A new reporter, with the demo's dispatcher and first worker, and a category in which tickets are assigned.
    #[track_caller]
    pub fn new(server: &'s Server) -> Self {
        let worker = server.staff("worker1");
        let repair = Self {
            server,
            community: server.community().to_owned(),
            reporter: server.resident(),
            dispatcher: server.staff("dispatcher"),
            worker_id: worker.id(),
            worker,
            assign: format!("assigned_{}", std::process::id()),
        };
        // One category for all whom one server serves: the first to come makes it.
        static MADE: AtomicBool = AtomicBool::new(false);
        let there = MADE.load(Ordering::SeqCst) && repair.categories().iter().any(|c| c["code"] == repair.assign.as_str());
        if there {
            return repair;
        }
        let path = format!("/repair-categories/{}?community_id={}", repair.assign, repair.community);
        let reply = server.staff("manager").put(&path, CategoryDraft::new("assign").0).send();
        // Two tests may be first at once; the loser is told that a category which exists is changed with If-Match.
        assert!(matches!(reply.status, 200 | 201 | 409 | 428), "{}", reply.describe());
        MADE.store(true, Ordering::SeqCst);
        repair
    }

    #[track_caller]
    pub fn categories(&self) -> Vec<Value> {
        let list = self.dispatcher.get(&format!("/repair-categories?community_id={}&limit=100", self.community)).expect(200);
        list["items"].as_array().cloned().unwrap_or_else(|| panic!("no items in {list}"))
    }

    /// Makes a category of that kind and gives its code.
    #[track_caller]
    pub fn category(&self, draft: CategoryDraft) -> String {
        let code = crate::unique("c");
        let reply = self.server.staff("manager").put(&format!("/repair-categories/{code}?community_id={}", self.community), draft.0).send();
        assert!(matches!(reply.status, 200 | 201), "{}", reply.describe());
        code
    }

    /// What a resident types into the form, in the category whose tickets a dispatcher assigns.
    pub fn draft(&self) -> Value {
        self.draft_in(&self.assign)
    }

    pub fn draft_in(&self, category: &str) -> Value {
        json!({
            "community_id": self.community, "place": "3号楼大厅", "category": category,
            "title": "灯不亮", "description": "大厅的灯从昨晚起不亮。", "photos": [],
        })
    }

    /// Reports something; the ticket.
    #[track_caller]
    pub fn report(&self) -> Value {
        self.reporter.post("/repair-tickets", self.draft()).expect(201)
    }

    #[track_caller]
    pub fn report_in(&self, category: &str) -> Value {
        self.reporter.post("/repair-tickets", self.draft_in(category)).expect(201)
    }

    /// Does something with a ticket and gives the ticket as it then is.
    #[track_caller]
    pub fn act(&self, who: &impl Client, ticket: &Value, action: &str, body: Value) -> Value {
        who.post(&action_path(ticket, action), body).expect(200)
    }

    /// A new ticket, brought to that state by those whose turn it is on the way.
    #[track_caller]
    pub fn ticket_in(&self, state: &str) -> Value {
        let ticket = self.report();
        let steps: &[&str] = match state {
            "submitted" => &[],
            "assigned" => &["assign"],
            "accepted" => &["assign", "accept"],
            "on_site" => &["assign", "accept", "arrive"],
            "quoted" => &["assign", "accept", "arrive", "quote"],
            "approved" => &["assign", "accept", "arrive", "quote", "approve-quote"],
            "paused" => &["assign", "accept", "pause"],
            "resolved" => &["assign", "accept", "arrive", "resolve"],
            "closed" => &["assign", "accept", "arrive", "resolve", "confirm"],
            "cancelled" => &["cancel"],
            other => panic!("no state is called {other}"),
        };
        let ticket = steps.iter().fold(ticket, |ticket, action| self.do_rightly(&ticket, action));
        assert_eq!(ticket["state"], state, "{ticket}");
        ticket
    }

    /// The action by the person whose it is, with a body that is right.
    #[track_caller]
    pub fn do_rightly(&self, ticket: &Value, action: &str) -> Value {
        let body = self.right_body(action);
        match action {
            "assign" | "transfer" | "pause" | "resume" | "merge" => self.act(&self.dispatcher, ticket, action, body),
            "approve-quote" | "refuse-quote" | "confirm" | "reopen" | "rate" | "urge" | "cancel" => {
                self.act(&self.reporter, ticket, action, body)
            }
            _ => self.act(&self.worker, ticket, action, body),
        }
    }

    /// A body with which nothing is wrong. A merge needs another ticket, which is reported for it.
    pub fn right_body(&self, action: &str) -> Value {
        match action {
            "assign" => json!({ "worker_id": self.worker_id }),
            "transfer" => json!({ "worker_id": self.server.staff("worker2").id(), "reason": "换人" }),
            "decline" | "pause" | "refuse-quote" | "reopen" | "cancel" => json!({ "reason": "缺少配件" }),
            "quote" => {
                json!({ "amount_fen": 5000, "items": [{ "name": "灯管", "amount_fen": 3000 }, { "name": "人工", "amount_fen": 2000 }] })
            }
            "resolve" => json!({ "note": "已更换灯管", "photos": [] }),
            "rate" => json!({ "overall": 5, "speed": 4, "service": 5, "comment": "很快" }),
            "merge" => json!({ "into": self.report()["id"] }),
            _ => json!({}),
        }
    }
}

/// `/repair-tickets/{id}/{action}`.
pub(crate) fn action_path(ticket: &Value, action: &str) -> String {
    format!("/repair-tickets/{}/{action}", ticket["id"].as_str().unwrap_or_else(|| panic!("no id in {ticket}")))
}
