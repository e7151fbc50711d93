//! Imports on the command line, beside a running server or without one, with a bar that says how far they have come.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::registry::demo::{Like, day, generate};
use jiazai_domain::registry::import::{Format, Import, ImportDraft, Kind, State};
use jiazai_infra::db::{Db, DbError, Tx};
use jiazai_infra::registry::import::{self as store, Importer, Line, Lines, Tally};
use jiazai_infra::vault::Vault;
use jiazai_infra::{community, identity};

use crate::cli::community_coded;
use crate::registry::{Source, Worker, adopt, importer};
use crate::serve::Failed;

/// What is imported, of which community, and how.
pub struct Asked<'a> {
    pub file: &'a Path,
    pub kind: &'a str,
    pub format: Option<&'a str>,
    pub community: &'a str,
    pub dry_run: bool,
    pub atomic: bool,
    pub by: Option<&'a str>,
}

/// Faults that are shown; all of them can be read from the server.
const SHOWN: i64 = 20;

fn account(tx: &mut Tx, by: Option<&str>) -> Result<PrincipalId, Failed> {
    match by {
        Some(name) => Ok(identity::staff_by_username(tx, name)?.ok_or_else(|| Failed(format!("there is no member of staff {name}")))?.id),
        None => identity::eldest_platform_admin(tx)?.ok_or_else(|| {
            let how = "jiazai admin create-staff NAME --role platform_admin";
            Failed(format!("nobody administers this installation yet, in whose name it could be done: `{how}`"))
        }),
    }
}

fn rights(tx: &mut Tx, by: PrincipalId, place: CommunityId) -> Result<Importer, Failed> {
    importer(tx, by, place)?.ok_or_else(|| Failed("this member of staff does not keep the registry of this community".to_owned()))
}

/// Imports a file that lies here.
pub fn file(db: Db, vault: Vault, asked: Asked) -> Result<(), Failed> {
    let kind: Kind = asked.kind.parse().map_err(|_| Failed("--kind is registry or people".to_owned()))?;
    let extension = asked.file.extension().and_then(|e| e.to_str()).unwrap_or("csv");
    let format = match asked.format.unwrap_or(extension) {
        "jsonl" | "json" => Format::Ndjson,
        word => word.parse().map_err(|_| Failed("--format is csv or ndjson".to_owned()))?,
    };
    if let Err(error) = std::fs::File::open(asked.file) {
        return Err(Failed(format!("{}: {error}", asked.file.display())));
    }
    let draft = ImportDraft { kind, format, dry_run: asked.dry_run, atomic: asked.atomic };
    let (code, by) = (asked.community.to_owned(), asked.by.map(str::to_owned));
    let (import, importer) = db.write_blocking(move |tx| {
        let place = community_coded(tx, &code)?;
        let by = account(tx, by.as_deref())?;
        let importer = rights(tx, by, place)?;
        let import = Import::queue(tx.new_id(), draft, &importer.keeper, tx.now());
        Ok::<_, Failed>((store::insert(tx, import, None)?, importer))
    })?;
    let id = import.id;
    let bar = Bar::new();
    let worker = Worker {
        db: db.clone(),
        vault: Arc::new(vault),
        importer,
        source: Source::File(asked.file.to_owned()),
        holder: None,
        go_on: Arc::new(|| true),
        progress: Arc::new(move |done, total| bar.draw(done, total)),
    };
    let done = worker.run(import).map_err(|stopped| Failed(format!("the import stopped: {stopped}; run it again")))?;
    bar.end();
    let faults = db.write_blocking(move |tx| store::faults_after(tx, id, (-1, -1), SHOWN))?;
    for fault in &faults {
        eprintln!("line {} {}: {} ({})", fault.line, fault.column, fault.message, fault.code);
    }
    if done.failed > faults.len() as i64 {
        eprintln!("… of {} rows", done.failed);
    }
    println!(
        "{id} {}: {} created, {} changed, {} unchanged, {} failed",
        done.state, done.counts.created, done.counts.changed, done.counts.unchanged, done.failed
    );
    if done.state == State::Succeeded { Ok(()) } else { Err(Failed("not all rows were taken".to_owned())) }
}

/// How far an import has come, on standard error.
#[derive(Clone, Copy)]
struct Bar {
    terminal: bool,
}

const WIDTH: usize = 30;

impl Bar {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    fn draw(&self, done: i64, total: i64) {
        let total = total.max(done).max(1);
        let filled = (done * WIDTH as i64 / total) as usize;
        let line = format!("[{}{}] {done}/{total}", "#".repeat(filled), ".".repeat(WIDTH - filled));
        // A log gets lines, a terminal one line that moves. Nobody may be reading.
        let mut out = std::io::stderr();
        let _ = if self.terminal { write!(out, "\r{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}

/// Rows in one transaction.
const PORTION: usize = 200;

/// Fills a community with the people and homes of a demo, by the door that imports use. Again is the same as once.
pub fn demo(db: Db, vault: Vault, like: &str, code: Option<&str>, seed: u64) -> Result<(), Failed> {
    let like = Like::read(like).ok_or_else(|| Failed("--like is 供电, 明珠, 市南 or 凤湖".to_owned()))?;
    let code = code.unwrap_or(like.as_str()).to_owned();
    let importer = db.write_blocking(move |tx| {
        let place = match community::by_code(tx, &code)? {
            Some(known) => known.id,
            None => {
                let id = tx.new_id();
                community::insert(tx, id, &code, &like.community_name(), None)?;
                id
            }
        };
        let by = account(tx, None)?;
        let importer = rights(tx, by, place)?;
        let admin = importer.admin.as_ref().ok_or_else(|| Failed("this member of staff does not run this community".to_owned()))?;
        adopt(tx, like.preset(), admin)?;
        Ok::<_, Failed>(importer)
    })?;
    let demo = generate(like, seed, day());
    let vault = Arc::new(vault);
    let bar = Bar::new();
    let size = demo.size();
    let mut done = Tally::default();
    let mut take = |lines: Lines| -> Result<(), Failed> {
        let (vault, importer) = (vault.clone(), importer.clone());
        let tally = db
            .write_blocking(move |tx| store::portion(tx, &vault, &importer, &lines))
            .map_err(|error: DbError| Failed(error.to_string()))?;
        done.add(tally);
        bar.draw(done.counts.ok() + done.failed, (size.homes + size.people) as i64);
        Ok(())
    };
    let mut homes = demo.homes().enumerate().map(|(n, row)| Line { number: n as u64 + 2, row: Ok(row) }).peekable();
    while homes.peek().is_some() {
        take(Lines::Homes(homes.by_ref().take(PORTION).collect()))?;
    }
    let mut people = demo.people().enumerate().map(|(n, row)| Line { number: n as u64 + 2, row: Ok(row) }).peekable();
    while people.peek().is_some() {
        take(Lines::People(people.by_ref().take(PORTION).collect()))?;
    }
    bar.end();
    for fault in done.faults.iter().take(SHOWN as usize) {
        eprintln!("line {} {}: {} ({})", fault.line, fault.column, fault.message, fault.code);
    }
    let counts = done.counts;
    println!(
        "{} homes, {} people: {} created, {} changed, {} unchanged, {} failed",
        size.homes, size.people, counts.created, counts.changed, counts.unchanged, done.failed
    );
    if done.failed == 0 { Ok(()) } else { Err(Failed("not all rows were taken".to_owned())) }
}
