//! A weekend: five activities, four hundred volunteers, a storm of cancellations, and afterwards somebody who counts it all again.
//!
//! What everybody was told is kept on this side. At the end it must be what the rosters, the counters, the hours and the books
//! say, and the books must balance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jiazai_tests::{Client, Options, Reply, Resident, Server, Value, Volunteering, at_once, items, json, text};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const PEOPLE: usize = 400;
const CONNECTIONS: usize = 32;

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// One of the five: when it begins, from now, how many it takes, and what an hour of it is worth.
struct Plan {
    starts_s: i64,
    places: i64,
    line: i64,
    rate: i64,
    flexible: bool,
}

/// Two on Saturday that clash, one after them, one on Sunday, and a micro-task that clashes with nothing.
const PLANS: [Plan; 5] = [
    Plan { starts_s: 3 * DAY, places: 40, line: 20, rate: 10, flexible: false },
    Plan { starts_s: 3 * DAY + HOUR, places: 60, line: 30, rate: 12, flexible: false },
    Plan { starts_s: 3 * DAY + 4 * HOUR, places: 25, line: 10, rate: 7, flexible: false },
    Plan { starts_s: 4 * DAY, places: 80, line: 40, rate: 10, flexible: false },
    Plan { starts_s: 3 * DAY, places: 10, line: 5, rate: 3, flexible: true },
];

struct Run<'s> {
    server: &'s Server,
    crowd: Vec<Resident<'s>>,
    activities: Vec<Volunteering<'s>>,
    shifts: Vec<String>,
}

/// Whose claim on which shift, and its id.
type Claim = (usize, usize, String);

impl<'s> Run<'s> {
    fn new(server: &'s Server) -> Self {
        let made = |plan: &Plan| {
            let activity = Volunteering::with(server, json!({ "points_per_hour": plan.rate, "max_hours": 2, "flexible": plan.flexible }));
            let shift = activity.shift(plan.starts_s, plan.places, plan.line);
            (activity, shift)
        };
        let (activities, shifts) = PLANS.iter().map(made).unzip();
        let crowd: Vec<Resident> = (0..PEOPLE).map(|_| server.resident()).collect();
        Self { server, crowd, activities, shifts }
    }

    /// Everybody's part on connections of their own, all at once; the results in the order of the tasks.
    fn all_at_once<T: Sync, R: Send>(&self, tasks: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let results: Mutex<BTreeMap<usize, R>> = Mutex::new(BTreeMap::new());
        at_once(CONNECTIONS, |n| {
            for (i, task) in tasks.iter().enumerate().skip(n).step_by(CONNECTIONS) {
                let result = work(task);
                results.lock().expect("no panic").insert(i, result);
            }
        });
        results.into_inner().expect("no panic").into_values().collect()
    }

    fn act(&self, (who, _, id): &Claim, action: &str, body: Value) -> Reply {
        self.crowd[*who].post(&format!("/sign-ups/{id}/{action}"), body).send()
    }

