//! School enrolment: how long seats take to be allocated, what a registration day is like, and what a precheck costs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiazai_domain::enrolment::SchoolId;
use jiazai_domain::enrolment::allocate::{Applicant, Choice, allocate as fill};
use jiazai_domain::enrolment::round::Plan as Seats;
use jiazai_domain::enrolment::rules::{ExprInput, FactSet, RuleSet, RuleSetInput, TierInput, ValueInput};
use serde_json::{Value, json};

use super::figures::{Plan, beside, cost, some_tickets};
use super::load::{Load, request};
use super::report::{Report, Verdict};
use super::server::{Server, text};
use super::stats::{median, quantile};
use super::volunteer::{at, crowd, words};

const SCHOOLS: u64 = 30;

fn school(n: u64) -> SchoolId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    SchoolId::from_parts(0, random)
}

/// Four tiers in four batches; the way to school decides, and then the draw.
fn rules() -> Result<RuleSet, String> {
    let tier = |n: i64| {
        let when = ExprInput::Fact { fact: "insurance_months".into(), op: "eq".into(), value: Some(ValueInput::Int(n)) };
        TierInput { code: format!("t{n}"), batch: n, name: format!("第{n}类"), when }
    };
    let input = RuleSetInput {
        tiers: (1..=4).map(tier).collect(),
        documents: vec![],
        points: vec![],
        tie_break: vec!["distance".into(), "draw".into()],
        seat_lock_years: 6,
        siblings_exempt: None,
        rest: None,
        choices_in_zone_only: None,
        max_choices: None,
    };
    RuleSet::new(&input).map_err(|faults| format!("{faults:?}"))
}

/// So many children with three wishes each, over thirty schools that have seats for nine in ten; a pair of twins in a hundred.
fn district(children: u64) -> (Seats, Vec<Applicant>) {
    let mut all: Vec<Applicant> = Vec::new();
    for n in 0..children {
        let receipt = format!("26-{:05}-{:05}", n / 100_000, n % 100_000);
        if let Some(first) = all.last().filter(|_| n % 100 == 1).cloned() {
            all.push(Applicant { household: Some(first.receipt.clone()), receipt, ..first });
            continue;
        }
        let wish =
            |i: u64| Choice { school: school((n * 7 + i * 11) % SCHOOLS), distance_m: Some(((n * 7919 + i * 104_729) % 3000) as i64) };
        let batch = 1 + (n % 4) as i64;
        let choices = (0..3).map(wish).collect();
        all.push(Applicant {
            receipt,
            tier: format!("t{batch}"),
            batch,
            household: None,
            choices,
            facts: FactSet::default(),
            points: None,
        });
    }
    let seats = (children * 9 / 10 / SCHOOLS) as i64;
    ((0..SCHOOLS).map(|n| (school(n), seats)).collect(), all)
}

/// 派位: ten thousand children, and how the time grows.
pub(super) fn allocate(out: &mut Report) -> Result<(), String> {
    let rules = rules()?;
    let mut took = Vec::new();
    for children in [1_000, 10_000, 100_000] {
        let (seats, all) = district(children);
        let mut draw: Vec<String> = all.iter().map(|one| one.receipt.clone()).collect();
        // In some other order than that of the receipts, and the same each time.
        draw.sort_by_key(|receipt| receipt.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(byte)));
        let mut times = Vec::new();
        for _ in 0..7 {
            let start = Instant::now();
            let done = fill(&seats, &all, &rules, Some(&draw)).map_err(|refusal| refusal.code().to_owned())?;
            times.push(start.elapsed().as_secs_f64());
            let placed: i64 = done.schools.iter().map(|school| school.placed).sum();
            if done.placements.len() as u64 != children || placed * 10 < seats.values().sum::<i64>() * 9 {
                return Err(format!("of {children} children {placed} were placed"));
            }
        }
        took.push(median(&mut times));
    }
    let [thousand, ten, hundred] = took[..] else { return Err("three sizes".to_owned()) };
    out.add(
        "allocation of 10,000 children over 30 schools with 3 choices",
        "< 1 s",
        format!("{:.0} ms", ten * 1000.0),
        Verdict::of(ten < 1.0),
        format!("median of 7, traces included; 1,000: {:.1} ms; 100,000: {:.0} ms", thousand * 1000.0, hundred * 1000.0),
    );
    // n log n grows by 12.5 from ten thousand to a hundred thousand; what no cache holds any more is dearer.
    out.add(
        "the same, 100,000 / 10,000 (n log n is 12.5)",
        "≤ 20",
        format!("{:.1}", hundred / ten),
        Verdict::of(hundred / ten <= 20.0),
        format!("10,000 / 1,000: {:.1} (n log n is 13.3)", ten / thousand),
    );
    Ok(())
}

