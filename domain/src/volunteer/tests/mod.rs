//! Rules of volunteer service, each by the name of its test.

mod activity;
mod attendance;
mod guardian;
mod line;
mod opening;
mod swap;
mod table;
mod values;
mod weekend;

use uuid::Uuid;

use super::*;
use crate::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role, VolunteerLeader};
use crate::kernel::capacity::{Held, Pool};
use crate::kernel::changed::Changed;
use crate::kernel::id::{Id, Kind};
use crate::kernel::time::Timestamp;

fn at(local: &str) -> Timestamp {
    Timestamp::parse(&format!("{local}:00+08:00")).expect("an instant")
}

/// Two days before the shift.
fn start() -> Timestamp {
    at("2026-03-05T09:00")
}

/// Saturday, nine to eleven.
fn begins() -> Timestamp {
    at("2026-03-07T09:00")
}

fn ends() -> Timestamp {
    at("2026-03-07T11:00")
}

fn id<K: Kind>(n: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(n))
}

fn here() -> CommunityId {
    id(1)
}

fn elsewhere() -> CommunityId {
    id(2)
}

fn actor(n: u128, grants: &[(Role, Option<CommunityId>)]) -> Actor {
    let kind = if grants.is_empty() { PrincipalKind::Resident } else { PrincipalKind::Staff };
    let grants = grants.iter().map(|(role, community)| Grant { role: *role, community: *community }).collect();
    Actor { id: id(n), kind, session: None, grants, scopes: vec![] }
}

fn resident(n: u128) -> Actor {
    actor(1000 + n, &[])
}

fn leader() -> Actor {
    actor(20, &[(Role::VolunteerLeader, Some(here()))])
}

fn foreign_leader() -> Actor {
    actor(21, &[(Role::VolunteerLeader, Some(elsewhere()))])
}

fn leading() -> VolunteerLeader {
    leader().volunteer_leader_of(here()).expect("a leader")
}

fn volunteer(n: u128) -> Volunteer {
    Volunteer::new(&resident(n).resident().expect("a resident"))
}

fn reason() -> Reason {
    Reason::new("手机没电").expect("a reason")
}

fn rule() -> NoShowRule {
    NoShowRule::default()
}

fn key() -> CodeKey {
    CodeKey::new([7; 32])
}

fn draft() -> ActivityDraft<'static> {
    ActivityDraft { title: "清洁河岸", description: "带手套", points_per_hour: 10, max_hours: 2, ..ActivityDraft::default() }
}

fn planned(draft: ActivityDraft) -> ActivityPlan {
    draft.check().expect("a plan")
}

fn published(draft: ActivityDraft) -> Activity {
    let activity = Activity::create(id(1), planned(draft), &leading(), start()).kept();
    activity.publish(&leader(), start()).expect("published").kept()
}

fn shift_draft(capacity: i64, waitlist: i64) -> ShiftDraft<'static> {
    ShiftDraft {
        starts_at: begins(),
        ends_at: ends(),
        capacity: Some(capacity),
        waitlist_capacity: Some(waitlist),
        sign_up_opens_at: None,
        cancel_before_s: None,
        posts: vec![],
    }
}

fn scheduled(n: u128, draft: ShiftDraft, activity: &Activity) -> Shift {
    let plan = draft.check(start()).expect("a plan");
    Shift::schedule(id(n), plan, activity, &leading(), start()).expect("scheduled").kept()
}

/// What a decision comes to once it is written.
trait Kept<T> {
    fn kept(self) -> T;
}

impl<T> Kept<T> for Changed<T> {
    fn kept(self) -> T {
        self.into_parts().0
    }
}

/// An activity with one shift and its sign-ups, which change only as a database would let them.
#[derive(Clone)]
struct Table {
    activity: Activity,
    shift: Shift,
    sign_ups: Vec<SignUpFacts>,
    unfit: Vec<Unfit>,
}

impl Table {
    fn new(capacity: i64, waitlist: i64) -> Self {
        Self::of(draft(), shift_draft(capacity, waitlist))
    }

    fn of(draft: ActivityDraft, shift: ShiftDraft) -> Self {
        let activity = published(draft);
        Self { shift: scheduled(1, shift, &activity), activity, sign_ups: vec![], unfit: vec![] }
    }

