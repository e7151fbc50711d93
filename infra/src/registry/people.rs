//! People of the registry, as they are remembered: what tells who somebody is stands sealed in one cell, and is found by
//! keyed hashes of name, document and telephone.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::phone::Phone;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::{Alteration, BuildingId, Document, FactKind, GridId, Grids, Person, PersonId};
use serde::{Deserialize, Serialize};

pub use super::claims::{Claim, accounts_of, matches, persons_of};
pub use super::history::{Altered, history, home_history};
use super::{facts, homes as places, tags};
use crate::db::schema::{homes, household_facts, people, person_tags};
use crate::db::{DbError, InList, MultiBackend, Tx, native, parsed};
use crate::events;
use crate::vault::{Aad, Vault};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = people)]
struct PersonRow {
    id: String,
    community_id: String,
    sealed: Vec<u8>,
    name_index: Vec<u8>,
    document_index: Option<Vec<u8>>,
    phone_index: Option<Vec<u8>>,
    external_code: Option<String>,
    deceased_on: Option<Date>,
    moved_out_on: Option<Date>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// What one cell holds. Types of its own, so that old rows go on reading.
#[derive(Serialize, Deserialize)]
struct Sealed {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born_on: Option<String>,
}

fn cell(row: &str) -> Aad<'_> {
    Aad { table: "people", column: "sealed", row }
}

fn corrupt(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(error.to_string())
}

/// A name for comparing: without blanks, because 张 三 and 张三 are one, and without case.
pub(super) fn name_index(vault: &Vault, name: &str) -> Vec<u8> {
    let plain: String = name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    vault.blind_index("person_name", &plain)
}

pub(crate) fn document_index(vault: &Vault, document: &Document) -> Vec<u8> {
    vault.blind_index("document", &format!("{} {}", document.kind(), document.expose()))
}

pub(super) fn phone_index(vault: &Vault, phone: &Phone) -> Vec<u8> {
    vault.blind_index("phone", phone.expose())
}

impl PersonRow {
    fn of(vault: &Vault, person: &Person, created_at: Timestamp, now: Timestamp) -> Result<Self, DbError> {
        let id = person.id.text();
        let sealed = Sealed {
            name: person.name.clone(),
            document: person.document.as_ref().map(|d| (d.kind().to_string(), d.expose().to_owned())),
            phone: person.phone.as_ref().map(|p| p.expose().to_owned()),
            sex: person.sex.map(|s| s.to_string()),
            born_on: person.born_on.map(|d| d.to_string()),
        };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&sealed).map_err(corrupt)?);
        Ok(Self {
            sealed: vault.seal(cell(&id), &plain),
            id,
            community_id: person.community.text(),
            name_index: name_index(vault, &person.name),
            document_index: person.document.as_ref().map(|d| document_index(vault, d)),
            phone_index: person.phone.as_ref().map(|p| phone_index(vault, p)),
            external_code: person.external_code.clone(),
            deceased_on: person.deceased_on,
            moved_out_on: person.moved_out_on,
            version: person.version,
            created_at: created_at.millis(),
            updated_at: now.millis(),
        })
    }

    fn person(self, vault: &Vault) -> Result<Person, DbError> {
        let plain = vault.open(cell(&self.id), &self.sealed).map_err(corrupt)?;
        let sealed: Sealed = serde_json::from_slice(&plain).map_err(|_| corrupt("a person does not read back"))?;
        let document = sealed
            .document
            .map(|(kind, number)| Document::restore(parsed(&kind)?, &number).map_err(|_| corrupt("a document does not read back")));
        Ok(Person {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            name: sealed.name,
            document: document.transpose()?,
            sex: sealed.sex.as_deref().map(parsed).transpose()?,
            born_on: sealed.born_on.as_deref().map(parsed).transpose()?,
            phone: sealed.phone.as_deref().map(parsed).transpose()?,
            external_code: self.external_code,
            deceased_on: self.deceased_on,
            moved_out_on: self.moved_out_on,
        })
    }
}

fn opened(vault: &Vault, rows: Vec<PersonRow>) -> Result<Vec<Person>, DbError> {
    rows.into_iter().map(|row| row.person(vault)).collect()
}

/// The person, whoever asks.
pub fn find(tx: &mut Tx, vault: &Vault, id: PersonId) -> Result<Option<Person>, DbError> {
    let row: Option<PersonRow> = native!(tx, |conn| people::table.find(id.text()).select(PersonRow::as_select()).first(conn).optional())?;
    row.map(|row| row.person(vault)).transpose()
}

/// Whether the registry knows the person and no day of their death.
pub fn is_alive(tx: &mut Tx, id: PersonId) -> Result<bool, DbError> {
    let row: Option<Option<Date>> = native!(tx, |conn| people::table.find(id.text()).select(people::deceased_on).first(conn).optional())?;
    Ok(row.is_some_and(|died| died.is_none()))
}

