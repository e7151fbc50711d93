//! Rows of people: the person, what ties them to a home, and their tags.
//!
//! A row adds and corrects; it never ends a fact and never takes a tag away. Facts are recorded where the same does not hold
//! already, so a file that is imported again changes nothing.

use std::collections::{HashMap, HashSet};

use jiazai_domain::actor::Role;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::fault::Fault;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::import::{Diff, Lives, PersonRow, lives_by_default};
use jiazai_domain::registry::{
    Alteration, Correction, Document, Fact, FactDraft, FactKind, GridId, Home, HomeId, Household, Interval, Person, PersonDraft, PersonId,
    PersonTag, Reason, Refusal, Source, Tag,
};

use super::homes::{Places, of_refusal, unit_and_number};
use super::rows::{Book, row as row_of, standing, tags_held};
use super::{Importer, Line, Tally, extras};
use crate::db::{DbError, Tx};
use crate::registry::{bindings, facts, homes, people, tags};
use crate::vault::Vault;

struct Known {
    places: Places,
    homes: HashMap<HomeId, Home>,
    people: HashMap<PersonId, Person>,
    by_document: HashMap<Document, PersonId>,
    by_code: HashMap<String, PersonId>,
    book: Book,
    /// Of the homes that people are tied to, wherever those are.
    grids: HashMap<PersonId, Vec<Option<GridId>>>,
    dictionary: Vec<Tag>,
    given: HashMap<PersonId, Vec<PersonTag>>,
    extras: HashMap<String, Vec<(String, String)>>,
    /// Of whom facts were written, and who were not saved since.
    tied: HashSet<PersonId>,
    touched: HashSet<HomeId>,
}

