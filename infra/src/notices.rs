//! Notices: messages to one person about one event, and the consents that they are paid with.
//!
//! ```text
//! pending ──claim──► sending ──► sent
//!    ▲                  ├──────► failed      (the person said no, the content was refused, too many tries)
//!    └──retry, later────┤
//!                       └──────► uncertain   (the answer was lost: it may have arrived, so it is never sent again)
//! ```
//!
//! A notice is claimed, and its credit taken, in a transaction of its own before WeChat is asked. Whoever dies in between
//! leaves it in `sending`; when that is found later it becomes `uncertain`, because twice is worse than never.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::{notice_credits, notices};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events::{EventId, Told};

jiazai_domain::ids! {
    /// A notice.
    NoticeKind, NoticeId = "ntc";
}

/// A notice on its way.
#[derive(Debug, Clone)]
pub struct Notice {
    pub id: NoticeId,
    pub event: EventId,
    pub recipient: PrincipalId,
    pub template: String,
    /// How often it was tried before.
    pub attempts: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Sent,
    /// Not worth another try; the credit is gone or never was.
    Failed(&'static str),
    /// Another try makes sense at this instant; the credit is given back, unless all were taken back meanwhile.
    Retry(Timestamp),
    /// It may have arrived.
    Uncertain,
}

/// Writes down that an event is to be told. Telling the same person of the same event again changes nothing.
pub fn enqueue(tx: &mut Tx, event: EventId, told: &[Told]) -> Result<(), DbError> {
    use diesel::sql_types::{BigInt, Text};
    for Told { to, template } in told {
        let id: NoticeId = tx.new_id();
        let now = tx.now().millis();
        let insert = diesel::sql_query(
            "INSERT INTO notices (id, event_id, recipient_id, template, state, attempts, due_at, created_at) \
             VALUES ($1, $2, $3, $4, 'pending', 0, $5, $6) ON CONFLICT (event_id, recipient_id) DO NOTHING",
        )
        .bind::<Text, _>(id.text())
        .bind::<Text, _>(event.text())
        .bind::<Text, _>(to)
        .bind::<Text, _>(template)
        .bind::<BigInt, _>(now)
        .bind::<BigInt, _>(now);
        native!(tx, |conn| insert.execute(conn))?;
    }
    Ok(())
}

/// The next notices whose time has come, at most one a person: WeChat refuses two at once to the same.
pub fn due(tx: &mut Tx, limit: i64) -> Result<Vec<Notice>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<(String, String, String, String, i64)> = native!(tx, |conn| {
        notices::table
            .filter(notices::due_at.le(now))
            .filter(notices::state.eq("pending"))
            .order((notices::due_at, notices::id))
            .limit(limit)
            .select((notices::id, notices::event_id, notices::recipient_id, notices::template, notices::attempts))
            .load(conn)
    })?;
    let mut due: Vec<Notice> = Vec::new();
    for (id, event, recipient, template, attempts) in rows {
        let recipient = parsed(&recipient)?;
        if due.iter().all(|other| other.recipient != recipient) {
            due.push(Notice { id: parsed(&id)?, event: parsed(&event)?, recipient, template, attempts });
        }
    }
    Ok(due)
}

/// Claims a notice and takes one credit for it. False when there is nothing to pay with, which ends the notice, or when
/// somebody else has claimed it.
pub fn claim(tx: &mut Tx, notice: &Notice, until: Timestamp) -> Result<bool, DbError> {
    let pending = notices::table.filter(notices::id.eq(notice.id.text())).filter(notices::state.eq("pending"));
    let claimed = native!(tx, |conn| {
        diesel::update(pending)
            .set((notices::state.eq("sending"), notices::attempts.eq(notices::attempts + 1), notices::due_at.eq(until.millis())))
            .execute(conn)
    })?;
    if claimed == 0 {
        return Ok(false);
    }
    let paid = native!(tx, |conn| {
        let purse = notice_credits::table
            .filter(notice_credits::principal_id.eq(notice.recipient.text()))
            .filter(notice_credits::template.eq(&notice.template))
            .filter(notice_credits::credits.gt(0));
        diesel::update(purse).set(notice_credits::credits.eq(notice_credits::credits - 1)).execute(conn)
    })?;
    if paid == 0 {
        finish(tx, notice, Ending::Failed("no_consent"))?;
    }
    Ok(paid == 1)
}

