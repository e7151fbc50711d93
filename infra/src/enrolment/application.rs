//! Applications, as they are remembered; lists of them are in [`listed`](super::listed).

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use jiazai_domain::actor::{Actor, PrincipalId, PrincipalKind};
use jiazai_domain::enrolment::application::{Application, DRAFT_HOLDS_S, State};
use jiazai_domain::enrolment::{ApplicationId, RoundId, SchoolId, round};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::{Document, HomeId};

use super::application_row::{ApplicationRow, child_index, row, seal};
pub use super::application_row::{is_purged, masked};
use super::listed::housed;
pub use super::listed::{Filter, list, of_applicant, own};
use super::{Sight as RoundSight, late, round_facts};
use crate::db::schema::{
    enrolment_applications as table, enrolment_child_held as held, enrolment_child_holds as holds, enrolment_choices, enrolment_guardians,
    people,
};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::registry::{homes, people as persons};
use crate::vault::Vault;
use crate::{events, identity};

/// Who a member of staff is at home: accounts, homes and documents. Whose application touches one of them is of their kin,
/// and they keep out of its review.
#[derive(Debug, Clone, Default)]
pub struct Kin {
    staff: Option<PrincipalId>,
    account: Option<PrincipalId>,
    homes: Vec<HomeId>,
    documents: Vec<Vec<u8>>,
}

impl Kin {
    /// Known by the WeChat that they have bound at work: as a resident, by the homes that they speak for there, and by what
    /// the registry has of them. Who has bound none is known by nothing and has to keep out by themselves.
    pub fn of(tx: &mut Tx, vault: &Vault, who: &Actor) -> Result<Self, DbError> {
        if who.kind != PrincipalKind::Staff {
            return Ok(Self::default());
        }
        let Some(account) = identity::resident_self_of(tx, vault, who.id)? else { return Ok(Self::default()) };
        let own = persons::persons_of(tx, account)?;
        let ids: Vec<String> = own.iter().map(|person| person.text()).collect();
        let documents: Vec<Option<Vec<u8>>> =
            native!(tx, |conn| people::table.filter(people::id.within(ids)).select(people::document_index).load(conn))?;
        let homes = homes::spoken_for_by(tx, account)?;
        Ok(Self { staff: Some(who.id), account: Some(account), homes, documents: documents.into_iter().flatten().collect() })
    }

    fn touches(&self, vault: &Vault, application: &Application) -> bool {
        let f = application.facts();
        let guardians = || f.content.guardians.iter().map(|guardian| child_index(vault, &guardian.document));
        self.account == Some(f.applicant)
            || f.content.home.is_some_and(|home| self.homes.contains(&home))
            || !self.documents.is_empty() && guardians().any(|index| self.documents.contains(&index))
    }

    /// The application with what is known of the one who looks.
    pub(super) fn mark(&self, vault: &Vault, application: Application, now: Timestamp) -> Application {
        match self.staff.filter(|_| self.touches(vault, &application)) {
            None => application,
            Some(staff) => {
                let mut facts = application.facts().clone();
                facts.related.push(staff);
                Application::restore(facts, now)
            }
        }
    }
}

fn round_of(tx: &mut Tx, id: &str) -> Result<Arc<round::Facts>, DbError> {
    let missing = || DbError::Corrupt("an application's round is missing".to_owned());
    round_facts(tx, &RoundSight::everything(), parsed(id)?)?.ok_or_else(missing)
}

pub(super) fn restored(tx: &mut Tx, vault: &Vault, rows: Vec<ApplicationRow>) -> Result<Vec<Application>, DbError> {
    let now = tx.now();
    let mut rounds: HashMap<String, Arc<round::Facts>> = HashMap::new();
    rows.into_iter()
        .map(|row| {
            let round = match rounds.get(&row.round_id) {
                Some(round) => round.clone(),
                None => {
                    let round = round_of(tx, &row.round_id)?;
                    rounds.insert(row.round_id.clone(), round.clone());
                    round
                }
            };
            row.application(vault, round, now)
        })
        .collect()
}