pub fn find_all(tx: &mut Tx, vault: &Vault, ids: &[PersonId]) -> Result<Vec<Person>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(PersonId::text).collect();
    let rows = native!(tx, |conn| people::table.filter(people::id.within(texts)).select(PersonRow::as_select()).load(conn))?;
    opened(vault, rows)
}

/// The people of a community who have one of these documents or external codes.
pub fn known_by(
    tx: &mut Tx,
    vault: &Vault,
    community: CommunityId,
    documents: &[&Document],
    codes: &[&str],
) -> Result<Vec<Person>, DbError> {
    let here = || people::table.filter(people::community_id.eq(community.text())).select(PersonRow::as_select());
    let mut rows: Vec<PersonRow> = Vec::new();
    if !documents.is_empty() {
        let indexes: Vec<Vec<u8>> = documents.iter().map(|d| document_index(vault, d)).collect();
        rows = tx.run(|conn| here().filter(people::document_index.eq_any(indexes)).load(conn))?;
    }
    if !codes.is_empty() {
        let more: Vec<PersonRow> = tx.run(|conn| here().filter(people::external_code.eq_any(codes)).load(conn))?;
        rows.extend(more.into_iter().filter(|row| !rows.iter().any(|known| known.id == row.id)).collect::<Vec<_>>());
    }
    opened(vault, rows)
}

/// Saves a decision about a person, with what was written before. [`DbError::Duplicate`] when somebody else of the community
/// has the document or the external code.
pub fn save(tx: &mut Tx, vault: &Vault, changed: Changed<Person>, altered: &[Alteration]) -> Result<Person, DbError> {
    let (person, loaded, happened) = changed.into_parts();
    let now = tx.now();
    let row = PersonRow::of(vault, &person, now, now)?;
    match loaded {
        None => tx.insert(diesel::insert_into(people::table).values(row))?,
        Some(version) => {
            let same = people::table.filter(people::id.eq(row.id)).filter(people::version.eq(version));
            tx.update_one(diesel::update(same).set((
                people::sealed.eq(row.sealed),
                people::name_index.eq(row.name_index),
                people::document_index.eq(row.document_index),
                people::phone_index.eq(row.phone_index),
                people::external_code.eq(row.external_code),
                people::deceased_on.eq(row.deceased_on),
                people::moved_out_on.eq(row.moved_out_on),
                people::version.eq(row.version),
                people::updated_at.eq(row.updated_at),
            )))?;
        }
    }
    let id = person.id.text();
    if let Some(by) = happened.iter().find_map(|event| event.by) {
        places::remember_alterations(tx, vault, &id, person.version, altered, by)?;
    }
    events::record(tx, person.community, &id, person.version, &happened)?;
    Ok(person)
}

/// Saves a person one version on because a fact of theirs was saved: that version is what keeps two keepers from each giving
/// them a second sole residence.
pub fn touch(tx: &mut Tx, person: &Person) -> Result<Person, DbError> {
    let now = tx.now().millis();
    let next = Person { version: person.version + 1, ..person.clone() };
    let same = people::table.filter(people::id.eq(person.id.text())).filter(people::version.eq(person.version));
    tx.update_one(diesel::update(same).set((people::version.eq(next.version), people::updated_at.eq(now))))?;
    Ok(next)
}

/// Saves a person as they were read one version on, because an account is bound as them: whoever ends at the same moment what the
/// binding rests on finds another version and looks for bindings again.
pub fn hold(tx: &mut Tx, id: PersonId, version: i64) -> Result<(), DbError> {
    let now = tx.now().millis();
    let same = people::table.filter(people::id.eq(id.text())).filter(people::version.eq(version));
    tx.update_one(diesel::update(same).set((people::version.eq(version + 1), people::updated_at.eq(now))))
}

/// The version of a person, read before anything else of them is.
pub fn version(tx: &mut Tx, id: PersonId) -> Result<Option<i64>, DbError> {
    native!(tx, |conn| people::table.find(id.text()).select(people::version).first(conn).optional())
}

// Deliberately missing: erasing people. Facts and shares of others hang on them; they die or move out.

/// The grids of the homes that these people are tied to on a day; a home in no grid counts as none.
pub fn grids_of(tx: &mut Tx, ids: &[PersonId], day: Date) -> Result<HashMap<PersonId, Vec<Option<GridId>>>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<String> = ids.iter().map(PersonId::text).collect();
    let rows: Vec<(String, Option<String>)> = native!(tx, |conn| {
        household_facts::table
            .inner_join(homes::table)
            .filter(household_facts::person_id.within(texts))
            .filter(facts::held(day))
            .select((household_facts::person_id, homes::grid_id))
            .distinct()
            .load(conn)
    })?;
    let mut grids: HashMap<PersonId, Vec<Option<GridId>>> = HashMap::new();
    for (person, grid) in rows {
        grids.entry(parsed(&person)?).or_default().push(grid.as_deref().map(parsed).transpose()?);
    }
    Ok(grids)
}