/// Writes down how an attempt ended.
pub fn finish(tx: &mut Tx, notice: &Notice, ending: Ending) -> Result<(), DbError> {
    let (state, due, error) = match ending {
        Ending::Sent => ("sent", None, None),
        Ending::Failed(why) => ("failed", None, Some(why)),
        Ending::Retry(at) => ("pending", Some(at.millis()), None),
        Ending::Uncertain => ("uncertain", None, Some("answer_lost")),
    };
    let claimed = notices::table.filter(notices::id.eq(notice.id.text())).filter(notices::state.eq("sending"));
    native!(tx, |conn| {
        diesel::update(claimed).set((notices::state.eq(state), notices::due_at.eq(due), notices::error.eq(error))).execute(conn)
    })?;
    if matches!(ending, Ending::Retry(_)) {
        let purse = notice_credits::table.find((notice.recipient.text(), notice.template.clone()));
        native!(tx, |conn| diesel::update(purse).set(notice_credits::credits.eq(notice_credits::credits + 1)).execute(conn))?;
    }
    Ok(())
}

/// The person has taken back their consent: WeChat says so, whatever we have counted. The purse itself goes, so that an attempt which is
/// under way has nothing to give its credit back to. (Who consents anew before it ends has one too many; WeChat refuses that one.)
pub fn forget_credits(tx: &mut Tx, recipient: PrincipalId, template: &str) -> Result<(), DbError> {
    let purse = notice_credits::table.find((recipient.text(), template));
    native!(tx, |conn| diesel::delete(purse).execute(conn)).map(drop)
}

/// Nothing more may be sent to this person.
pub fn forget_all_credits(tx: &mut Tx, person: PrincipalId) -> Result<(), DbError> {
    native!(tx, |conn| diesel::delete(notice_credits::table.filter(notice_credits::principal_id.eq(person.text()))).execute(conn)).map(drop)
}

/// Gives up notices whose sender died on the way, and says how many.
pub fn abandon(tx: &mut Tx) -> Result<usize, DbError> {
    let now = tx.now().millis();
    let lost = notices::table.filter(notices::state.eq("sending")).filter(notices::due_at.lt(now));
    native!(tx, |conn| {
        diesel::update(lost)
            .set((notices::state.eq("uncertain"), notices::due_at.eq(None::<i64>), notices::error.eq("sender_died")))
            .execute(conn)
    })
}

/// Notes what the platform calls a message that it accepted: by that name it tells of its fate.
pub fn note_msgid(tx: &mut Tx, id: NoticeId, msgid: &str) -> Result<(), DbError> {
    native!(tx, |conn| diesel::update(notices::table.find(id.text())).set(notices::msgid.eq(msgid)).execute(conn)).map(drop)
}

/// The platform accepted these messages and could not deliver them. False when not all of them are known here yet.
pub fn not_delivered(tx: &mut Tx, msgids: &[String]) -> Result<bool, DbError> {
    let msgid = notices::msgid.assume_not_null();
    let lost = notices::table.filter(msgid.within(msgids)).filter(notices::state.eq("sent"));
    native!(tx, |conn| diesel::update(lost).set((notices::state.eq("failed"), notices::error.eq("not_delivered"))).execute(conn))?;
    let known: Vec<String> = native!(tx, |conn| notices::table.filter(msgid.within(msgids)).select(msgid).distinct().load(conn))?;
    Ok(msgids.iter().all(|one| known.contains(one)))
}

// The inbox ------------------------------------------------------------------------------------------------------------

/// A notice as the person it is for finds it, whatever became of the message.
#[derive(Debug, Clone)]
pub struct Kept {
    pub notice: Notice,
    /// `pending`, `sending`, `sent`, `failed`, `uncertain`.
    pub state: String,
    pub created_at: Timestamp,
    pub read_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notices)]
struct KeptRow {
    id: String,
    event_id: String,
    recipient_id: String,
    template: String,
    attempts: i64,
    state: String,
    created_at: i64,
    read_at: Option<i64>,
}

