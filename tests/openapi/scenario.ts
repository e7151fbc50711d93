// A property firm's first afternoon, written against nothing but the generated types: staff sign in, take a report down, give
// it out, do it; a refusal is read by its code and its pointers; a list is walked to its end.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const baseUrl = process.env.JIAZAI ?? "http://127.0.0.1:8080";
// A list can be had as CSV as well; a program that says which kind it reads gets the types of that kind alone.
type Json = "application/json" | "application/problem+json";
const anybody = createClient<paths, Json>({ baseUrl });

async function signIn(username: string) {
  const { data, error } = await anybody.POST("/api/v1/auth/staff/login", { body: { username, password: "jiazai-demo" } });
  assert(data, JSON.stringify(error));
  const api = createClient<paths, Json>({ baseUrl, headers: { Authorization: `Bearer ${data.access_token}` } });
  return { api, id: data.principal.id };
}

const dispatcher = await signIn("dispatcher");
const worker = await signIn("worker1");
const places = await anybody.GET("/api/v1/communities");
const community = places.data?.items[0];
assert(community);

const wrong = await dispatcher.api.POST("/api/v1/repair-tickets", { body: { community_id: community.id, category: "plumbing", title: "", description: "厨房水管" } });
assert.equal(wrong.response.status, 422);
assert(wrong.error && wrong.error.code === "validation_failed" && wrong.error.errors?.some((fault) => fault.pointer === "/title"));

const key = crypto.randomUUID();
const body = { community_id: community.id, category: "plumbing", title: "水管漏水", description: "厨房水管", place: "3号楼大厅" };
const report = () => dispatcher.api.POST("/api/v1/repair-tickets", { body, params: { header: { "Idempotency-Key": key } } });
const made = await report();
const again = await report();
assert(made.data && again.data && made.data.id === again.data.id, "a repeat with one key is one ticket");

const path = { id: made.data.id };
const given = await dispatcher.api.POST("/api/v1/repair-tickets/{id}/assign", { params: { path }, body: { worker_id: worker.id } });
assert(given.data, JSON.stringify(given.error));
for (const act of ["accept", "arrive"] as const) {
  const done = await worker.api.POST(`/api/v1/repair-tickets/{id}/${act}`, { params: { path }, body: {} });
  assert(done.data, JSON.stringify(done.error));
}
const ended = await worker.api.POST("/api/v1/repair-tickets/{id}/resolve", { params: { path }, body: { note: "换了阀门" } });
assert(ended.data, JSON.stringify(ended.error));
const state: components["schemas"]["TicketState"] = ended.data.state;
assert.equal(state, "resolved");

let cursor: string | undefined;
let seen = 0;
do {
  const page = await dispatcher.api.GET("/api/v1/repair-tickets", { params: { query: { limit: 2, cursor } } });
  assert(page.data, JSON.stringify(page.error));
  seen += page.data.items.filter((ticket) => ticket.id === path.id).length;
  cursor = page.data.next_cursor ?? undefined;
} while (cursor);
assert.equal(seen, 1, "each ticket is on one page");
console.log("the TypeScript client went through");
