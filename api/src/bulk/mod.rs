//! Whole lists as files: every list of the API leaves as CSV, as one JSON object a line, and as a workbook.
//!
//! What is asked for is said by the address (`….csv`) or by `Accept`. Filters, rights and masks are those of the list, because it
//! is the list's own handler that is asked for one page after the other, by its own cursor, while the rows go out: the memory
//! that it takes does not grow with the list. The first page is read before the first byte leaves, so a refusal still is one;
//! where a later one fails the connection breaks off, and nobody takes a part for the whole.
//!
//! [`streamed`] is the one way out, for the exports that have columns of their own too (people, homes, placements, rosters).
//!
//! Deliberately missing: a total, and a snapshot. Rows that come or go while a file is on its way are in it or are not; none
//! that was there all along is left out or doubled.

mod cells;
mod csv;
mod table;
mod xlsx;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use actix_web::rt;
use actix_web::rt::task::JoinHandle;
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use jiazai_domain::actor::{CommunityId, PrincipalKind};
use jiazai_domain::export::{ExportReason, Taking};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events;
use serde::Serialize;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Content, ObjectBuilder, RefOr, Responses};

use self::cells::Cells;
use self::table::Communities;
use crate::app::App;
use crate::audit;
use crate::call::{Cx, Outcome};
use crate::error::{ApiError, code};
use crate::page::{Page, Params};
use crate::reply::Reply;
use crate::route::{self, ListOp, Op};

/// Rows read at once.
pub const PORTION: usize = 500;

/// As what a list leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Csv,
    Ndjson,
    Xlsx,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Ndjson, Self::Xlsx];

    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The form that `Accept` likes best; none where that is JSON, or anything.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: (f32, Option<Self>) = (0.0, None);
        for choice in headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            let mut parts = choice.split(';');
            let kind = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let form = Self::ALL.into_iter().find(|form| form.media_type().eq_ignore_ascii_case(kind));
            let known = form.is_some() || ["application/json", "application/*", "*/*"].contains(&kind);
            if known && weight > best.0 {
                best = (weight, form);
            }
        }
        best.1
    }
}

/// What Excel in China opens without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    /// With a mark before the first character.
    Utf8Bom,
    Gb18030,
}

const ENCODINGS: &[(&str, Encoding)] = &[("utf-8", Encoding::Utf8), ("utf-8-bom", Encoding::Utf8Bom), ("gb18030", Encoding::Gb18030)];

impl Encoding {
    /// The parameter `encoding`; of CSV alone, because the others have theirs from their standards.
    pub fn asked(params: &mut Params, form: Form) -> Result<Option<Self>, ApiError> {
        if form != Form::Csv {
            return Ok(None);
        }
        let names: Vec<usize> = (0..ENCODINGS.len()).collect();
        Ok(params.word("encoding", &names, |i| ENCODINGS[i].0)?.map(|i| ENCODINGS[i].1))
    }
}

/// A column: how programs name it, and what stands above it.
#[derive(Debug, Clone)]
pub struct Column {
    pub key: String,
    pub title: String,
}

impl Column {
    pub fn plain(key: impl Into<String>) -> Self {
        let key = key.into();
        Self { title: key.clone(), key }
    }
}

/// Rows: as cells, or as the page of a list.
pub enum Rows {
    Cells(Vec<Vec<String>>),
    Page(Box<dyn Listed>),
}

/// A page of any list. What it says is written down when it is wanted: in a file that is while the next one is read.
pub trait Listed: Send {
    /// The cursor of the next one.
    fn next_cursor(&self) -> Option<&str>;
    /// The page as an answer.
    fn reply(&self) -> Result<Reply, ApiError>;
    /// The cells of each item.
    fn each(&self, cells: &mut Cells, communities: &mut Communities, row: &mut dyn FnMut(&[String])) -> serde_json::Result<()>;
}

impl<T: Serialize + Send> Listed for Page<T> {
    fn next_cursor(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }

    fn reply(&self) -> Result<Reply, ApiError> {
        Reply::ok(self)
    }