/// As [`grids_of`], of one person today; empty for somebody tied to no home.
pub fn grids_of_one(tx: &mut Tx, id: PersonId) -> Result<Vec<Option<GridId>>, DbError> {
    let today = tx.now().date();
    Ok(grids_of(tx, &[id], today)?.remove(&id).unwrap_or_default())
}

/// What a list of people is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub tag: Option<String>,
    pub grid: Option<GridId>,
    pub building: Option<BuildingId>,
    /// The whole name: sealed names can be compared, not searched.
    pub name: Option<String>,
}

type Boxed = Box<dyn diesel::BoxableExpression<people::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

/// Tied today to a home that somebody sees: within these grids, and of this grid and building where such are named. One home has to
/// be all of it: that somebody of one's own grid is tied to another is not to be asked.
fn tied(within: &Grids, grid: Option<GridId>, building: Option<BuildingId>, day: Date) -> Option<Boxed> {
    let grids: Option<Vec<GridId>> = match (within, grid) {
        (Grids::All, grid) => grid.map(|grid| vec![grid]),
        (Grids::Only(some), None) => Some(some.clone()),
        (Grids::Only(some), Some(grid)) => Some(some.iter().copied().filter(|own| *own == grid).collect()),
    };
    let held =
        || household_facts::table.inner_join(homes::table).filter(household_facts::person_id.eq(people::id)).filter(facts::held(day));
    let texts = |grids: Vec<GridId>| grids.iter().map(GridId::text).collect::<Vec<_>>();
    match (grids, building) {
        (None, None) => None,
        (Some(grids), None) => Some(Box::new(exists(held().filter(homes::grid_id.eq_any(texts(grids)))))),
        (None, Some(building)) => Some(Box::new(exists(held().filter(homes::building_id.eq(building.text()))))),
        (Some(grids), Some(building)) => {
            Some(Box::new(exists(held().filter(homes::grid_id.eq_any(texts(grids))).filter(homes::building_id.eq(building.text())))))
        }
    }
}

fn tagged(community: CommunityId, code: &str, day: Date) -> Boxed {
    Box::new(exists(
        person_tags::table
            .filter(person_tags::community_id.eq(community.text()))
            .filter(person_tags::code.eq(code.to_owned()))
            .filter(person_tags::person_id.eq(people::id))
            .filter(tags::held(day)),
    ))
}

/// People of a community, or of some grids of it, newest first, after the id `after`.
pub fn list(
    tx: &mut Tx,
    vault: &Vault,
    (community, within): (CommunityId, &Grids),
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Person>, DbError> {
    let day = tx.now().date();
    let mut query = people::table
        .filter(people::community_id.eq(community.text()))
        .order(people::id.desc())
        .limit(limit)
        .select(PersonRow::as_select())
        .into_boxed();
    if let Some(seen) = tied(within, filter.grid, filter.building, day) {
        query = query.filter(seen);
    }
    if let Some(tag) = &filter.tag {
        query = query.filter(tagged(community, tag, day));
    }
    if let Some(name) = &filter.name {
        query = query.filter(people::name_index.eq(name_index(vault, name)));
    }
    if let Some(after) = after {
        query = query.filter(people::id.lt(after.to_owned()));
    }
    let rows = tx.run(|conn| query.load(conn))?;
    opened(vault, rows)
}

/// People of a community, or of some grids of it, in the order in which they were written down, for an export: oldest first, after
/// `after`.
pub fn in_order(
    tx: &mut Tx,
    vault: &Vault,
    (community, within): (CommunityId, &Grids),
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Person>, DbError> {
    let day = tx.now().date();
    let mut query = people::table
        .filter(people::community_id.eq(community.text()))
        .order(people::id)
        .limit(limit)
        .select(PersonRow::as_select())
        .into_boxed();
    if let Some(seen) = tied(within, None, None, day) {
        query = query.filter(seen);
    }
    if let Some(after) = after {
        query = query.filter(people::id.gt(after.to_owned()));
    }
    let rows = tx.run(|conn| query.load(conn))?;
    opened(vault, rows)
}

/// The birth dates of these people, for counting by age. Of each a cell is opened, so nobody else's is asked for.
pub fn birth_dates(tx: &mut Tx, vault: &Vault, ids: &[PersonId]) -> Result<HashMap<PersonId, Date>, DbError> {
    let mut born = HashMap::new();
    // In portions: nobody needs a whole town open at once.
    for some in ids.chunks(500) {
        let known = find_all(tx, vault, some)?;
        born.extend(known.into_iter().filter_map(|person| Some((person.id, person.born_on?))));
    }
    Ok(born)
}

/// The kinds of fact that mean living here; they end when somebody moves out.
pub const LIVING_HERE: &[FactKind] = &[FactKind::Residence, FactKind::Tenancy, FactKind::Family, FactKind::Carer];
