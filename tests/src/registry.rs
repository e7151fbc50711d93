//! A community with homes to register people in, and people who do not exist.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::http::Client;
use crate::people::{Resident, Staff};
use crate::read::string;
use crate::server::Server;

/// A resident identity number with a right check digit under a region that no administrative division has.
pub fn id_number(born: &str, sequence: usize) -> String {
    let digits = format!("{:06}{born}{:03}", 990_000 + sequence / 1000, sequence % 1000);
    let sum: u32 = digits.bytes().enumerate().map(|(i, b)| u32::from(b - b'0') * ((1 << (17 - i)) % 11)).sum();
    format!("{digits}{}", "10X98765432".as_bytes()[(sum % 11) as usize] as char)
}

/// The identity number of somebody born on that day (`19700101`) whom nobody else of this run is.
pub fn fresh_id_number(born: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(600_001);
    id_number(born, NEXT.fetch_add(2, Ordering::Relaxed))
}

/// A community of its own, with an administrator and two grid workers.
#[derive(Debug)]
pub struct Registry<'s> {
    pub server: &'s Server,
    pub id: String,
    pub code: String,
    pub manager: Staff<'s>,
    pub workers: [Staff<'s>; 2],
    pub grids: [String; 2],
}

impl<'s> Registry<'s> {
    /// Ten homes, 101 to 105 in building 1 of the first grid and 101 to 105 in building 2 of the second.
    #[track_caller]
    pub fn new(server: &'s Server) -> Self {
        let registry = Self::empty(server);
        registry.import(&[("kind", "registry")], HOMES.as_bytes(), "succeeded");
        registry
    }

    /// Grids and their workers, and no homes.
    #[track_caller]
    pub fn empty(server: &'s Server) -> Self {
        let (admin, code) = (server.staff("admin"), crate::unique("r"));
        let id = string(&admin.post("/communities", json!({ "name": "样例社区", "code": code })).expect(201), "id");
        let manager = admin.hire("community_admin", &id);
        let workers = [manager.hire("grid_worker", &id), manager.hire("grid_worker", &id)];
        let grid = |n: usize| {
            let body = json!({ "name": format!("第{}网格", n + 1), "staff_ids": [workers[n].id()] });
            string(&manager.post(&format!("/communities/{id}/grids"), body).expect(201), "id")
        };
        let grids = [grid(0), grid(1)];
        Self { server, code, manager, workers, grids, id }
    }

    /// Somebody who keeps the first grid, and is a second thing in the community, too.
    #[track_caller]
    pub fn worker_who_is_also(&self, role: &str) -> Staff<'s> {
        let of = |role: &str| json!({ "role": role, "community_id": self.id });
        let who = self.manager.hire_as(json!([of("grid_worker"), of(role)]));
        let grid = format!("/grids/{}/staff", self.grids[0]);
        self.manager.put(&grid, json!({ "staff_ids": [self.workers[0].id(), who.id()] })).header("If-Match", "*").expect(200);
        who
    }

    /// The demo's own community, with the demo's own staff.
    pub fn of_the_demo(server: &'s Server) -> Self {
        let (manager, worker) = (server.staff("manager"), server.staff("grid1"));
        let (id, code) = (server.community().to_owned(), "dongtu".to_owned());
        Self { server, id, code, manager, workers: [worker.clone(), worker], grids: [String::new(), String::new()] }
    }

    pub fn at(&self, below: &str) -> String {
        format!("/communities/{}/{below}", self.id)
    }

    /// The id of a home by building and number.
    #[track_caller]
    pub fn home(&self, building: &str, number: &str) -> String {
        let map = self.manager.get(&self.at("map")).expect(200);
        let buildings = map["buildings"].as_array().cloned().unwrap_or_default();
        let within = buildings.iter().find(|b| b["name"] == building).unwrap_or_else(|| panic!("no {building} in {map}"));
        let homes = within["homes"].as_array().cloned().unwrap_or_default();
        string(homes.iter().find(|home| home["number"] == number).unwrap_or_else(|| panic!("no {number} in {within}")), "id")
    }

    /// Writes somebody down, tied to a home of building 1 by these facts.
    #[track_caller]
    pub fn person(&self, name: &str, id_number: &str, facts: Value) -> Value {
        let body = json!({ "community_id": self.id, "name": name, "id_number": id_number, "facts": facts });
        self.manager.post("/people", body).expect(201)
    }

    /// A resident whose account the registry knows to be the owner of home 101 in building 1, and that person.
    #[track_caller]
    pub fn known_resident(&self, name: &str, id_number: &str, phone: &str) -> (Resident<'s>, Value) {
        let home = self.home("1栋", "101");
        let facts = json!([{ "home_id": home, "kind": "owner", "from": "2020-01-01" }]);
        let body = json!({ "community_id": self.id, "name": name, "id_number": id_number, "phone": phone, "facts": facts });
        let person = self.manager.post("/people", body).expect(201);
        let resident = self.server.resident();
        resident.bind_phone(phone);
        let claim = json!({ "home_id": home, "relation": "owner", "name": name, "id_number": id_number });
        assert_eq!(resident.post("/home-bindings", claim).expect(201)["state"], "active");
        (resident, person)
    }

    /// Imports as the administrator and waits for the end, which is `state`.
    #[track_caller]
    pub fn import(&self, fields: &[(&str, &str)], content: &[u8], state: &str) -> Value {
        let done = self.import_by(&self.manager, fields, content);
        assert_eq!(done["state"], state, "{done}\n{}", self.errors(&done));
        done
    }

    #[track_caller]
    pub fn import_by(&self, who: &impl Client, fields: &[(&str, &str)], content: &[u8]) -> Value {
        let queued = self.begin(who, fields, content);
        self.wait(who, &queued)
    }

    #[track_caller]
    pub fn begin(&self, who: &impl Client, fields: &[(&str, &str)], content: &[u8]) -> Value {
        let mut all = vec![("community_id", self.id.as_str()), ("format", "csv")];
        all.retain(|(name, _)| !fields.iter().any(|(own, _)| own == name));
        all.extend_from_slice(fields);
        who.call("POST", "/imports").form(&all, content).expect(202)
    }

    #[track_caller]
    pub fn wait(&self, who: &impl Client, import: &Value) -> Value {
        let path = format!("/imports/{}", string(import, "id"));
        crate::eventually("the import is over", 120, || {
            let now = who.get(&path).expect(200);
            (!matches!(now["state"].as_str(), Some("queued" | "running"))).then_some(now)
        })
    }

    #[track_caller]
    pub fn errors(&self, import: &Value) -> String {
        self.manager.get(&format!("/imports/{}/errors", string(import, "id"))).send().expect(200).text()
    }

    /// The lines of an export without its header, in no order.
    #[track_caller]
    pub fn export(&self, below: &str) -> Vec<String> {
        let text = self.manager.get(&self.at(below)).send().expect(200).text();
        let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

const HOMES: &str = "estate,grid,building,unit,floor,number,area_m2\n\
    样例一村,第1网格,1栋,1,1,101,80\n样例一村,第1网格,1栋,1,1,102,80\n样例一村,第1网格,1栋,1,1,103,80\n\
    样例一村,第1网格,1栋,1,1,104,80\n样例一村,第1网格,1栋,1,1,105,80\n样例一村,第2网格,2栋,1,1,101,80\n\
    样例一村,第2网格,2栋,1,1,102,80\n样例一村,第2网格,2栋,1,1,103,80\n样例一村,第2网格,2栋,1,1,104,80\n\
    样例一村,第2网格,2栋,1,1,105,80\n";
