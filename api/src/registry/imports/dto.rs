//! What imports speak.

use jiazai_domain::registry::import;
use jiazai_infra::registry::import::{Change, Stored};
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{CommunityRef, ImportRef};
use crate::input::{Instant, Ref};

crate::spoken! {
    /// What a file is about.
    ImportKind = import::Kind { Registry = "registry", People = "people" }
}

crate::spoken! {
    /// How a file is written.
    ImportFormat = import::Format { Csv = "csv", Ndjson = "ndjson" }
}

crate::spoken! {
    /// Where an import stands.
    ImportState = import::State {
        Queued = "queued", Running = "running", Succeeded = "succeeded", Failed = "failed", PartiallyFailed = "partially_failed",
    }
}

/// The form: text fields, and one part `file`.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct ImportForm {
    kind: ImportKind,
    #[schema(inline)]
    community_id: CommunityRef,
    format: ImportFormat,
    /// Only say what would happen.
    #[schema(required = false)]
    dry_run: bool,
    /// All rows or none.
    #[schema(required = false)]
    atomic: bool,
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// An import, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct Import {
    #[schema(inline)]
    pub id: ImportRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub kind: ImportKind,
    pub format: ImportFormat,
    pub dry_run: bool,
    pub atomic: bool,
    pub state: ImportState,
    /// Nobody does anything with an import but the server.
    pub allowed_actions: Vec<&'static str>,
    /// Rows of the file; null until they have been counted.
    pub total: Option<i64>,
    /// Rows that were taken; in a dry run, that would be.
    pub ok: i64,
    pub failed: i64,
    pub created: i64,
    pub changed: i64,
    pub unchanged: i64,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub updated_at: Instant,
    pub version: i64,
}

impl From<Stored> for Import {
    fn from(Stored { import, updated_at, .. }: Stored) -> Self {
        let counts = import.counts;
        Self {
            id: Ref(import.id),
            community_id: Ref(import.community),
            kind: import.asked.kind.into(),
            format: import.asked.format.into(),
            dry_run: import.asked.dry_run,
            atomic: import.asked.atomic,
            state: import.state.into(),
            allowed_actions: vec![],
            total: import.total,
            ok: counts.ok(),
            failed: import.failed,
            created: counts.created,
            changed: counts.changed,
            unchanged: counts.unchanged,
            created_at: import.created_at.into(),
            updated_at: updated_at.into(),
            version: import.version,
        }
    }
}

/// What a row would change.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowChange {
    /// As an editor counts: the header is line 1.
    pub line: i64,
    pub changes: Vec<CellChange>,
}

/// What a cell would change. Of names, numbers, telephones, birth dates and tags only that they would.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellChange {
    pub column: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl RowChange {
    pub fn of((line, changes): (i64, Vec<Change>)) -> Self {
        let cell = |change: Change| {
            let shown = |text: String| (!change.sensitive).then_some(text);
            CellChange { before: shown(change.before.clone()), after: shown(change.after.clone()), column: change.column }
        };
        Self { line, changes: changes.into_iter().map(cell).collect() }
    }
}
