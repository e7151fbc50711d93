//! Uploads: whose a stored file is and what it belongs to. The bytes are the business of [`crate::files`].

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::file::FileId;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::files;
use crate::db::{DbError, InList, Tx, native, parsed};

/// A file that somebody uploaded.
#[derive(Debug, Clone)]
pub struct Upload {
    pub id: FileId,
    pub owner: PrincipalId,
    /// The id of the thing that it belongs to, once it belongs to one.
    pub subject: Option<String>,
    pub sha256: String,
    pub content_type: String,
    pub size: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = files)]
struct UploadRow {
    id: String,
    owner_id: String,
    subject_id: Option<String>,
    sha256: String,
    content_type: String,
    size: i64,
}

impl TryFrom<UploadRow> for Upload {
    type Error = DbError;
    fn try_from(row: UploadRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            owner: parsed(&row.owner_id)?,
            subject: row.subject_id,
            sha256: row.sha256,
            content_type: row.content_type,
            size: row.size,
        })
    }
}

pub fn insert(tx: &mut Tx, upload: &Upload) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(files::table).values((
        files::id.eq(upload.id.text()),
        files::owner_id.eq(upload.owner.text()),
        files::sha256.eq(&upload.sha256),
        files::content_type.eq(&upload.content_type),
        files::size.eq(upload.size),
        files::created_at.eq(now),
    )))
}

pub fn find(tx: &mut Tx, id: FileId) -> Result<Option<Upload>, DbError> {
    let row: Option<UploadRow> = native!(tx, |conn| files::table.find(id.text()).select(UploadRow::as_select()).first(conn).optional())?;
    row.map(Upload::try_from).transpose()
}

/// Everything that somebody uploaded, oldest first, for their own copy of their data.
pub fn of_owner(tx: &mut Tx, owner: PrincipalId) -> Result<Vec<Upload>, DbError> {
    let own = files::table.filter(files::owner_id.eq(owner.text())).order(files::id);
    let rows: Vec<UploadRow> = native!(tx, |conn| own.select(UploadRow::as_select()).load(conn))?;
    rows.into_iter().map(Upload::try_from).collect()
}

/// Makes files of `owner` belong to a thing, and says which could not: they do not exist, are somebody else's, or belong
/// to another thing already. A file belongs to one thing only, so that who may see it has one answer.
pub fn attach(tx: &mut Tx, owner: PrincipalId, ids: &[FileId], subject: &str) -> Result<Vec<FileId>, DbError> {
    let mut refused = Vec::new();
    for id in ids {
        let free = files::table
            .filter(files::id.eq(id.text()))
            .filter(files::owner_id.eq(owner.text()))
            .filter(files::subject_id.is_null().or(files::subject_id.assume_not_null().eq(subject)));
        if native!(tx, |conn| diesel::update(free).set(files::subject_id.eq(subject)).execute(conn))? == 0 {
            refused.push(*id);
        }
    }
    Ok(refused)
}

/// Lets go of what somebody uploaded and attached to nothing: the next tidying up forgets it.
pub fn let_go(tx: &mut Tx, owner: PrincipalId) -> Result<usize, DbError> {
    let free = files::table.filter(files::owner_id.eq(owner.text())).filter(files::subject_id.is_null());
    native!(tx, |conn| diesel::update(free).set(files::created_at.eq(0)).execute(conn))
}

/// Forgets uploads older than `before` that never came to belong to anything, a few at a time, and gives the hashes whose
/// bytes nobody needs any more.
pub fn forget_unattached(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<String>, DbError> {
    let stale: Vec<(String, String)> = native!(tx, |conn| {
        files::table
            .filter(files::subject_id.is_null())
            .filter(files::created_at.lt(before.millis()))
            .order(files::created_at)
            .limit(limit)
            .select((files::id, files::sha256))
            .load(conn)
    })?;
    let ids: Vec<&String> = stale.iter().map(|(id, _)| id).collect();
    // Whoever has been attached since we looked stays.
    let free = files::table.filter(files::id.within(ids)).filter(files::subject_id.is_null());
    native!(tx, |conn| diesel::delete(free).execute(conn))?;
    let mut orphans: Vec<String> = Vec::new();
    for (_, hash) in stale {
        if !orphans.contains(&hash) && !is_named(tx, &hash)? {
            orphans.push(hash);
        }
    }
    Ok(orphans)
}

/// Whether any row still names these bytes.
pub fn is_named(tx: &mut Tx, sha256: &str) -> Result<bool, DbError> {
    let one: Option<String> = native!(tx, |conn| files::table.filter(files::sha256.eq(sha256)).select(files::id).first(conn).optional())?;
    Ok(one.is_some())
}

/// How many uploads of a person belong to nothing yet. Counted, not locked: a phone that sends several at once may get a few more in.
pub fn unattached(tx: &mut Tx, owner: PrincipalId) -> Result<i64, DbError> {
    native!(tx, |conn| files::table.filter(files::owner_id.eq(owner.text())).filter(files::subject_id.is_null()).count().get_result(conn))
}
