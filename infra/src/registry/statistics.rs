//! Counting the registry. Homes are counted by the database; people are read one by one, because a birth date is sealed.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, Role};
use jiazai_domain::registry::statistics::{CountedPerson, Tally};
use jiazai_domain::registry::{FactKind, GridId, Grids, PersonId};

use super::{facts, homes as home_rows, people as people_rows, tags};
use crate::db::schema::{grids, homes, household_facts, people, person_tags};
use crate::db::{DbError, Tx, native, parsed};
use crate::vault::Vault;

/// Counts a community, or some grids of it. `roles` are the asker's, for which tags they may see.
///
/// A person counts once, where they live; else where their hukou is. Who has died does not count, nor who has left for good and
/// only left a hukou behind.
pub fn count(tx: &mut Tx, vault: &Vault, community: CommunityId, within: &Grids, roles: &[Role]) -> Result<Tally, DbError> {
    let today = tx.now().date();
    let mut tally = Tally::new(today);
    let names: HashMap<String, String> =
        native!(tx, |conn| grids::table.filter(grids::community_id.eq(community.text())).select((grids::id, grids::name)).load(conn))?
            .into_iter()
            .collect();
    let name = |grid: Option<&String>| grid.and_then(|id| names.get(id)).map(String::as_str);
    for home in home_rows::list(tx, &home_rows::Which::Community(community, within.clone()))? {
        tally.homes(home.occupancy, name(home.grid.as_ref()), 1);
    }

    let mut ties: Vec<(String, String, Option<String>)> = native!(tx, |conn| {
        household_facts::table
            .inner_join(homes::table)
            .inner_join(people::table)
            // By their homes, which are in the facts' own community and found by it.
            .filter(homes::community_id.eq(community.text()))
            .filter(household_facts::kind.eq_any([FactKind::Residence, FactKind::Tenancy, FactKind::Hukou].map(FactKind::as_str)))
            .filter(facts::held(today))
            .filter(people::deceased_on.is_null())
            // Who has left for good is not counted by a hukou that stayed behind; by what was written down of them since, they are.
            .filter(
                people::moved_out_on
                    .is_null()
                    .or(household_facts::kind.ne(FactKind::Hukou.as_str()))
                    .or(household_facts::from_on.ge(people::moved_out_on.assume_not_null())),
            )
            .select((household_facts::person_id, household_facts::kind, homes::grid_id))
            .order(household_facts::id)
            .load(conn)
    })?;
    // Where somebody lives goes before where they are registered.
    ties.sort_by_key(|(_, kind, _)| kind == FactKind::Hukou.as_str());
    let mut place: HashMap<String, Option<String>> = HashMap::new();
    for (person, _, grid) in ties {
        place.entry(person).or_insert(grid);
    }
    if let Grids::Only(some) = within {
        let some: HashSet<String> = some.iter().map(GridId::text).collect();
        place.retain(|_, grid| grid.as_ref().is_some_and(|grid| some.contains(grid)));
    }

    let mut given = tags_of(tx, community, roles)?;
    let counted = place.keys().map(|person| parsed(person)).collect::<Result<Vec<PersonId>, _>>()?;
    let born = people_rows::birth_dates(tx, vault, &counted)?;
    for (person, grid) in &place {
        let born_on = born.get(&parsed(person)?).copied();
        let tags = given.remove(person).unwrap_or_default();
        tally.person(&CountedPerson { born_on, grid: name(grid.as_ref()), tags: &tags });
    }
    Ok(tally)
}

/// The codes of the tags that people have today and that these roles may see.
fn tags_of(tx: &mut Tx, community: CommunityId, roles: &[Role]) -> Result<HashMap<String, Vec<String>>, DbError> {
    let today = tx.now().date();
    let dictionary = tags::dictionary(tx, community)?;
    let seen: Vec<String> = dictionary.into_iter().filter(|tag| tag.visible_to(roles)).map(|tag| tag.code).collect();
    let mut given: Vec<(String, String)> = native!(tx, |conn| {
        person_tags::table
            .filter(person_tags::community_id.eq(community.text()))
            .filter(person_tags::code.eq_any(&seen))
            .filter(tags::held(today))
            .select((person_tags::person_id, person_tags::code))
            .load(conn)
    })?;
    given.sort();
    // Given twice for intervals that meet, a tag still counts once.
    given.dedup();
    let mut by_person: HashMap<String, Vec<String>> = HashMap::new();
    for (person, code) in given {
        by_person.entry(person).or_default().push(code);
    }
    Ok(by_person)
}
