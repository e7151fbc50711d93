//! The registry as rows again: what an import of them would leave unchanged.
//!
//! A row of people is a person, a home and what ties them to it today: by hukou or residence alone, where there is nothing more. What
//! is over has no row.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, Role};
use jiazai_domain::registry::import::Kind;
use jiazai_domain::registry::sight::Mask;
use jiazai_domain::registry::{Building, Estate, FactKind, Grid, GridId, Grids, Home, HomeId, Person, PersonId};

use super::rows::{Book, row as person_row, tags_held};
use super::{extras, homes as home_rows};
use crate::db::schema::{homes as home_table, people as people_table, registry_extras};
use crate::db::{DbError, Tx, native, parsed};
use crate::registry::places::{self, BuildingFilter};
use crate::registry::{facts, homes, tags};
use crate::vault::Vault;

/// Columns that are kept without being understood, at most; those of a file are fewer.
const MOST_EXTRAS: i64 = 40;
const ALL: i64 = 100_000;

/// The names of extra columns of a community's homes or people.
pub fn extra_names(tx: &mut Tx, community: CommunityId, kind: Kind) -> Result<Vec<String>, DbError> {
    let named = registry_extras::table.select(registry_extras::name).distinct().order(registry_extras::name).limit(MOST_EXTRAS);
    match kind {
        Kind::Registry => {
            let here = home_table::table.filter(home_table::community_id.eq(community.text())).select(home_table::id);
            native!(tx, |conn| named.filter(registry_extras::subject_id.eq_any(here)).load(conn))
        }
        Kind::People => {
            let here = people_table::table.filter(people_table::community_id.eq(community.text())).select(people_table::id);
            native!(tx, |conn| named.filter(registry_extras::subject_id.eq_any(here)).load(conn))
        }
    }
}

/// What an export shows of people.
#[derive(Debug, Clone)]
pub struct Shown {
    /// None: whole numbers, because somebody gave a reason.
    pub mask: Option<Mask>,
    /// Of the caller in the community: they decide which tags are seen.
    pub roles: Vec<Role>,
}

/// Some rows, and where to go on; none when there are no more.
pub type Page = (Vec<Vec<String>>, Option<String>);

struct Names {
    estates: HashMap<String, Estate>,
    buildings: HashMap<String, Building>,
    grids: HashMap<String, Grid>,
}

impl Names {
    fn load(tx: &mut Tx, community: CommunityId) -> Result<Self, DbError> {
        let estates = places::estates(tx, community, None, ALL)?;
        let buildings = places::buildings(tx, community, &BuildingFilter::default(), None, None)?;
        let grids = places::grids(tx, community, None, ALL)?;
        Ok(Self {
            estates: estates.into_iter().map(|estate| (estate.id.text(), estate)).collect(),
            buildings: buildings.into_iter().map(|building| (building.id.text(), building)).collect(),
            grids: grids.into_iter().map(|grid| (grid.id.text(), grid)).collect(),
        })
    }

    fn of(&self, home: &Home) -> Option<(&Estate, &Building, Option<&Grid>)> {
        let building = self.buildings.get(&home.building.text())?;
        let estate = self.estates.get(&building.estate.text())?;
        Some((estate, building, building.grid.and_then(|grid| self.grids.get(&grid.text()))))
    }
}

/// Homes as rows of fields, oldest first, after the id `after`. Extra columns are filled for homes in the grids `kept`.
pub fn homes_page(
    tx: &mut Tx,
    vault: &Vault,
    (community, within): (CommunityId, &Grids),
    (extra, kept_in): (&[String], &Grids),
    after: Option<&str>,
    limit: i64,
) -> Result<Page, DbError> {
    let mut query = home_table::table
        .filter(home_table::community_id.eq(community.text()))
        .filter(home_table::building_id.is_not_null())
        .filter(home_table::id.gt(after.unwrap_or_default().to_owned()))
        .order(home_table::id)
        .limit(limit)
        .select(home_table::id)
        .into_boxed();
    if let Grids::Only(some) = within {
        query = query.filter(home_table::grid_id.eq_any(some.iter().map(GridId::text).collect::<Vec<_>>()));
    }
    let ids: Vec<String> = tx.run(|conn| query.load(conn))?;
    let next = ids.last().filter(|_| ids.len() as i64 == limit).cloned();
    let ids = ids.iter().map(|id| parsed(id)).collect::<Result<Vec<HomeId>, _>>()?;
    let names = Names::load(tx, community)?;
    let mut facts_of: HashMap<HomeId, Vec<_>> = HashMap::new();
    for fact in facts::of_homes(tx, &ids)? {
        facts_of.entry(fact.home).or_default().push(fact);
    }
    let mut homes = homes::find_all(tx, &ids)?;
    homes.sort_unstable_by_key(|home| home.id);
    let wanted = if extra.is_empty() { vec![] } else { homes.iter().filter(|home| kept_in.contains(home.grid)).collect() };
    let mut kept = extras::of(tx, vault, wanted.iter().map(|home| home.id.text()).collect())?;
    let columns: Vec<&str> = extra.iter().map(String::as_str).collect();
    let mut rows = Vec::with_capacity(homes.len());
    for home in homes {
        let Some(names) = names.of(&home) else { continue };
        let facts = facts_of.remove(&home.id).unwrap_or_default();
        let row = home_rows::row(&home, names, &facts, kept.remove(&home.id.text()).unwrap_or_default(), tx.now().date());
        rows.push(row.fields(&columns));
    }
    Ok((rows, next))
}

