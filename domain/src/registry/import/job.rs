//! An import as a piece of work: asked for by a keeper, done by the machine a portion of rows at a time.
//!
//! ```text
//! queued ──start──► running ──finish──► succeeded | partially_failed | failed
//! ```
//!
//! How far it has come (`through`) is saved in the same transaction as the rows of a portion, so whoever goes on after a
//! crash goes on behind them, and no row takes effect twice.

use super::State;
use crate::actor::{CommunityId, PrincipalId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;
use crate::kernel::workflow::{Edge, Machine, edge};
use crate::registry::import::Kind;
use crate::registry::keeper::Keeper;
use crate::registry::{ImportId, Refusal};

crate::words! {
    /// How a file is written.
    Format { Csv = "csv", Ndjson = "ndjson" }

    /// What happens to an import.
    Action { Start = "start", Finish = "finish" }

    /// Who does it.
    Party { System = "system" }
}

/// Everything that may happen to an import.
pub const MACHINE: Machine<State, Action, Party> = Machine {
    name: "import",
    initial: &[State::Queued],
    edges: &[
        edge_of(Action::Start, State::Queued, State::Running),
        edge_of(Action::Finish, State::Running, State::Succeeded),
        edge_of(Action::Finish, State::Running, State::PartiallyFailed),
        edge_of(Action::Finish, State::Running, State::Failed),
    ],
};

const fn edge_of(action: Action, from: State, to: State) -> Edge<State, Action, Party> {
    edge(action, from, to, &[Party::System])
}

/// Rows that were taken, by what they did. In a dry run: by what they would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub created: i64,
    pub changed: i64,
    pub unchanged: i64,
}

impl Counts {
    pub const fn ok(&self) -> i64 {
        self.created + self.changed + self.unchanged
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.created += more.created;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportDraft {
    pub kind: Kind,
    pub format: Format,
    pub dry_run: bool,
    /// All rows or none.
    pub atomic: bool,
}

/// An import as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub version: i64,
    pub community: CommunityId,
    pub asked: ImportDraft,
    pub state: State,
    /// Rows of the file, once they have been counted.
    pub total: Option<i64>,
    pub counts: Counts,
    pub failed: i64,
    /// The last line whose effect is saved.
    pub through: i64,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
}

impl Import {
    /// Takes an import in.
    pub fn queue(id: ImportId, asked: ImportDraft, by: &Keeper, now: Timestamp) -> Changed<Self> {
        let import = Self {
            id,
            version: 1,
            community: by.community(),
            asked,
            state: State::Queued,
            total: None,
            counts: Counts::default(),
            failed: 0,
            through: 0,
            created_by: by.id(),
            created_at: now,
        };
        let event = Event::new("import.queued", Some(by.id()), now).with("kind", asked.kind).with("dry_run", asked.dry_run);
        Changed::created(import, vec![event])
    }

    /// Begins; the rows have been counted.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] unless it is queued.
    pub fn start(mut self, total: i64) -> Result<Changed<Self>, Refusal> {
        if self.state != State::Queued {
            return Err(Refusal::WrongState { state: self.state.as_str() });
        }
        self.state = State::Running;
        self.total = Some(total);
        Ok(self.changed(vec![]))
    }

    /// A portion of rows has been seen, up to and including the line `through`.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] unless it is running.
    pub fn advance(mut self, counts: Counts, failed: i64, through: i64) -> Result<Changed<Self>, Refusal> {
        if self.state != State::Running {
            return Err(Refusal::WrongState { state: self.state.as_str() });
        }
        self.counts += counts;
        self.failed += failed;
        self.through = self.through.max(through);
        Ok(self.changed(vec![]))
    }

    /// No row is left. An atomic import of which a row failed has taken none.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] unless it is running.
    pub fn finish(mut self, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if self.state != State::Running {
            return Err(Refusal::WrongState { state: self.state.as_str() });
        }
        if self.asked.atomic && self.failed > 0 {
            self.counts = Counts::default();
        }
        self.state = State::ended(self.counts.ok(), self.failed, self.asked.atomic);
        let event = Event::new("import.finished", None, now)
            .with("kind", self.asked.kind)
            .with("state", self.state)
            .with("dry_run", self.asked.dry_run)
            .with("ok", self.counts.ok())
            .with("failed", self.failed);
        Ok(self.changed(vec![event]))
    }

    /// Whether nothing will happen to it any more.
    pub fn is_over(&self) -> bool {
        MACHINE.is_final(self.state)
    }

    fn changed(mut self, events: Vec<Event>) -> Changed<Self> {
        let loaded = self.version;
        self.version += 1;
        Changed::from_version(loaded, self, events)
    }
}