/// The application, whoever asks; what they may see of it is for [`Application::view`] to say. A member of staff who is
/// related to it is among `related`.
pub fn find(tx: &mut Tx, vault: &Vault, id: ApplicationId, who: Option<&Actor>) -> Result<Option<Application>, DbError> {
    let found: Option<ApplicationRow> =
        native!(tx, |conn| table::table.find(id.text()).select(ApplicationRow::as_select()).first(conn).optional())?;
    let Some(row) = found else { return Ok(None) };
    let round = round_of(tx, &row.round_id)?;
    let application = permitted(tx, row.application(vault, round, tx.now())?)?;
    let applicant = application.facts().applicant;
    let Some(application) = housed(tx, applicant, vec![application])?.pop() else { return Ok(None) };
    let Some(who) = who.filter(|who| who.kind == PrincipalKind::Staff) else { return Ok(Some(application)) };
    let now = tx.now();
    Ok(Some(Kin::of(tx, vault, who)?.mark(vault, application, now)))
}

/// A draft of a register that is closed, with the leave that its family was given.
fn permitted(tx: &mut Tx, application: Application) -> Result<Application, DbError> {
    let (f, now) = (application.facts(), tx.now());
    if f.state != State::Draft || f.round.registering(now) {
        return Ok(application);
    }
    let permit = late::find(tx, f.round.id, f.applicant)?;
    Ok(match permit {
        Some(permit) => application.permitted(&permit, now),
        None => application,
    })
}

/// Some applications, in the order of their ids as given; those that are not there are left out.
pub fn find_all(tx: &mut Tx, vault: &Vault, ids: &[ApplicationId]) -> Result<Vec<Application>, DbError> {
    let mut by_id: HashMap<String, Application> = HashMap::new();
    for some in ids.chunks(500) {
        let texts: Vec<String> = some.iter().map(ApplicationId::text).collect();
        let rows: Vec<ApplicationRow> =
            native!(tx, |conn| table::table.filter(table::id.within(texts)).select(ApplicationRow::as_select()).load(conn))?;
        by_id.extend(restored(tx, vault, rows)?.into_iter().map(|one| (one.facts().id.text(), one)));
    }
    Ok(ids.iter().filter_map(|id| by_id.remove(&id.text())).collect())
}

/// Saves a decision: the row, if it still is as it was loaded, what hangs on its content, and what happened.
/// [`DbError::Duplicate`] when the child is registered in the round by somebody else, or a draft has just been begun for it.
pub fn save(tx: &mut Tx, vault: &Vault, changed: Changed<Application>) -> Result<Application, DbError> {
    let (application, loaded, happened) = changed.into_parts();
    let f = application.facts();
    let mut row = row(&application)?;
    let rewritten = happened.iter().any(|event| event.kind == "enrolment_application.updated");
    let corrected = happened.iter().any(|event| event.kind == "enrolment_application.verified");
    match loaded {
        None => {
            let child = child_index(vault, &f.content.child.document);
            row.child_index = Some(child.clone());
            row.sealed = Some(seal(vault, f)?);
            tx.insert(diesel::insert_into(table::table).values(row))?;
            hold_child(tx, &application, child)?;
            insert_content(tx, vault, &application)?;
        }
        Some(version) => {
            let same = table::table.filter(table::id.eq(&row.id)).filter(table::version.eq(version));
            // Left out, they stay as they are: most steps change nothing of what is sealed.
            let sealed = if rewritten || corrected { Some(table::sealed.eq(Some(seal(vault, f)?))) } else { None };
            let child = rewritten.then(|| child_index(vault, &f.content.child.document));
            let before: Option<Vec<u8>> = match child {
                None => None,
                Some(_) => native!(tx, |conn| table::table.find(&row.id).select(table::child_index).first(conn))?,
            };
            let another = child.clone().filter(|child| before.as_ref() != Some(child));
            let child = child.map(|child| table::child_index.eq(Some(child)));
            tx.update_one(diesel::update(same).set((
                table::state.eq(&row.state),
                sealed,
                child,
                table::home_id.eq(&row.home_id),
                table::tier.eq(&row.tier),
                table::batch.eq(row.batch),
                table::school_id.eq(&row.school_id),
                table::detail.eq(&row.detail),
                table::due_at.eq(row.due_at),
                table::version.eq(row.version),
            )))?;
            // Handed in, the unique key holds the child; taken back, nobody does.
            if another.is_some() || f.state != State::Draft {
                native!(tx, |conn| diesel::delete(holds::table.filter(holds::application_id.eq(&row.id))).execute(conn))?;
            }
            if let Some(child) = another {
                hold_child(tx, &application, child)?;
            }
            if rewritten {
                native!(tx, |conn| {
                    diesel::delete(enrolment_guardians::table.filter(enrolment_guardians::application_id.eq(&row.id))).execute(conn)
                })?;
                native!(tx, |conn| {
                    diesel::delete(enrolment_choices::table.filter(enrolment_choices::application_id.eq(&row.id))).execute(conn)
                })?;
                insert_content(tx, vault, &application)?;
            }
        }
    }
    events::record(tx, f.round.community, &f.id.text(), f.version, &happened)?;
    Ok(application)
}