impl TryFrom<KeptRow> for Kept {
    type Error = DbError;
    fn try_from(row: KeptRow) -> Result<Self, DbError> {
        let notice = Notice {
            id: parsed(&row.id)?,
            event: parsed(&row.event_id)?,
            recipient: parsed(&row.recipient_id)?,
            template: row.template,
            attempts: row.attempts,
        };
        let read_at = row.read_at.map(Timestamp::from_millis);
        Ok(Self { notice, state: row.state, created_at: Timestamp::from_millis(row.created_at), read_at })
    }
}

/// What somebody was to be told, newest first.
pub fn inbox(tx: &mut Tx, person: PrincipalId, unread: Option<bool>, after: Option<&str>, limit: i64) -> Result<Vec<Kept>, DbError> {
    let mut query = notices::table
        .filter(notices::recipient_id.eq(person.text()))
        .order(notices::id.desc())
        .limit(limit)
        .select(KeptRow::as_select())
        .into_boxed();
    query = match unread {
        Some(true) => query.filter(notices::read_at.is_null()),
        Some(false) => query.filter(notices::read_at.is_not_null()),
        None => query,
    };
    if let Some(after) = after {
        query = query.filter(notices::id.lt(after.to_owned()));
    }
    let rows: Vec<KeptRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// One of somebody's own.
pub fn in_inbox(tx: &mut Tx, person: PrincipalId, id: NoticeId) -> Result<Option<Kept>, DbError> {
    let own = notices::table.filter(notices::id.eq(id.text())).filter(notices::recipient_id.eq(person.text()));
    let row: Option<KeptRow> = native!(tx, |conn| own.select(KeptRow::as_select()).first(conn).optional())?;
    row.map(Kept::try_from).transpose()
}

/// Marks somebody's notices as read, one or all that are not, and says how many were not. What was read before keeps its instant.
pub fn mark_read(tx: &mut Tx, person: PrincipalId, id: Option<NoticeId>) -> Result<usize, DbError> {
    let now = tx.now().millis();
    let unread = notices::table.filter(notices::recipient_id.eq(person.text())).filter(notices::read_at.is_null());
    let read = notices::read_at.eq(now);
    match id {
        Some(id) => native!(tx, |conn| diesel::update(unread.filter(notices::id.eq(id.text()))).set(read).execute(conn)),
        None => native!(tx, |conn| diesel::update(unread).set(read).execute(conn)),
    }
}

/// How many somebody has not read, counted up to `most`.
pub fn count_unread(tx: &mut Tx, person: PrincipalId, most: i64) -> Result<i64, DbError> {
    let ids: Vec<String> = native!(tx, |conn| {
        notices::table
            .filter(notices::recipient_id.eq(person.text()))
            .filter(notices::read_at.is_null())
            .limit(most)
            .select(notices::id)
            .load(conn)
    })?;
    Ok(ids.len() as i64)
}

/// Adds one credit for each template that the person has just allowed, up to `most` of each.
pub fn add_credits(tx: &mut Tx, principal: PrincipalId, templates: &[String], most: i64) -> Result<(), DbError> {
    use diesel::sql_types::{BigInt, Text};
    for template in templates {
        let now = tx.now().millis();
        let add = diesel::sql_query(
            "INSERT INTO notice_credits (principal_id, template, credits, updated_at) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (principal_id, template) DO UPDATE SET credits = notice_credits.credits + 1, updated_at = excluded.updated_at \
             WHERE notice_credits.credits < $4",
        )
        .bind::<Text, _>(principal.text())
        .bind::<Text, _>(template)
        .bind::<BigInt, _>(now)
        .bind::<BigInt, _>(most);
        native!(tx, |conn| add.execute(conn))?;
    }
    Ok(())
}

/// The credits that a person has, by template.
pub fn credits(tx: &mut Tx, principal: PrincipalId) -> Result<Vec<(String, i64)>, DbError> {
    native!(tx, |conn| {
        notice_credits::table
            .filter(notice_credits::principal_id.eq(principal.text()))
            .order(notice_credits::template)
            .select((notice_credits::template, notice_credits::credits))
            .load(conn)
    })
}
