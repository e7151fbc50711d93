//! The registry 一房一档: places, how homes are lived in, who may speak for one, and who sees how much.

mod bindings;
mod places;
mod statistics;

use jiazai_tests::{Client, Resident, Server, Staff, Value, json, text, unique};

/// A community of its own, with its administrator, two grid workers, and two buildings, each in one of their grids.
struct Place<'s> {
    server: &'s Server,
    id: String,
    manager: Staff<'s>,
    workers: [Staff<'s>; 2],
    grids: [String; 2],
    estate: String,
    buildings: [String; 2],
}

impl<'s> Place<'s> {
    fn new(server: &'s Server) -> Self {
        let admin = server.staff("admin");
        let community = admin.post("/communities", json!({ "name": "明珠社区", "code": unique("c"), "street": "城东街道" })).expect(201);
        let id = text(&community, "id").to_owned();
        let manager = admin.hire("community_admin", &id);
        let workers = [manager.hire("grid_worker", &id), manager.hire("grid_worker", &id)];
        let grid = |n: usize| {
            let body = json!({ "name": format!("第{n}网格"), "staff_ids": [workers[n].id()] });
            text(&manager.post(&format!("/communities/{id}/grids"), body).expect(201), "id").to_owned()
        };
        let grids = [grid(0), grid(1)];
        let estate = manager.post(&format!("/communities/{id}/estates"), json!({ "name": "明珠花园" })).expect(201);
        let estate = text(&estate, "id").to_owned();
        let building = |n: usize| {
            let body = json!({ "name": format!("{}号楼", n + 1), "estate_id": estate, "grid_id": grids[n] });
            text(&manager.post(&format!("/communities/{id}/buildings"), body).expect(201), "id").to_owned()
        };
        let buildings = [building(0), building(1)];
        Self { server, manager, workers, grids, estate, buildings, id }
    }

    /// A new home in one of the buildings.
    fn home(&self, n: usize, number: &str) -> Value {
        let body = json!({ "unit": "2", "floor": 3, "number": number, "area_m2": 89.53 });
        self.manager.post(&format!("/buildings/{}/homes", self.buildings[n]), body).expect(201)
    }

    fn at(&self, below: &str) -> String {
        format!("/communities/{}/{below}", self.id)
    }

    fn set(&self, who: &impl Client, home: &Value, status: &str) -> Value {
        let path = format!("/homes/{}/occupancy", text(home, "id"));
        who.put(&path, json!({ "status": status })).header("If-Match", "*").expect(200)
    }

    fn claim(&self, who: &Resident, home: &Value, relation: &str) -> Value {
        who.post("/home-bindings", json!({ "home_id": home["id"], "relation": relation })).expect(201)
    }

    /// A resident whose claim a keeper has approved.
    fn bound(&self, home: &Value) -> Resident<'s> {
        let resident = self.server.resident();
        let binding = self.claim(&resident, home, "owner");
        self.manager.post(&format!("/home-bindings/{}/approve", text(&binding, "id")), json!({})).expect(200);
        resident
    }
}