impl Known {
    fn load(tx: &mut Tx, vault: &Vault, by: &Importer, rows: &[&PersonRow]) -> Result<Self, DbError> {
        let community = by.keeper.community();
        let named: Vec<(&str, &str)> = rows.iter().map(|row| (row.estate.as_str(), row.building.as_str())).collect();
        let keys: Vec<String> = rows.iter().map(|row| unit_and_number(&row.home())).collect();
        let places = Places::load(tx, community, &named, keys)?;
        let mut wanted: Vec<HomeId> =
            rows.iter().filter_map(|row| places.home(&row.estate, &row.building, &unit_and_number(&row.home()))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found: HashMap<HomeId, Home> = homes::find_all(tx, &wanted)?.into_iter().map(|home| (home.id, home)).collect();
        let documents: Vec<&Document> = rows.iter().filter_map(|row| row.person.document.as_ref()).collect();
        let codes: Vec<&str> = rows.iter().filter_map(|row| row.person.external_code.as_deref()).collect();
        let mut persons = people::known_by(tx, vault, community, &documents, &codes)?;
        // An export tells who has neither document nor code by their id.
        let named: Vec<PersonId> = codes.iter().filter_map(|code| code.parse().ok()).collect();
        let named = people::find_all(tx, vault, &named)?.into_iter().filter(|person| person.community == community);
        persons.extend(named.filter(|person| !persons.iter().any(|known| known.id == person.id)).collect::<Vec<_>>());
        let ids: Vec<PersonId> = persons.iter().map(|person| person.id).collect();
        let home_ids: Vec<HomeId> = found.keys().copied().collect();
        let mut book = Book::of(facts::of_homes(tx, &home_ids)?);
        for fact in facts::of_people(tx, &ids)? {
            book.write(fact);
        }
        let mut known = Self {
            places,
            homes: found,
            people: HashMap::new(),
            by_document: HashMap::new(),
            by_code: HashMap::new(),
            book,
            grids: people::grids_of(tx, &ids, tx.now().date())?,
            dictionary: tags::dictionary(tx, community)?,
            given: tags::of_people(tx, &ids)?,
            extras: extras::of(tx, vault, ids.iter().map(PersonId::text).collect())?,
            tied: HashSet::new(),
            touched: HashSet::new(),
        };
        for person in persons {
            known.remember(person);
        }
        Ok(known)
    }

    /// Keeps up with what a row made of somebody. What they had before leads to nobody any more: a later row that names it is answered
    /// as in another portion.
    fn remember(&mut self, person: Person) {
        if let Some(old) = self.people.get(&person.id) {
            if let Some(document) = old.document.as_ref().filter(|document| person.document.as_ref() != Some(*document)) {
                self.by_document.remove(document);
            }
            if let Some(code) = old.external_code.as_ref().filter(|code| person.external_code.as_ref() != Some(*code)) {
                self.by_code.remove(code);
            }
        }
        if let Some(document) = &person.document {
            self.by_document.insert(document.clone(), person.id);
        }
        if let Some(code) = &person.external_code {
            self.by_code.insert(code.clone(), person.id);
        }
        // A code that reads like an id and was given to somebody goes before the id.
        self.by_code.entry(person.id.text()).or_insert(person.id);
        self.people.insert(person.id, person);
    }
}

pub(super) fn take(tx: &mut Tx, vault: &Vault, by: &Importer, lines: &[Line<PersonRow>]) -> Result<Tally, DbError> {
    let rows: Vec<&PersonRow> = lines.iter().filter_map(|line| line.row.as_ref().ok()).collect();
    let mut known = Known::load(tx, vault, by, &rows)?;
    let mut tally = Tally::default();
    for line in lines {
        match &line.row {
            Err(faults) => tally.refused(faults.clone()),
            Ok(row) => match one(tx, vault, by, &mut known, row)? {
                Ok(diff) => tally.taken(line.number, diff),
                Err(refusal) => tally.refused(of_refusal(line.number, refusal)),
            },
        }
    }
    // Whoever decided about these people and homes at the same time decides again.
    for id in std::mem::take(&mut known.tied) {
        if let Some(person) = known.people.get(&id) {
            people::touch(tx, person)?;
        }
    }
    for id in std::mem::take(&mut known.touched) {
        if let Some(home) = known.homes.get(&id) {
            homes::touch(tx, home, &known.book.of_home(id))?;
        }
    }
    Ok(tally)
}

fn fault(column: &str, code: &'static str) -> Refusal {
    Refusal::Invalid(vec![Fault { pointer: format!("/{column}"), code }])
}

/// A fact that is to be written.
enum Tie {
    New(Changed<Fact>),
    Corrected(Box<Correction>),
}

/// Takes one row. Everything is decided before anything is written, so a refused row leaves nothing behind.
fn one(tx: &mut Tx, vault: &Vault, by: &Importer, known: &mut Known, row: &PersonRow) -> Result<Result<Diff, Refusal>, DbError> {
    let (now, today) = (tx.now(), tx.now().date());
    let decided = (|| -> Result<_, Refusal> {
        let home_id = known.places.home(&row.estate, &row.building, &unit_and_number(&row.home()));
        let home = home_id.and_then(|id| known.homes.get(&id)).ok_or_else(|| fault("number", "unknown_home"))?;
        if !by.keeper.keeps(home.community, home.grid) {
            return Err(Refusal::NotForYou);
        }
        let coded = row.person.external_code.as_ref().and_then(|code| known.by_code.get(code)).copied();
        let numbered = row.person.document.as_ref().and_then(|document| known.by_document.get(document)).copied();
        if coded.is_some() && numbered.is_some() && coded != numbered {
            return Err(fault("external_code", "code_of_another"));
        }
        let before = coded.or(numbered).and_then(|id| known.people.get(&id));
        let grids = before.and_then(|person| known.grids.get(&person.id)).cloned().unwrap_or_default();
        // Whom the importer does not keep they cannot tie to a home of theirs: by the door for one fact nobody like that is there.
        if before.is_some_and(|person| !person.is_kept_by(&by.keeper, &grids)) {
            return Err(fault("id_number", "person_elsewhere"));
        }
        let mut asked_tags = asked_tags(row, &known.dictionary, &by.roles)?;
        // What a file of last year gave until last year is over.
        let over = |days: (Date, Option<Date>)| days.1.is_some_and(|last| last < today);
        asked_tags.retain(|tag| !row.days_of((&tag.name, &tag.code)).is_some_and(over));
        let (said, diff) = compared(known, row, before, home, (&asked_tags, &by.roles), today);
        if diff == Diff::Unchanged {
            return Ok(None);
        }
        let person = person(tx, by, row, before, &grids)?;
        let next = person.as_ref().map(|(changed, _)| changed.value().clone()).or_else(|| before.cloned());
        let Some(next) = next else { return Err(fault("name", "blank")) };
        let ties = ties(tx, by, &said, &next, home, &known.book)?;
        let given = known.given.get(&next.id).map(Vec::as_slice).unwrap_or_default();
        // Whoever is tied to this home by this row is kept by its keeper.
        let grids: Vec<Option<GridId>> = grids.into_iter().chain([home.grid]).collect();
        let missing = asked_tags.iter().filter(|tag| !given.iter().any(|given| given.code == tag.code && given.holds(today)));
        let tags = missing
            .map(|tag| {
                let days = row.days_of((&tag.name, &tag.code)).unwrap_or((today, None));
                PersonTag::give(tx.new_id(), tag, (&next, &grids, given), days, &by.keeper, now)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|refusal| match refusal {
                Refusal::Invalid(faults) => fault("tags", faults.first().map_or("out_of_range", |fault| fault.code)),
                other => other,
            })?;
        Ok(Some((diff, home.id, person, next, ties, tags, grids)))
    })();
    let (diff, home, person, next, ties, tags, grids) = match decided {
        Ok(Some(decided)) => decided,
        Ok(None) => return Ok(Ok(Diff::Unchanged)),
        Err(refusal) => return Ok(Err(refusal)),
    };

    let community = by.keeper.community();
    let was_saved = person.is_some();
    let was_known = known.people.contains_key(&next.id);
    if let Some((changed, altered)) = person {
        people::save(tx, vault, changed, &altered)?;
    }
    if !ties.is_empty() {
        known.touched.insert(home);
        if !was_saved {
            known.tied.insert(next.id);
        }
    }
    if was_saved {
        known.tied.remove(&next.id);
    }
    let mut next = next;
    for tie in ties {
        let (fact, before) = match tie {
            Tie::New(changed) => {
                let fact = facts::save(tx, changed)?;
                // Nobody is bound as a person who was not there a moment ago.
                if was_known {
                    bindings::follow(tx, &fact)?;
                }
                (fact, None)
            }
            Tie::Corrected(correction) => {
                let (old, new) = facts::save_correction(tx, *correction)?;
                known.book.write(old.clone());
                (new, Some(old))
            }
        };
        if let Some((back, altered)) = next.returned(&fact, before.as_ref(), &by.keeper, tx.now()) {
            next = people::save(tx, vault, back, &altered)?;
            known.tied.remove(&next.id);
        }
        known.book.write(fact);
    }
    for changed in tags {
        let given = tags::save_given(tx, community, changed)?;
        known.given.entry(next.id).or_default().push(given);
    }
    extras::save(tx, vault, &next.id.text(), &row.extras)?;
    let kept = known.extras.entry(next.id.text()).or_default();
    for (name, value) in &row.extras {
        match kept.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1.clone_from(value),
            None => kept.push((name.clone(), value.clone())),
        }
    }
    known.grids.insert(next.id, grids);
    known.remember(next);
    Ok(Ok(diff))
}

/// The tags of the dictionary that a row names, by name or code. One that the importer may not see is refused, as it is where a
/// tag is given to one person: that it would be nothing new would tell who has it.
fn asked_tags(row: &PersonRow, dictionary: &[Tag], roles: &[Role]) -> Result<Vec<Tag>, Refusal> {
    let find = |asked: &String| dictionary.iter().find(|tag| tag.name == *asked || tag.code == *asked).cloned();
    let named = row.tags.iter().map(|asked| match find(asked) {
        None => Err(fault("tags", "unknown_tag")),
        Some(tag) if !tag.visible_to(roles) => Err(fault("tags", "tag_not_for_you")),
        Some(tag) => Ok(tag),
    });
    named.collect()
}

/// The row as far as it may change anything, and what it would change.
fn compared(
    known: &Known,
    row: &PersonRow,
    before: Option<&Person>,
    home: &Home,
    (asked, roles): (&[Tag], &[Role]),
    today: Date,
) -> (PersonRow, Diff) {
    let mut said = PersonRow { tags: asked.iter().map(|tag| tag.name.clone()).collect(), ..row.clone() };
    let told = row.since.and_then(|from| Interval::through(from, row.lease_ends_on).ok());
    let existing = before.and_then(|person| {
        let building = known.places.buildings.iter().find(|building| building.id == home.building)?;
        let estate = known.places.estates.iter().find(|estate| estate.id == building.estate)?;
        let given = known.given.get(&person.id).map(Vec::as_slice).unwrap_or_default();
        let seen: Vec<Tag> = known.dictionary.iter().filter(|tag| tag.visible_to(roles)).cloned().collect();
        let names = tags_held(given, &seen, today);
        let extras = known.extras.get(&person.id.text()).cloned().unwrap_or_default();
        row_of(person, (home, estate, &building.name), row.relation, (&known.book, told), names, extras, today)
    });
    if let (Some(existing), Some(person)) = (&existing, before) {
        // A row never ends a fact: that somebody does not live here any more is said by ending what said that they do.
        if said.lives_here == Some(Lives::No) {
            said.lives_here = existing.lives_here;
        }
        let by_default = lives_by_default(row.relation);
        if said.lives_here == Some(Lives::Also) && existing.lives_here.is_none() && by_default {
            said.lives_here = None;
        }
        if said.hukou_here == Some(false) && existing.hukou_here == Some(true) {
            said.hukou_here = Some(true);
        }
        // `no hukou here` is a mark of a residence; without one there is nothing to mark.
        let lives = |lives: Option<Lives>| matches!(lives, Some(Lives::Only | Lives::Also));
        if said.hukou_here == Some(false) && existing.hukou_here.is_none() && !lives(existing.lives_here) && !lives(said.lives_here) {
            let resides = existing.lives_here.is_none() && by_default;
            if !resides {
                said.hukou_here = None;
            }
        }
        // Days that are those of the relation are not told by another column.
        if existing.lives_since.is_none() && said.lives_since == existing.since {
            said.lives_since = None;
        }
        if existing.hukou_since.is_none() && said.hukou_since == existing.since {
            said.hukou_since = None;
        }
        if said.person.external_code.as_deref() == Some(person.id.text().as_str()) {
            said.person.external_code.clone_from(&existing.person.external_code);
        }
    }
    let diff = said.diff(existing.as_ref());
    (said, diff)
}

type Saved = (Changed<Person>, Vec<Alteration>);

/// The person made or corrected, if anything of them is different.
fn person(tx: &Tx, by: &Importer, row: &PersonRow, before: Option<&Person>, grids: &[Option<GridId>]) -> Result<Option<Saved>, Refusal> {
    let p = &row.person;
    let document = p.document.as_ref().map(|document| (document.kind(), document.expose()));
    let Some(before) = before else {
        let draft = PersonDraft {
            name: &p.name,
            document,
            sex: p.sex,
            born_on: p.born_on,
            phone: p.phone.as_ref().map(|phone| phone.expose()),
            external_code: p.external_code.as_deref(),
        };
        return Ok(Some((Person::create(tx.new_id(), draft, true, &by.keeper, tx.now())?, vec![])));
    };
    let draft = PersonDraft {
        name: &p.name,
        document: document.or(before.document.as_ref().map(|document| (document.kind(), document.expose()))),
        sex: p.sex.or(before.sex),
        born_on: p.born_on.or(before.born_on),
        phone: p.phone.as_ref().or(before.phone.as_ref()).map(|phone| phone.expose()),
        external_code: p.external_code.as_deref().filter(|code| *code != before.id.text()).or(before.external_code.as_deref()),
    };
    let same = draft.name == before.name
        && p.document.as_ref().or(before.document.as_ref()) == before.document.as_ref()
        && draft.sex == before.sex
        && draft.born_on == before.born_on
        && draft.phone == before.phone.as_ref().map(|phone| phone.expose())
        && draft.external_code == before.external_code.as_deref();
    if same { Ok(None) } else { before.clone().correct(draft, None, grids, &by.keeper, tx.now()) }
}

/// The facts that a row tells, as far as they are not known.
fn ties(tx: &Tx, by: &Importer, row: &PersonRow, person: &Person, home: &Home, book: &Book) -> Result<Vec<Tie>, Refusal> {
    let (now, today) = (tx.now(), tx.now().date());
    let mut around = book.around(person.id, home.id);
    let mut ties = Vec::new();
    for draft in row.facts(today) {
        let told = Interval::new(draft.from, draft.until).ok();
        let own = around.iter().filter(|fact| fact.person == person.id);
        let Some(fact) = standing(own, home.id, draft.kind, told, today).cloned() else {
            let within = Household { person, home, around: &around };
            let made = Fact::record(tx.new_id(), draft, within, Source::Import, &by.keeper, now).map_err(columns)?;
            around.push(made.value().clone());
            ties.push(Tie::New(made));
            continue;
        };
        let wanted = wanted(row, draft, &fact);
        let is = FactDraft {
            kind: fact.kind,
            from: fact.interval.from(),
            until: fact.interval.until(),
            share: fact.share,
            sole: fact.sole,
            separated: fact.separated,
        };
        if wanted != is {
            let reason = Reason::new("批量导入更正").map_err(|_| fault_of_reason())?;
            let within = Household { person, home, around: &around };
            let corrected = fact.clone().correct(tx.new_id(), wanted, reason, within, &by.keeper, now).map_err(columns)?;
            around.retain(|other| other.id != fact.id);
            around.push(corrected.new.value().clone());
            ties.push(Tie::Corrected(Box::new(corrected)));
        }
    }
    Ok(ties)
}

fn fault_of_reason() -> Refusal {
    fault("", "blank")
}

/// What a fact should say after a row. Hukou and residence have days of their own, in columns of their own.
fn wanted(row: &PersonRow, draft: FactDraft, fact: &Fact) -> FactDraft {
    let is_relation = draft.kind == row.relation;
    let told = match draft.kind {
        FactKind::Residence if row.lives_since.is_some() => true,
        FactKind::Hukou if row.hukou_since.is_some() => true,
        _ => is_relation && row.since.is_some(),
    };
    let is_residence = draft.kind == FactKind::Residence;
    FactDraft {
        kind: fact.kind,
        from: if told { draft.from } else { fact.interval.from() },
        until: if row.lease_ends_on.is_some() && draft.until.is_some() { draft.until } else { fact.interval.until() },
        share: draft.share.filter(|_| is_relation).or(fact.share),
        sole: is_residence && (draft.sole || fact.sole && row.lives_here != Some(Lives::Also)),
        separated: is_residence && (draft.separated || fact.separated && row.hukou_here != Some(true)),
    }
}

/// Pointers of a fact's form as columns of a file.
fn columns(refusal: Refusal) -> Refusal {
    let Refusal::Invalid(faults) = refusal else { return refusal };
    let column = |pointer: &str, code: &str| match pointer {
        "/from" => "/since",
        // Of somebody who has died: a row cannot say that it was over by then.
        "/until" if code == "after_death" => "/since",
        "/until" => "/lease_ends_on",
        "/share" => "/share",
        "/sole" => "/lives_here",
        _ => "/relation",
    };
    Refusal::Invalid(
        faults.into_iter().map(|fault| Fault { pointer: column(&fault.pointer, fault.code).to_owned(), code: fault.code }).collect(),
    )
}
