//! For unit tests about how much is read: a database with some tickets in it, and a count of statements.
//!
//! What an answer says is tested from outside; how many statements it takes is seen in here alone.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use jiazai_domain::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role};
use jiazai_domain::content::{About, Cause, Check, CheckId, Part, Verdict};
use jiazai_domain::kernel::calendar::Calendars;
use jiazai_domain::repair::{Category, CategoryDraft, Dispatch, ReportDraft, Reporter, Ticket};
use jiazai_infra::clock::Clock;
use jiazai_infra::db::{DatabaseUrl, Db, DbError, Tx};
use jiazai_infra::events::EventId;
use jiazai_infra::{community, content, identity, repair};

thread_local! {
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

impl Instrumentation for Counting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { .. } = event {
            STATEMENTS.set(STATEMENTS.get() + 1);
        }
    }
}

/// A community with a reporter whose tickets, as many as wanted, were each reported and each have their words held.
pub struct Stage {
    db: Db,
    folder: PathBuf,
    pub reporter: Actor,
    pub dispatcher: Actor,
    pub events: Vec<EventId>,
    pub checks: Vec<CheckId>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn actor(id: PrincipalId, kind: PrincipalKind, grants: &[(Role, CommunityId)]) -> Actor {
    let grants = grants.iter().map(|(role, place)| Grant { role: *role, community: Some(*place) }).collect();
    Actor { id, kind, session: None, grants, scopes: vec![] }
}

fn category(tx: &mut Tx, place: CommunityId) -> Result<Category, DbError> {
    let by = actor(tx.new_id(), PrincipalKind::Staff, &[(Role::CommunityAdmin, place)]).admin_of(place).expect("an administrator");
    let draft = CategoryDraft {
        name: "路灯",
        dispatch: Dispatch::Assign,
        accept_within_s: 3600,
        arrive_within_s: 3600,
        resolve_within_s: 3600,
        calendar: "always",
        chargeable: false,
        photos_required: false,
        active: true,
    };
    let changed = Category::create("light", draft, &Calendars::compiled_in(), &by, tx.now()).expect("a category");
    repair::save_category(tx, changed)
}

fn ticket(tx: &mut Tx, reporter: &Actor, category: &Category) -> Result<(EventId, CheckId), DbError> {
    let now = tx.now();
    let draft = ReportDraft {
        title: "灯不亮",
        description: "楼道的灯不亮",
        home: None,
        place: Some("楼道"),
        affected_homes: vec![],
        photos: vec![],
        appointment: None,
    };
    let by = Reporter::resident(&reporter.resident().expect("a resident"), vec![]);
    let report = draft.check(now).expect("a report");
    let changed = Ticket::submit(tx.new_id(), report, &by, category, &Calendars::compiled_in(), &[], now).expect("a ticket");
    let (ticket, left) = repair::save_telling(tx, changed)?;
    let subject = ticket.facts().id.text();
    let about = About { community: category.community, subject, part: Part::Words, item: None, author: reporter.id };
    let held = Check::hold(tx.new_id(), about, Verdict::because(Cause::Risky), now).expect("it is held");
    Ok((left[0], content::save(tx, held)?.facts().id))
}

impl Stage {
    pub fn with(tickets: usize) -> Self {
        static COUNTED: Once = Once::new();
        COUNTED.call_once(|| set_default_instrumentation(|| Some(Box::new(Counting))).expect("the first to ask"));
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("jiazai_stage_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let db = Db::open(&DatabaseUrl::Sqlite(folder.join("jiazai.sqlite")), Clock::system()).expect("a database");
        db.migrate().expect("a schema");
        let made = db.write_blocking(move |tx| {
            let place: CommunityId = tx.new_id();
            community::insert(tx, place, &place.text()[..20], "样例社区", None)?;
            let reporter = actor(tx.new_id(), PrincipalKind::Resident, &[]);
            identity::insert_principal(tx, reporter.id, PrincipalKind::Resident, "居民")?;
            let dispatcher = actor(tx.new_id(), PrincipalKind::Staff, &[(Role::Dispatcher, place)]);
            let category = category(tx, place)?;
            let left: Vec<(EventId, CheckId)> = (0..tickets).map(|_| ticket(tx, &reporter, &category)).collect::<Result<_, DbError>>()?;
            Ok::<_, DbError>((reporter, dispatcher, left))
        });
        let (reporter, dispatcher, left) = made.expect("tickets");
        let (events, checks) = left.into_iter().unzip();
        Self { db, folder, reporter, dispatcher, events, checks }
    }

    /// What is read, and how many statements that took.
    pub fn reading<T: Send + 'static>(&self, f: impl FnMut(&mut Tx) -> Result<T, DbError> + Send + 'static) -> (T, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        STATEMENTS.set(0);
        // A brief read of SQLite runs on the caller's own thread, where it is counted.
        let read = runtime.block_on(self.db.read_brief(f)).expect("an answer");
        (read, STATEMENTS.get())
    }
}