fn insert_content(tx: &mut Tx, vault: &Vault, application: &Application) -> Result<(), DbError> {
    let f = application.facts();
    for guardian in &f.content.guardians {
        tx.insert(diesel::insert_into(enrolment_guardians::table).values((
            enrolment_guardians::application_id.eq(f.id.text()),
            enrolment_guardians::document_index.eq(child_index(vault, &guardian.document)),
        )))?;
    }
    for (position, school) in f.content.choices.iter().enumerate() {
        tx.insert(diesel::insert_into(enrolment_choices::table).values((
            enrolment_choices::application_id.eq(f.id.text()),
            enrolment_choices::position.eq(position as i64),
            enrolment_choices::round_id.eq(f.round.id.text()),
            enrolment_choices::school_id.eq(school.text()),
        )))?;
    }
    Ok(())
}

/// The states in which an application does not hold its child: not handed in, found ineligible, given up, struck out. The unique
/// key of the table says the same.
const NOT_HOLDING: [&str; 4] = [State::Draft.as_str(), State::Ineligible.as_str(), State::Revoked.as_str(), State::Withdrawn.as_str()];

/// Lets a draft keep others from beginning one for its child, for a while. Once for an account and a child: whoever begins, or writes
/// the number into a draft, again and again keeps nobody out again and again.
fn hold_child(tx: &mut Tx, application: &Application, child: Vec<u8>) -> Result<(), DbError> {
    let (f, now) = (application.facts(), tx.now());
    if f.state != State::Draft {
        return Ok(());
    }
    let over = holds::table.find((f.round.id.text(), child.clone())).filter(holds::until_at.le(now.millis()));
    native!(tx, |conn| diesel::delete(over).execute(conn))?;
    let once = (held::round_id.eq(f.round.id.text()), held::child_index.eq(child.clone()), held::applicant_id.eq(f.applicant.text()));
    let before = held::table.find((f.round.id.text(), child.clone(), f.applicant.text()));
    if native!(tx, |conn| before.count().get_result::<i64>(conn))? > 0 {
        return Ok(());
    }
    tx.insert(diesel::insert_into(held::table).values(once))?;
    tx.insert(diesel::insert_into(holds::table).values((
        holds::round_id.eq(f.round.id.text()),
        holds::child_index.eq(child),
        holds::application_id.eq(f.id.text()),
        holds::until_at.eq(now.plus_seconds(DRAFT_HOLDS_S).millis()),
    )))
}

/// Whether somebody may not begin an application for this child: it was handed in by whomever, another one has just begun it, or
/// the applicant keeps a draft for it already.
pub fn is_registered(tx: &mut Tx, vault: &Vault, round: RoundId, child: &Document, applicant: PrincipalId) -> Result<bool, DbError> {
    let (index, now) = (child_index(vault, child), tx.now());
    let one: Option<String> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .filter(table::child_index.eq(&index))
            .filter(
                table::state.ne_all(NOT_HOLDING).or(table::state.eq(State::Draft.as_str()).and(table::applicant_id.eq(applicant.text()))),
            )
            .select(table::id)
            .first(conn)
            .optional()
    })?;
    if one.is_some() {
        return Ok(true);
    }
    let held = holds::table.find((round.text(), index)).filter(holds::until_at.gt(now.millis()));
    let held: i64 = native!(tx, |conn| held.count().get_result(conn))?;
    Ok(held > 0)
}