    fn opening(&self) -> Opening<'_> {
        Opening { activity: &self.activity, shift: &self.shift }
    }

    fn post(&self) -> &Post {
        &self.shift.facts().posts[0]
    }

    fn pool(&self) -> Pool {
        self.post().pool
    }

    fn write(&mut self, movement: &crate::kernel::capacity::Move) {
        let mut facts = self.shift.facts().clone();
        facts.posts[0].pool = facts.posts[0].pool.after(movement).expect("nobody else was quicker");
        self.shift = Shift::restore(facts);
    }

    fn save(&mut self, done: Changed<SignUp>) {
        let (sign_up, loaded, _) = done.into_parts();
        let facts = sign_up.facts().clone();
        match self.sign_ups.iter_mut().find(|f| f.id == facts.id) {
            Some(row) => {
                assert_eq!(Some(row.version), loaded, "a decision is saved on the row that it was made on");
                *row = facts;
            }
            None => {
                assert_eq!(loaded, None);
                self.sign_ups.push(facts);
            }
        }
    }

    fn settle(&mut self, now: Timestamp) {
        let open = self.sign_ups.iter().filter(|f| matches!(f.state, State::Offered | State::Waitlisted)).cloned().collect();
        if let Some(done) = settle_line(&self.opening(), self.post(), open, &self.unfit, now) {
            self.write(&done.movement);
            done.sign_ups.into_iter().for_each(|changed| self.save(changed));
        }
    }

    fn held(&self, who: PrincipalId) -> Held {
        let person = self.sign_ups.iter().filter(|f| f.resident == who && f.state.is_claim()).count() as i64;
        Held { person, household: 0 }
    }

    fn sign_up(&mut self, who: Volunteer, now: Timestamp) -> Result<SignUpId, Refusal> {
        self.settle(now);
        let who = Volunteer { held: self.held(who.who.id()), ..who };
        let new = id(self.sign_ups.len() as u128 + 1);
        let admitted = self.opening().admit(new, self.post(), &who, &rule(), now)?;
        self.write(&admitted.movement);
        let changed = admitted.sign_up(&self.pool());
        self.save(changed);
        Ok(new)
    }

    fn load(&self, of: SignUpId, now: Timestamp) -> SignUp {
        SignUp::restore(self.sign_ups.iter().find(|f| f.id == of).expect("a sign-up").clone(), now)
    }

    fn state(&self, n: u128, now: Timestamp) -> State {
        self.load(id(n), now).facts().state
    }

    fn effect(&mut self, effect: Effect) {
        self.write(&effect.movement);
        self.save(effect.sign_up);
    }

    fn cancel(&mut self, n: u128, by: &Actor, now: Timestamp) -> Result<(), Refusal> {
        self.settle(now);
        let effect = self.load(id(n), now).cancel(&self.pool(), None, by, now)?;
        self.effect(effect);
        self.settle(now);
        Ok(())
    }

    fn accept(&mut self, n: u128, who: &Volunteer, now: Timestamp) -> Result<(), Refusal> {
        self.settle(now);
        let by = actor(who.who.id().uuid().as_u128(), &[]);
        let effect = self.load(id(n), now).accept_offer(&self.opening(), &self.pool(), who, &rule(), &by, now)?;
        self.effect(effect);
        Ok(())
    }

    /// What the counters must be, by counting.
    fn check(&self) {
        let count = |is: fn(State) -> bool| self.sign_ups.iter().filter(|f| is(f.state)).count() as i64;
        let p = self.pool();
        assert_eq!(p.taken, count(|s| s.has_place() && s != State::Offered));
        assert_eq!(p.offered, count(|s| s == State::Offered));
        assert_eq!(p.waitlisted, count(|s| s == State::Waitlisted));
        assert!(p.taken + p.offered <= p.capacity);
    }
}

fn code(now: Timestamp) -> String {
    code_at(&key(), id(1), now).code
}

/// Takes a decision on a sign-up that moves no pool and saves it.
fn take(
    table: &mut Table,
    n: u128,
    now: Timestamp,
    decide: impl FnOnce(SignUp) -> Result<Changed<SignUp>, Refusal>,
) -> Result<(), Refusal> {
    let changed = decide(table.load(id(n), now))?;
    table.save(changed);
    Ok(())
}