/// A round of the demo's community that takes applications, and its school.
struct Round {
    id: String,
    school: String,
}

fn open_round(server: &Server, admin: &str) -> Result<Round, String> {
    const DAY: i64 = 86_400;
    let community = server.community()?;
    let named = json!({ "name": "度量小学", "community_ids": [community] });
    let school = text(&server.call("POST", "/schools", Some(admin), Some(&named))?, "/id")?;
    let tier = |code: &str, batch: i64, when: Value| json!({ "code": code, "batch": batch, "name": code, "when": when });
    let draft = json!({
        "community_id": community, "title": "秋季小学一年级", "school_year": 2026, "stage": "primary",
        "born_from": "2019-09-01", "born_to": "2020-08-31",
        "calendar": { "register_from": at(-DAY), "register_to": at(10 * DAY), "review_to": at(20 * DAY), "objection_to": at(30 * DAY), "confirm_to": at(40 * DAY) },
        "rules": { "tiers": [
                tier("both", 1, json!({ "all": [{ "fact": "hukou_on", "op": "present" }, { "fact": "house_on", "op": "present" }] })),
                tier("hukou", 2, json!({ "fact": "hukou_on", "op": "present" })),
                tier("migrant", 3, json!({ "fact": "migrant", "op": "eq", "value": true }))],
            "tie_break": ["earlier:hukou_on", "draw"], "seat_lock_years": 6 },
        "seat_plans": [{ "school_id": school, "seats": 3000 }], "zones": [],
    });
    let id = text(&server.call("POST", "/enrolment-rounds", Some(admin), Some(&draft))?, "/id")?;
    for step in ["publish", "open"] {
        let early = json!({ "early": true, "reason": "度量" });
        server.call("POST", &format!("/enrolment-rounds/{id}/{step}"), Some(admin), Some(&early))?;
    }
    Ok(Round { id, school })
}

/// What the n-th family types in.
fn draft(round: &Round, n: usize) -> Value {
    json!({
        "round_id": round.id,
        "child": { "name": "张小雨", "id_type": "passport", "id_number": format!("P{n:07}"), "sex": "female", "born_on": "2020-03-04" },
        "guardians": [{ "name": "李梅", "relation": "mother", "id_type": "passport", "id_number": format!("E{n:07}"), "phone": "13812345678" }],
        "address": "样例一村 1 栋 101", "facts": { "hukou_on": "2020-05-01", "house_on": null, "migrant": false },
        "choices": [round.school], "documents": [], "consent": { "version": "2026-1", "guardian": true },
    })
}

const FAMILIES: usize = 3000;
const UNLOADED: usize = 200;
const CONNECTIONS: usize = 64;
/// Three thousand in a minute.
const PER_SECOND: f64 = 50.0;