/// What ties somebody to homes, as rows tell it: every relation has one; living or being registered there has one where there is no
/// relation, or else stands in its row.
fn ties(held: Vec<(HomeId, FactKind)>) -> Vec<(HomeId, FactKind)> {
    let is_relation = |kind: FactKind| !matches!(kind, FactKind::Residence | FactKind::Hukou);
    let has = |home: HomeId, which: &dyn Fn(FactKind) -> bool| held.iter().any(|(at, kind)| *at == home && which(*kind));
    let mut ties: Vec<(HomeId, FactKind)> = held
        .iter()
        .copied()
        .filter(|(home, kind)| match kind {
            FactKind::Residence => !has(*home, &is_relation),
            FactKind::Hukou => !has(*home, &|other| other != FactKind::Hukou),
            _ => true,
        })
        .collect();
    ties.sort_unstable();
    ties.dedup();
    ties
}

/// People (of [`people::in_order`]) as rows of fields, each with whose it is. Whom nothing ties to a home today has none.
pub fn people_rows(
    tx: &mut Tx,
    vault: &Vault,
    (community, within): (CommunityId, &Grids),
    shown: &Shown,
    extra: &[String],
    persons: &[Person],
) -> Result<Vec<(PersonId, Vec<String>)>, DbError> {
    let today = tx.now().date();
    let ids: Vec<PersonId> = persons.iter().map(|person| person.id).collect();
    let book = Book::of(facts::of_people(tx, &ids)?);
    let names = Names::load(tx, community)?;
    let mut dictionary = tags::dictionary(tx, community)?;
    dictionary.retain(|tag| tag.visible_to(&shown.roles));
    let given = tags::of_people(tx, &ids)?;
    let mut kept = extras::of(tx, vault, ids.iter().map(PersonId::text).collect())?;
    let columns: Vec<&str> = extra.iter().map(String::as_str).collect();
    let ties_of = |person: PersonId| -> Vec<(HomeId, FactKind)> {
        let own: Vec<_> = book.of_person(person).cloned().collect();
        ties(jiazai_domain::registry::as_of(&own, today).map(|fact| (fact.home, fact.kind)).collect())
    };
    let mut at: Vec<HomeId> = ids.iter().flat_map(|id| ties_of(*id)).map(|(home, _)| home).collect();
    at.sort_unstable();
    at.dedup();
    let found: HashMap<HomeId, Home> = homes::find_all(tx, &at)?.into_iter().map(|home| (home.id, home)).collect();
    let mut rows = Vec::new();
    for person in persons {
        let tags = tags_held(given.get(&person.id).map(Vec::as_slice).unwrap_or_default(), &dictionary, today);
        let own = kept.remove(&person.id.text()).unwrap_or_default();
        for (id, relation) in ties_of(person.id) {
            // Somebody tied to a grid is seen there; what ties them elsewhere is not.
            let Some(home) = found.get(&id).filter(|home| within.contains(home.grid)) else { continue };
            let Some((estate, building, _)) = names.of(home) else { continue };
            let row = person_row(person, (home, estate, &building.name), relation, (&book, None), tags.clone(), own.clone(), today);
            let Some(row) = row else { continue };
            let mut fields = row.fields(&columns);
            if let Some(mask) = shown.mask {
                masked(&mut fields, person, mask);
            }
            rows.push((person.id, fields));
        }
    }
    Ok(rows)
}

/// Puts what is shown in the place of what is known; of what nobody understands nothing is shown.
fn masked(fields: &mut [String], person: &jiazai_domain::registry::Person, mask: Mask) {
    let view = person.shown(mask);
    let known = Kind::People.columns().count();
    for (i, column) in Kind::People.columns().enumerate() {
        let shown = match column {
            "name" => Some(view.name.clone()),
            "id_type" => Some(view.id_type.unwrap_or_default().to_owned()),
            "id_number" => Some(view.id_number_masked.clone().unwrap_or_default()),
            "phone" => Some(view.phone_masked.clone().unwrap_or_default()),
            "sex" => Some(view.sex.unwrap_or_default().to_owned()),
            "born_on" => Some(view.born.clone().unwrap_or_default()),
            _ => None,
        };
        if let (Some(shown), Some(field)) = (shown, fields.get_mut(i)) {
            *field = jiazai_domain::registry::import::neutralise(&shown).into_owned();
        }
    }
    for field in fields.iter_mut().skip(known) {
        field.clear();
    }
}
