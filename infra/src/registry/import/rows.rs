//! A person, a home and what is between them, as the row that an export writes and an import is compared with.

use std::collections::HashMap;

use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::import::{Lives, PersonRow, TagDays, lives_by_default};
use jiazai_domain::registry::{Estate, Fact, FactId, FactKind, Home, HomeId, Interval, Person, PersonId, PersonTag, Tag};

/// Facts by whom and by where.
#[derive(Default)]
pub(super) struct Book {
    all: HashMap<FactId, Fact>,
    by_home: HashMap<HomeId, Vec<FactId>>,
    by_person: HashMap<PersonId, Vec<FactId>>,
}

impl Book {
    pub(super) fn of(facts: impl IntoIterator<Item = Fact>) -> Self {
        let mut book = Self::default();
        for fact in facts {
            book.write(fact);
        }
        book
    }

    /// Writes a fact, or writes it anew.
    pub(super) fn write(&mut self, fact: Fact) {
        if !self.all.contains_key(&fact.id) {
            self.by_home.entry(fact.home).or_default().push(fact.id);
            self.by_person.entry(fact.person).or_default().push(fact.id);
        }
        self.all.insert(fact.id, fact);
    }

    pub(super) fn of_home(&self, home: HomeId) -> Vec<Fact> {
        self.by_home.get(&home).into_iter().flatten().filter_map(|id| self.all.get(id)).cloned().collect()
    }

    pub(super) fn of_person(&self, person: PersonId) -> impl Iterator<Item = &Fact> {
        self.by_person.get(&person).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    pub(super) fn around(&self, person: PersonId, home: HomeId) -> Vec<Fact> {
        let mut around = self.of_home(home);
        around.extend(self.of_person(person).filter(|fact| fact.home != home).cloned());
        around
    }
}

/// What ties a person to a home in one way, as far as a row can say it: the fact that holds today or, where a row tells of
/// other days, one that overlaps them.
pub(super) fn standing<'b>(
    facts: impl Iterator<Item = &'b Fact>,
    home: HomeId,
    kind: FactKind,
    told: Option<Interval>,
    today: Date,
) -> Option<&'b Fact> {
    facts
        .filter(|fact| fact.is_current() && fact.home == home && fact.kind == kind)
        .filter(|fact| fact.interval.contains(today) || told.is_some_and(|told| fact.interval.overlaps(&told)))
        .max_by_key(|fact| (fact.interval.contains(today), fact.interval.from()))
}

/// The row that an export writes of a person, a home and a relation; none where that relation does not hold. Who has neither document
/// nor code is told from others by the registry's own id.
pub(super) fn row(
    person: &Person,
    (home, estate, building): (&Home, &Estate, &str),
    relation: FactKind,
    (book, told): (&Book, Option<Interval>),
    (tags, tag_days): (Vec<String>, Vec<TagDays>),
    extras: Vec<(String, String)>,
    today: Date,
) -> Option<PersonRow> {
    let own = || book.of_person(person.id);
    let fact = standing(own(), home.id, relation, told, today)?;
    let residence = standing(own(), home.id, FactKind::Residence, told, today);
    let hukou = standing(own(), home.id, FactKind::Hukou, told, today);
    let by_default = lives_by_default(relation);
    let lives_here = match residence {
        Some(fact) if fact.sole => Some(Lives::Only),
        Some(_) => (!by_default).then_some(Lives::Also),
        None => by_default.then_some(Lives::No),
    };
    let since = fact.interval.from();
    let another_day = |of: Option<&Fact>| of.map(|of| of.interval.from()).filter(|day| *day != since);
    let hukou_here = match (hukou, residence) {
        _ if relation == FactKind::Hukou => None,
        (Some(_), _) => Some(true),
        (None, Some(residence)) if residence.separated => Some(false),
        _ => None,
    };
    Some(PersonRow {
        person: jiazai_domain::registry::Particulars {
            name: person.name.clone(),
            document: person.document.clone(),
            sex: person.sex,
            born_on: person.born_on,
            phone: person.phone.clone(),
            external_code: person.external_code.clone().or_else(|| person.document.is_none().then(|| person.id.text())),
        },
        estate: estate.name.clone(),
        building: building.to_owned(),
        unit: home.unit.clone(),
        number: home.number.clone(),
        relation,
        tags,
        since: Some(since),
        lease_ends_on: fact.interval.last_day().filter(|_| relation == FactKind::Tenancy),
        share: fact.share,
        lives_here,
        hukou_here,
        lives_since: another_day(residence),
        hukou_since: another_day(hukou),
        tag_days,
        extras,
    })
}

/// The names of the tags that somebody has on a day, in the order of the dictionary, and their days.
pub(super) fn tags_held(given: &[PersonTag], dictionary: &[Tag], today: Date) -> (Vec<String>, Vec<TagDays>) {
    let held = |tag: &Tag| given.iter().find(|given| given.code == tag.code && given.holds(today)).map(|given| given.interval);
    let days: Vec<TagDays> = dictionary
        .iter()
        .filter_map(|tag| held(tag).map(|interval| (tag.name.clone(), interval.from(), interval.last_day())))
        .collect();
    (days.iter().map(|(name, _, _)| name.clone()).collect(), days)
}