    fn each(&self, cells: &mut Cells, communities: &mut Communities, row: &mut dyn FnMut(&[String])) -> serde_json::Result<()> {
        self.items.iter().try_for_each(|item| {
            row(cells.of(item, communities)?);
            Ok(())
        })
    }
}

/// Some rows, and behind which key to go on; none when these were the last.
pub struct Portion {
    pub rows: Rows,
    pub next: Option<String>,
}

/// Reads the rows behind a key.
pub type Read = Box<dyn FnMut(&mut Tx, Option<&str>) -> Result<Portion, ApiError> + Send>;

/// What leaves, and how.
pub struct Sheet {
    pub form: Form,
    pub encoding: Encoding,
    /// Of the file, without its extension.
    pub name: String,
    pub columns: Vec<Column>,
    /// The cells were made harmless to spreadsheets where they were read.
    pub harmless: bool,
    /// Who takes it, to be written down for each community before its rows leave; none where that was done, and for what is
    /// somebody's own.
    pub taking: Option<(Taking, Cx)>,
    /// Reading a portion writes down what leaves with it.
    pub remembers: bool,
}

enum Writer {
    Csv(csv::Writer),
    Ndjson,
    Xlsx(Box<xlsx::Writer>),
}

/// Makes a file of rows.
struct Maker {
    writer: Writer,
    columns: Vec<Column>,
    cells: Cells,
}

impl Maker {
    fn of(sheet: &mut Sheet) -> Self {
        let writer = match sheet.form {
            Form::Csv => Writer::Csv(csv::Writer::new(sheet.encoding, sheet.harmless)),
            Form::Ndjson => Writer::Ndjson,
            Form::Xlsx => Writer::Xlsx(Box::default()),
        };
        let columns = std::mem::take(&mut sheet.columns);
        Self { writer, cells: Cells::new(&columns), columns }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        let titles = self.columns.iter().map(|column| column.title.as_str());
        match &mut self.writer {
            Writer::Csv(csv) => csv.start(titles, out),
            Writer::Ndjson => {}
            Writer::Xlsx(book) => book.start(titles, out),
        }
    }

    /// Adds rows, the last ones if so, and says whose they are, as far as a list does.
    fn write(&mut self, rows: Rows, last: bool, out: &mut Vec<u8>) -> Result<Communities, ApiError> {
        let mut communities = Communities::default();
        match (&mut self.writer, rows) {
            (Writer::Ndjson, Rows::Page(page)) => {
                for item in table::items(&page.reply()?.body, &mut communities) {
                    out.extend_from_slice(item);
                    out.push(b'\n');
                }
            }
            (Writer::Ndjson, Rows::Cells(rows)) => {
                for row in rows {
                    let cells = self.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
                    let object: serde_json::Map<String, serde_json::Value> =
                        cells.map(|(column, cell)| (column.key.clone(), cell.into())).collect();
                    out.extend_from_slice(serde_json::Value::Object(object).to_string().as_bytes());
                    out.push(b'\n');
                }
            }
            (Writer::Xlsx(book), _) if book.is_full() => {
                tracing::warn!("a workbook cannot grow any more");
                return Err(ApiError::new(code::PAYLOAD_TOO_LARGE));
            }
            (writer, Rows::Cells(rows)) => rows.iter().for_each(|row| writer.row(row, out)),
            (writer, Rows::Page(page)) => {
                page.each(&mut self.cells, &mut communities, &mut |row| writer.row(row, out)).map_err(|error| {
                    tracing::error!(%error, "a page of a list has no cells");
                    ApiError::new(code::INTERNAL)
                })?;
            }
        }
        if let (true, Writer::Xlsx(book)) = (last, &mut self.writer) {
            book.end(out);
        }
        Ok(communities)
    }
}

impl Writer {
    fn row(&mut self, cells: &[impl AsRef<str>], out: &mut Vec<u8>) {
        let cells = cells.iter().map(AsRef::as_ref);
        match self {
            Self::Csv(csv) => csv.row(cells, out),
            Self::Xlsx(book) => book.row(cells, out),
            Self::Ndjson => {}
        }
    }
}