    /// The roster of a shift, as the leader reads it: state and person by sign-up.
    fn roster(&self, n: usize) -> BTreeMap<String, Value> {
        let (path, mut cursor) = (format!("/shifts/{}/sign-ups?limit=100", self.shifts[n]), String::new());
        let mut all = BTreeMap::new();
        loop {
            let page = self.activities[n].leader.get(&format!("{path}{cursor}")).expect(200);
            all.extend(items(&page).iter().map(|sign_up| (text(sign_up, "id").to_owned(), sign_up.clone())));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Rosters and counters agree, nobody is oversold, nobody waits beside a free place, nobody is in two places at once.
    fn check(&self) -> Vec<BTreeMap<String, Value>> {
        let rosters: Vec<_> = (0..PLANS.len()).map(|n| self.roster(n)).collect();
        let mut elsewhere: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (n, roster) in rosters.iter().enumerate() {
            let count = |states: &[&str]| roster.values().filter(|s| states.contains(&text(s, "state"))).count() as i64;
            let seen = self.activities[n].look(&self.shifts[n]);
            let taken = count(&["confirmed", "present", "done", "credited", "absent"]);
            let now = (seen["taken"].as_i64(), seen["offered"].as_i64(), seen["waitlisted"].as_i64());
            assert_eq!(now, (Some(taken), Some(count(&["offered"])), Some(count(&["waitlisted"]))), "activity {n}: {seen}");
            let held = taken + count(&["offered"]);
            assert!(held <= PLANS[n].places && count(&["waitlisted"]) <= PLANS[n].line, "activity {n}: {seen}");
            assert!(held == PLANS[n].places || count(&["waitlisted"]) == 0, "activity {n}: somebody waits beside a free place: {seen}");
            let standing = roster.values().filter(|s| !matches!(text(s, "state"), "cancelled" | "expired"));
            let people: Vec<&str> = standing.map(|s| text(s, "resident_id")).collect();
            assert_eq!(people.iter().collect::<BTreeSet<_>>().len(), people.len(), "activity {n}: somebody has two claims");
            for sign_up in roster.values().filter(|s| matches!(text(s, "state"), "confirmed" | "offered" | "present")) {
                elsewhere.entry(text(sign_up, "resident_id").to_owned()).or_default().push(n);
            }
        }
        // The first two of Saturday are the only ones that clash. An offer is no place yet, and two may be held for somebody; but none
        // is held for somebody who could not take it.
        for (who, at) in &elsewhere {
            let confirmed = |n: usize| rosters[n].values().any(|s| s["resident_id"] == who.as_str() && s["state"] == "confirmed");
            assert!(!(at.contains(&0) && at.contains(&1) && (confirmed(0) || confirmed(1))), "{who} is in two places at once");
        }
        rosters
    }
}

/// A first in, first out line on paper: who would have what after these requests, one after the other.
fn on_paper(requests: &[(usize, usize)]) -> BTreeMap<(usize, usize), String> {
    let mut claims: BTreeMap<(usize, usize), String> = BTreeMap::new();
    let mut counts = [(0i64, 0i64); PLANS.len()];
    for (who, n) in requests {
        let clash = match n {
            0 => Some(1),
            1 => Some(0),
            _ => None,
        };
        let busy = clash.is_some_and(|other| claims.get(&(*who, other)).is_some_and(|state| state == "confirmed"));
        if claims.contains_key(&(*who, *n)) || busy {
            continue;
        }
        let (taken, waiting) = &mut counts[*n];
        if *taken < PLANS[*n].places {
            *taken += 1;
            claims.insert((*who, *n), "confirmed".to_owned());
        } else if *waiting < PLANS[*n].line {
            *waiting += 1;
            claims.insert((*who, *n), format!("waitlisted {waiting}"));
        }
    }
    claims
}

#[test]
fn a_weekend_of_five_activities_and_four_hundred_volunteers_agrees_with_a_recount() {
    let server = Server::start(Options::default());
    let run = Run::new(&server);
    let mut dice = Dice(7);
    let ids: Vec<String> = run.all_at_once(&(0..PEOPLE).collect::<Vec<_>>(), |n| run.crowd[*n].id());

    // Sign-up opens. One after the other, so that the line can be reckoned on paper; half of the crowd.
    let requests: Vec<(usize, usize)> = (0..PEOPLE).map(|_| (dice.below(PEOPLE / 2), dice.below(PLANS.len()))).collect();
    let expected = on_paper(&requests);
    let mut claims: BTreeMap<(usize, usize), Value> = BTreeMap::new();
    for (who, n) in &requests {
        let reply = run.crowd[*who].post(&format!("/shifts/{}/sign-ups", run.shifts[*n]), json!({})).send();
        match reply.status {
            201 => drop(claims.insert((*who, *n), reply.json)),
            409 => {
                assert!(matches!(text(&reply.json, "code"), "already_signed_up" | "time_conflict" | "shift_full"), "{}", reply.describe())
            }
            _ => panic!("{}", reply.describe()),
        }
    }
    let told: BTreeMap<(usize, usize), String> = claims
        .iter()
        .map(|(key, claim)| match claim["position"].as_i64() {
            Some(position) => (*key, format!("waitlisted {position}")),
            None => (*key, text(claim, "state").to_owned()),
        })
        .collect();
    assert_eq!(told, expected, "the line is first come, first served");
    run.check();

    // The storm: four in ten of those who have something give it up, while the whole crowd runs for what they leave.
    let mut storm: Vec<(Option<Claim>, (usize, usize))> = Vec::new();
    for ((who, n), claim) in &claims {
        if dice.below(10) < 4 {
            storm.push((Some((*who, *n, text(claim, "id").to_owned())), (*who, *n)));
        }
    }
    storm.extend((0..PEOPLE).map(|who| (None, (who, dice.below(PLANS.len())))));
    for i in (1..storm.len()).rev() {
        storm.swap(i, dice.below(i + 1));
    }
    let replies = run.all_at_once(&storm, |(leave, (who, n))| match leave {
        Some(claim) => run.act(claim, "cancel", json!({ "reason": "临时有事" })),
        None => run.crowd[*who].post(&format!("/shifts/{}/sign-ups", run.shifts[*n]), json!({})).send(),
    });
    for (task, reply) in storm.iter().zip(&replies) {
        // Whose turn came while they were elsewhere was passed over: there is nothing left to give up.
        let passed = |n: usize| n < 2 && reply.status == 409 && reply.json["state"] == "expired";
        let fine = match &task.0 {
            Some((_, n, _)) => reply.status == 200 || passed(*n),
            None => matches!(reply.status, 201 | 409),
        };
        assert!(fine, "{}", reply.describe());
    }
    let given_up = storm.iter().zip(&replies).filter(|(task, reply)| task.0.is_some() && reply.status == 200).count();
    let rosters = run.check();
    let cancelled: usize = rosters.iter().map(|r| r.values().filter(|s| s["state"] == "cancelled").count()).sum();
    assert_eq!(cancelled, given_up);

    // Offers: half are taken at once, and nobody takes one in vain, unless by their other hand; the others lapse, again and again.
    for _ in 0..3 {
        let offered: Vec<Claim> = run
            .check()
            .iter()
            .enumerate()
            .flat_map(|(n, roster)| roster.values().map(move |s| (n, s.clone())).collect::<Vec<_>>())
            .filter(|(_, s)| s["state"] == "offered")
            .map(|(n, s)| (ids.iter().position(|id| s["resident_id"] == id.as_str()).expect("one of us"), n, text(&s, "id").to_owned()))
            .collect();
        let taken: Vec<Claim> = offered.into_iter().filter(|_| dice.below(2) == 0).collect();
        let replies = run.all_at_once(&taken, |claim| run.act(claim, "accept-offer", json!({})));
        for (claim, reply) in taken.iter().zip(&replies) {
            // Who has taken the other one of two that clash has given this one up.
            let other_hand =
                claim.1 < 2 && taken.iter().zip(&replies).any(|(o, r)| o.0 == claim.0 && o.1 == 1 - claim.1 && r.status == 200);
            let given_up = other_hand && reply.status == 409 && matches!(text(&reply.json, "code"), "offer_expired" | "time_conflict");
            assert!(reply.status == 200 || given_up, "{}", reply.describe());
        }
        server.sim().advance(2 * HOUR as u64 + 1);
    }
    run.check();

    // The weekend itself, in the order of its hours. What each volunteer did is written down here.
    let mut minutes: BTreeMap<String, i64> = BTreeMap::new();
    let mut points: BTreeMap<String, i64> = BTreeMap::new();
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    let mut now = 3 * (2 * HOUR + 1);
    let mut order: Vec<usize> = (0..PLANS.len()).collect();
    order.sort_by_key(|n| PLANS[*n].starts_s);
    let mut open: Vec<(usize, Vec<(Claim, &str)>)> = Vec::new();
    let advance = |now: &mut i64, to: i64| {
        if to > *now {
            run.server.sim().advance((to - *now) as u64);
            *now = to;
        }
    };
    let mut timetable: Vec<(i64, bool, usize)> = Vec::new();
    for n in order {
        timetable.push((PLANS[n].starts_s - 20 * 60, true, n));
        // Well before the next thing begins, and after the end, so that everybody who stayed has the whole shift.
        timetable.push((PLANS[n].starts_s + 2 * HOUR + 30, false, n));
    }
    timetable.sort_unstable();
    for (at, begins, n) in timetable {
        advance(&mut now, at);
        let activity = &run.activities[n];
        if begins {
            let confirmed: Vec<Claim> = run
                .roster(n)
                .values()
                .filter(|s| s["state"] == "confirmed")
                .map(|s| (ids.iter().position(|id| s["resident_id"] == id.as_str()).expect("one of us"), n, text(s, "id").to_owned()))
                .collect();
            let fated: Vec<(Claim, &str)> = confirmed
                .into_iter()
                .map(|claim| (claim, ["whole", "whole", "whole", "whole", "forgot", "absent", "dead telephone"][dice.below(7)]))
                .collect();
            let here: Vec<Claim> =
                fated.iter().filter(|(_, fate)| matches!(*fate, "whole" | "forgot")).map(|(claim, _)| claim.clone()).collect();
            // A code may change while they come; who was too slow takes the next one.
            run.all_at_once(&here, |claim| {
                let came = (0..10).any(|_| run.act(claim, "check-in", json!({ "code": activity.code(&run.shifts[n]) })).status == 200);
                assert!(came, "nobody is kept from checking in for long");
            });
            open.push((n, fated));
        } else {
            let place = open.iter().position(|(of, _)| *of == n).expect("it has begun");
            let (_, fated) = open.remove(place);
            let leaving: Vec<Claim> = fated.iter().filter(|(_, fate)| *fate == "whole").map(|(claim, _)| claim.clone()).collect();
            run.all_at_once(&leaving, |claim| {
                let left = (0..10).any(|_| run.act(claim, "check-out", json!({ "code": activity.code(&run.shifts[n]) })).status == 200);
                assert!(left, "nobody is kept from checking out for long");
            });
            // Everybody is settled twice over, as an impatient leader does: once counts.
            let settled = run.all_at_once(&fated, |((_, _, id), fate)| {
                let settle = |body: Value| activity.leader.post(&format!("/sign-ups/{id}/settle"), body).send();
                let (path, body) = match *fate {
                    "whole" => ("settle", json!({})),
                    "absent" => ("mark-absent", json!({})),
                    _ => ("settle", json!({ "minutes": 75, "reason": "签到设备故障" })),
                };
                if path == "mark-absent" {
                    return (activity.leader.post(&format!("/sign-ups/{id}/mark-absent"), body).send(), 409);
                }
                let done = settle(body.clone());
                (done, settle(body).status)
            });
            for (((who, _, _), fate), (reply, again)) in fated.iter().zip(&settled) {
                assert_eq!((reply.status, *again), (200, 409), "{}", reply.describe());
                *fates.entry(fate).or_default() += 1;
                let served = match *fate {
                    "whole" => 120,
                    "absent" => continue,
                    _ => 75,
                };
                *minutes.entry(ids[*who].clone()).or_default() += served;
                *points.entry(ids[*who].clone()).or_default() += served * PLANS[n].rate / 60;
            }
        }
    }
    assert!(["whole", "forgot", "absent", "dead telephone"].iter().all(|fate| fates.get(fate).is_some_and(|n| *n > 3)), "{fates:?}");

    // The recount.
    let rosters = run.check();
    let everybody: Vec<usize> = (0..PEOPLE).collect();
    let said = run.all_at_once(&everybody, |n| {
        let who = &run.crowd[*n];
        let hours = who.get("/me/volunteer-hours").expect(200)["minutes"].as_i64();
        let balance = who.get("/me/points").expect(200)["balance"].as_i64();
        let entries = who.get("/me/points/entries?limit=100").expect(200);
        let sum: i64 = items(&entries).iter().filter_map(|entry| entry["amount"].as_i64()).sum();
        let mine = who.get("/me/sign-ups?limit=100").expect(200);
        (hours, balance, sum, items(&mine).to_vec())
    });
    for (n, (hours, balance, sum, mine)) in said.iter().enumerate() {
        let (served, earned) = (minutes.get(&ids[n]).copied().unwrap_or(0), points.get(&ids[n]).copied().unwrap_or(0));
        assert_eq!((*hours, *balance, *sum), (Some(served), Some(earned), earned), "{}", ids[n]);
        // What a volunteer sees of themselves is what the rosters say of them.
        let on_rosters: BTreeMap<&str, &Value> = rosters
            .iter()
            .flat_map(|roster| roster.values().filter(|s| s["resident_id"] == ids[n].as_str()))
            .map(|s| (text(s, "id"), &s["state"]))
            .collect();
        assert_eq!(mine.iter().map(|s| (text(s, "id"), &s["state"])).collect::<BTreeMap<_, _>>(), on_rosters);
    }
    let credited: i64 = rosters.iter().flat_map(BTreeMap::values).filter_map(|s| s["points"].as_i64()).sum();
    assert_eq!(credited, points.values().sum::<i64>());
    let verdict = server.staff("auditor").get("/points/ledger/verify").expect(200);
    assert_eq!((&verdict["balanced"], &verdict["sum"]), (&json!(true), &json!(0)), "{verdict}");
    let postings = rosters.iter().flat_map(BTreeMap::values).filter(|s| s["points"].as_i64().is_some_and(|n| n > 0)).count() as i64;
    assert_eq!(verdict["entries"], 2 * postings);
}