/// 登记日: three thousand families hand in as fast as so many connections can, after a few have done so with the server to
/// themselves; and as many in one minute, each at a moment of its own. None is lost, none is there twice.
pub(super) fn rush(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let server = Server::start(&plan.binary, &plan.folder("enrolment-rush"), &[])?;
    let admin = server.staff("enroladmin")?;
    let round = open_round(&server, &admin)?;
    // The minute is shorter in a hurry, not fuller.
    let minute = if plan.pairs > 5 { FAMILIES } else { FAMILIES / 5 };
    let all = UNLOADED + FAMILIES + minute;
    let crowd = crowd(&server, all)?;
    // Drafts are written in the days before.
    let applied = |n: usize, token: &String| -> Result<Vec<u8>, String> {
        let id = text(&server.call("POST", "/enrolment-applications", Some(token), Some(&draft(&round, n)))?, "/id")?;
        Ok(request("POST", &format!("/api/v1/enrolment-applications/{id}/submit"), Some(token), Some("{}")))
    };
    let requests = crowd.iter().enumerate().map(|(n, token)| applied(n, token)).collect::<Result<Vec<_>, _>>()?;
    let load = |requests: &[Vec<u8>], connections| Load { at: server.at, connections, requests, expect: 200 }.each_timed();
    let (_, mut answers, mut alone) = load(&requests[..UNLOADED], 1)?;
    let (in_a_minute, at_once) = requests[UNLOADED..].split_at(minute);
    let paced = Load { at: server.at, connections: 8, requests: in_a_minute, expect: 200 };
    // The last one's moment is the end itself.
    let paced = paced.pace(PER_SECOND, Duration::from_secs_f64((minute - 1) as f64 / PER_SECOND))?;
    let (slice, others, mut together) = load(at_once, CONNECTIONS)?;
    answers.extend(others);
    let counted = words(&answers);
    let numbers = server.call("GET", &format!("/enrolment-rounds/{}/statistics", round.id), Some(&server.staff("enroladmin")?), None)?;
    let counted_one_by_one = BTreeMap::from([("200 submitted".to_owned(), all - minute)]);
    if counted != counted_one_by_one || paced.len() != minute || numbers["by_state"] != json!({ "submitted": all }) {
        return Err(format!("the registration day came out as {counted:?}; the round says {numbers}"));
    }
    alone.sort_by(f64::total_cmp);
    together.sort_by(f64::total_cmp);
    let ratio = quantile(&paced, 0.99) / quantile(&alone, 0.5);
    out.add(
        "3,000 families in one minute: p99 of a submit / unloaded median, SQLite",
        "≤ 20",
        format!("{ratio:.1}"),
        Verdict::of(ratio <= 20.0),
        format!(
            "{minute} at {PER_SECOND} per second, from the appointed instant; p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms",
            quantile(&paced, 0.5),
            quantile(&paced, 0.99),
            paced.last().unwrap_or(&0.0)
        ),
    );
    let ratio = quantile(&together, 0.99) / quantile(&alone, 0.5);
    // Not a promise: of 64 who never pause each waits for the 63 others, whatever one costs.
    out.add(
        "the same, all at once: p99 of a submit / unloaded median, SQLite",
        "",
        format!("{ratio:.1}"),
        Verdict::Told,
        format!(
            "{FAMILIES} families, {CONNECTIONS} connections that never pause, none lost, none twice; {:.0} per second; p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms; alone {:.2} ms",
            slice.per_second(),
            quantile(&together, 0.5),
            quantile(&together, 0.99),
            together.last().unwrap_or(&0.0),
            quantile(&alone, 0.5)
        ),
    );
    Ok(())
}

/// 预检 by a resident with a home, of whom the registry is asked, against a ticket read.
pub(super) fn precheck(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let server = Server::start(&plan.binary, &plan.folder("precheck"), &[])?;
    let (admin, manager) = (server.staff("enroladmin")?, server.staff("manager")?);
    let round = open_round(&server, &admin)?;
    let (resident, _, _) = server.resident(None)?;
    let buildings = server.call("GET", &format!("/communities/{}/buildings", server.community()?), Some(&manager), None)?;
    let building = text(&buildings, "/items/0/id")?;
    let homes = server.call("GET", &format!("/buildings/{building}/homes"), Some(&manager), None)?;
    let home = text(&homes, "/items/0/id")?;
    let bound = json!({ "home_id": home, "relation": "owner" });
    let binding = text(&server.call("POST", "/home-bindings", Some(&resident), Some(&bound))?, "/id")?;
    // Whether it is approved at once depends on what the registry knows.
    let _ = server.call("POST", &format!("/home-bindings/{binding}/approve"), Some(&manager), Some(&json!({})));
    let ours = some_tickets(&server, 200)?;
    let body = json!({ "home_id": home, "facts": { "hukou_on": "2020-05-01", "migrant": false }, "born_on": "2020-03-04" }).to_string();
    let ask = [request("POST", &format!("/api/v1/enrolment-rounds/{}/precheck", round.id), Some(&resident), Some(&body))];
    let reads = ours.reads();
    let load = |requests: &[Vec<u8>]| Load { at: server.at, connections: 8, requests, expect: 200 }.drive(plan.slice, || server.cpu_s());
    let duet = plan.duet(|| load(&reads), || load(&ask))?;
    let ratio = cost(&duet);
    out.add(
        "cost of a precheck by a resident with a home / of a ticket read, SQLite",
        "≤ 3.00",
        format!("{ratio}"),
        Verdict::at_most(ratio, 3.0),
        beside(&duet, "ticket reads / prechecks"),
    );
    Ok(())
}