/// How far a file has come.
struct Flow {
    app: Data<App>,
    sheet: Sheet,
    /// None while a portion is being made, and after that has failed.
    maker: Option<Maker>,
    read: Arc<Mutex<Read>>,
    /// The communities that were told; none while nothing has left.
    told: Option<Vec<CommunityId>>,
    ready: Option<Vec<u8>>,
    /// The next rows, which are read while those before them are made into a part of the file.
    ahead: Option<JoinHandle<Result<Portion, ApiError>>>,
    after: Option<String>,
    over: bool,
}

impl Flow {
    /// Begins to read the rows behind those that were read last.
    fn reading(&mut self) -> JoinHandle<Result<Portion, ApiError>> {
        let (app, read, after) = (self.app.clone(), self.read.clone(), self.after.take());
        let remembers = self.sheet.remembers;
        // One at a time, so the lock is never waited for; it is there because the closure may run again.
        let turn = move |tx: &mut Tx| (read.lock().unwrap_or_else(PoisonError::into_inner))(tx, after.as_deref());
        rt::spawn(async move {
            if !remembers {
                return app.db.read(turn).await;
            }
            let portion = app.db.write(turn).await?;
            app.jobs.wake();
            Ok(portion)
        })
    }

    async fn portion(&mut self) -> Result<Vec<u8>, ApiError> {
        let broken = || ApiError::new(code::INTERNAL);
        let reading = match self.ahead.take() {
            Some(reading) => reading,
            None => self.reading(),
        };
        let portion = reading.await.map_err(|_| broken())??;
        self.over = portion.next.is_none();
        self.after = portion.next;
        // What is written down when it is read must leave when it is read.
        if !self.over && !self.sheet.remembers {
            self.ahead = Some(self.reading());
        }
        let (mut maker, last, first) = (self.maker.take().ok_or_else(broken)?, self.over, self.told.is_none());
        let listed = matches!(portion.rows, Rows::Page(_));
        let made = move || {
            let mut out = Vec::new();
            if first {
                maker.start(&mut out);
            }
            maker.write(portion.rows, last, &mut out).map(|communities| (maker, out, communities))
        };
        let (maker, out, communities) = rt::task::spawn_blocking(made).await.map_err(|_| broken())??;
        self.maker = Some(maker);
        if listed {
            self.remember(communities).await?;
        }
        self.told.get_or_insert_default();
        Ok(out)
    }

    /// Writes down who takes rows of which community, once for each, before they leave: an event for the community, an entry for
    /// its auditors. A list whose rows are of no community, or that has none, leaves one entry.
    async fn remember(&mut self, communities: Communities) -> Result<(), ApiError> {
        let Some(taking) = &self.sheet.taking else { return Ok(()) };
        let first = self.told.is_none();
        let told = self.told.get_or_insert_default();
        let new = communities.into_new(told);
        if new.is_empty() && !first {
            return Ok(());
        }
        told.extend(&new);
        let ((taking, cx), form) = (taking.clone(), self.sheet.form.extension());
        self.app
            .db
            .write(move |tx| {
                let event = taking.event(tx.now());
                if new.is_empty() {
                    return audit::exported(tx, &cx, None, form);
                }
                new.iter().try_for_each(|community| {
                    events::record(tx, *community, &community.text(), 0, std::slice::from_ref(&event))?;
                    audit::exported(tx, &cx, Some(*community), form)
                })
            })
            .await
            .map_err(|error: DbError| ApiError::from(error))?;
        self.app.jobs.wake();
        Ok(())
    }
}