/// How many children a resident has registered in a round.
pub fn registered_by(tx: &mut Tx, round: RoundId, applicant: PrincipalId) -> Result<i64, DbError> {
    let gone = [State::Draft.as_str(), State::Withdrawn.as_str(), State::Revoked.as_str()];
    native!(tx, |conn| {
        table::table
            .filter(table::applicant_id.eq(applicant.text()))
            .filter(table::round_id.eq(round.text()))
            .filter(table::state.ne_all(gone))
            .count()
            .get_result(conn)
    })
}

/// How many applications of a round nobody has decided about: handed in, in review, verified by one, or objected to.
pub fn undecided(tx: &mut Tx, round: RoundId) -> Result<i64, DbError> {
    let open = [State::Submitted.as_str(), State::InReview.as_str(), State::Verified.as_str(), State::Objection.as_str()];
    let here = table::table.filter(table::round_id.eq(round.text())).filter(table::state.eq_any(open));
    native!(tx, |conn| here.count().get_result(conn))
}

/// The last instant at which an open offer of a round still waits for an answer.
pub fn offers_until(tx: &mut Tx, round: RoundId) -> Result<Option<Timestamp>, DbError> {
    let now = tx.now().millis();
    let last: Option<i64> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .filter(table::state.eq(State::Offered.as_str()))
            .filter(table::due_at.gt(now))
            .select(diesel::dsl::max(table::due_at))
            .first(conn)
    })?;
    Ok(last.map(Timestamp::from_millis))
}

/// Whether the round has this receipt already.
pub fn has_receipt(tx: &mut Tx, round: RoundId, receipt: &str) -> Result<bool, DbError> {
    let one: Option<String> = native!(tx, |conn| {
        table::table.filter(table::round_id.eq(round.text())).filter(table::receipt.eq(receipt)).select(table::id).first(conn).optional()
    })?;
    Ok(one.is_some())
}

/// How many drafts a resident keeps in a round, and how many applications they have begun there, whatever became of them.
pub fn begun(tx: &mut Tx, round: RoundId, applicant: PrincipalId) -> Result<(i64, i64), DbError> {
    let own = || table::table.filter(table::applicant_id.eq(applicant.text())).filter(table::round_id.eq(round.text()));
    let drafts = native!(tx, |conn| own().filter(table::state.eq(State::Draft.as_str())).count().get_result(conn))?;
    Ok((drafts, native!(tx, |conn| own().count().get_result(conn))?))
}

/// The others of an application's household that are not given up: its twins.
pub fn twins(tx: &mut Tx, vault: &Vault, application: &Application) -> Result<Vec<Application>, DbError> {
    let f = application.facts();
    let rows: Vec<ApplicationRow> = native!(tx, |conn| {
        table::table
            .filter(table::applicant_id.eq(f.applicant.text()))
            .filter(table::round_id.eq(f.round.id.text()))
            .filter(table::id.ne(f.id.text()))
            .filter(table::state.ne_all([State::Withdrawn.as_str(), State::Revoked.as_str()]))
            .select(ApplicationRow::as_select())
            .load(conn)
    })?;
    let mut others = restored(tx, vault, rows)?;
    others.retain(|other| other.household() == application.household());
    Ok(others)
}

/// The round's applications in some states, by receipt.
pub fn of_round(tx: &mut Tx, vault: &Vault, round: &Arc<round::Facts>, states: &[State]) -> Result<Vec<Application>, DbError> {
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let rows: Vec<ApplicationRow> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.id.text()))
            .filter(table::state.eq_any(words))
            .order(table::receipt)
            .select(ApplicationRow::as_select())
            .load(conn)
    })?;
    let now = tx.now();
    rows.into_iter().map(|row| row.application(vault, round.clone(), now)).collect()
}