/// The rows as they are read.
pub async fn streamed(app: Data<App>, mut sheet: Sheet, read: Read) -> Outcome {
    let charset = match (sheet.form, sheet.encoding) {
        (Form::Csv, Encoding::Gb18030) => "; charset=gb18030",
        (Form::Csv, _) => "; charset=utf-8",
        _ => "",
    };
    let kind = format!("{}{charset}", sheet.form.media_type());
    let file = format!("attachment; filename=\"{}.{}\"", sheet.name, sheet.form.extension());
    let (maker, read) = (Some(Maker::of(&mut sheet)), Arc::new(Mutex::new(read)));
    let mut flow = Flow { app, sheet, maker, read, told: None, ready: None, ahead: None, after: None, over: false };
    flow.ready = Some(flow.portion().await?);
    let rows = stream::try_unfold(flow, |mut flow| async move {
        if let Some(ready) = flow.ready.take() {
            return Ok(Some((Bytes::from(ready), flow)));
        }
        if flow.over {
            return Ok::<_, std::io::Error>(None);
        }
        let bytes = flow.portion().await.map_err(|error| {
            tracing::warn!(code = error.code().name, "an export broke off");
            std::io::Error::other("the export broke off")
        })?;
        Ok(Some((Bytes::from(bytes), flow)))
    });
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, kind)).insert_header((CONTENT_DISPOSITION, file)).streaming(rows))
}

/// The sheet of a list, from what its request says; `params` are asked for what only files have.
pub fn sheet(op: &Op, list: ListOp, form: Form, cx: &Cx, params: &mut Params) -> Result<Sheet, ApiError> {
    let encoding = Encoding::asked(params, form)?.unwrap_or(Encoding::Utf8);
    let unfit = || ApiError::query("reason", "应为 4 至 200 个字的理由", "must be a reason of 4 to 200 characters");
    let reason = params.text("reason")?.map(|text| ExportReason::new(&text)).transpose().map_err(|_| unfit())?;
    // Residents take their own.
    let taker = cx.perhaps().filter(|who| who.kind != PrincipalKind::Resident);
    let taking = taker.map(|who| Taking::of(who.id, &op.id, form.extension(), reason, list.needs_reason)).transpose();
    let columns = match list.columns {
        Some(paths) => paths.iter().map(|path| Column::plain(*path)).collect(),
        None => table::columns(&op.id),
    };
    let name = op.path.rsplit('/').next().unwrap_or_default().trim_end_matches(form.extension()).trim_end_matches('.').to_owned();
    let taking = taking.map_err(|_| unfit())?.map(|taking| (taking, cx.clone()));
    Ok(Sheet { form, encoding, name, columns, harmless: false, taking, remembers: false })
}

/// Adds to the document of a list as what it leaves.
pub fn describe(description: &mut Option<String>, responses: &mut Responses, list: ListOp, open_to_programs: bool) {
    let export = list.about.map(|resource| jiazai_domain::api_key::Scope { resource, action: jiazai_domain::api_key::Action::Export });
    let scope = match export.filter(|scope| open_to_programs && scope.is_offered()) {
        Some(scope) => format!(" API keys: scope `{scope}`."),
        None => String::new(),
    };
    let reason = if list.needs_reason { " Staff and keys say why: `reason`, 4 to 200 characters." } else { "" };
    route::say(
        description,
        format!(
            "The whole list as a file: by `Accept`, or with `.csv`, `.ndjson` or `.xlsx` behind the path. Streamed, with the same \
             filters, without `limit` and `cursor`. `encoding` of CSV is `utf-8`, `utf-8-bom` or `gb18030`.{reason}{scope}"
        ),
    );
    if let Some(RefOr::T(answer)) = responses.responses.get_mut("200") {
        for form in Form::ALL {
            let schema = ObjectBuilder::new().schema_type(Type::String).build();
            answer.content.insert(form.media_type().to_owned(), Content::new(Some(schema)).into());
        }
    }
}

pub use self::csv::write_line;
pub use self::xlsx::escape;

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn accepted(value: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(value).expect("a header value"));
        Form::accepted(&headers)
    }

    #[test]
    fn a_file_is_sent_to_whoever_likes_it_best_and_json_to_all_others() {
        assert_eq!(accepted("text/csv"), Some(Form::Csv));
        assert_eq!(accepted("Application/X-NDJSON; q=0.5, application/json;q=0.4"), Some(Form::Ndjson));
        assert_eq!(accepted("application/json, text/csv"), None);
        assert_eq!(accepted("*/*"), None);
        assert_eq!(accepted("text/html, text/csv;q=0.1"), Some(Form::Csv));
        assert_eq!(accepted("text/csv;q=0"), None);
        assert_eq!(Form::accepted(&HeaderMap::new()), None);
    }
}