/// The receipts of the round's applications in some states, ascending.
pub fn receipts(tx: &mut Tx, round: RoundId, states: &[State]) -> Result<Vec<String>, DbError> {
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .filter(table::state.eq_any(words))
            .order(table::receipt)
            .select(table::receipt)
            .load(conn)
    })
}

/// A page of the round's applications in some states, by receipt, after the receipt `after`.
pub fn by_receipt(
    tx: &mut Tx,
    vault: &Vault,
    round: &Arc<round::Facts>,
    states: &[State],
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Application>, DbError> {
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let rows: Vec<ApplicationRow> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.id.text()))
            .filter(table::state.eq_any(words))
            .filter(table::receipt.gt(after.unwrap_or_default().to_owned()))
            .order(table::receipt)
            .limit(limit)
            .select(ApplicationRow::as_select())
            .load(conn)
    })?;
    let now = tx.now();
    rows.into_iter().map(|row| row.application(vault, round.clone(), now)).collect()
}

/// Offers that nobody answered in time and nobody has written down yet, of announced rounds.
pub fn overdue(tx: &mut Tx, vault: &Vault, limit: i64) -> Result<Vec<Application>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<ApplicationRow> = native!(tx, |conn| {
        table::table
            // A literal, or the partial index of offers is not used.
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("enrolment_applications.state = 'offered'"))
            .filter(table::due_at.le(now))
            .order(table::due_at)
            .limit(limit)
            .select(ApplicationRow::as_select())
            .load(conn)
    })?;
    restored(tx, vault, rows)
}

/// How many seats of each school are promised or taken now.
pub fn taken(tx: &mut Tx, round: RoundId) -> Result<HashMap<SchoolId, i64>, DbError> {
    let now = tx.now().millis();
    let held = [State::Accepted.as_str(), State::Enrolled.as_str()];
    let open = table::state.eq(State::Offered.as_str()).and(table::due_at.is_null().or(table::due_at.assume_not_null().gt(now)));
    let rows: Vec<(Option<String>, i64)> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .filter(table::state.eq_any(held).or(open))
            .group_by(table::school_id)
            .select((table::school_id, diesel::dsl::count_star()))
            .load(conn)
    })?;
    rows.into_iter().filter_map(|(school, n)| school.map(|school| Ok((parsed(&school)?, n)))).collect()
}

/// How many applications of the round are in each state and tier.
pub fn counts(tx: &mut Tx, round: RoundId) -> Result<Vec<(State, Option<String>, i64)>, DbError> {
    let rows: Vec<(String, Option<String>, i64)> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .group_by((table::state, table::tier))
            .select((table::state, table::tier, diesel::dsl::count_star()))
            .load(conn)
    })?;
    rows.into_iter().map(|(state, tier, n)| Ok((parsed(&state)?, tier, n))).collect()
}

/// How many listed each school first, and at all; withdrawn and revoked ones not counted.
pub fn demand(tx: &mut Tx, round: RoundId) -> Result<Vec<(SchoolId, i64, i64)>, DbError> {
    let gone = [State::Withdrawn.as_str(), State::Revoked.as_str(), State::Draft.as_str()];
    let rows: Vec<(String, i64, i64)> = native!(tx, |conn| {
        enrolment_choices::table
            .inner_join(table::table.on(table::id.eq(enrolment_choices::application_id)))
            .filter(enrolment_choices::round_id.eq(round.text()))
            .filter(table::state.ne_all(gone))
            .group_by((enrolment_choices::school_id, enrolment_choices::position))
            .select((enrolment_choices::school_id, enrolment_choices::position, diesel::dsl::count_star()))
            .load(conn)
    })?;
    let mut by_school: std::collections::BTreeMap<SchoolId, (i64, i64)> = Default::default();
    for (school, position, n) in rows {
        let entry = by_school.entry(parsed(&school)?).or_default();
        entry.0 += if position == 0 { n } else { 0 };
        entry.1 += n;
    }
    Ok(by_school.into_iter().map(|(school, (first, all))| (school, first, all)).collect())
}
