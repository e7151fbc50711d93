//! What the registry already knows of a family, so that nobody types it again.
//!
//! Only what it says for certain becomes a fact; nothing is concluded from its silence. A tenant learns nothing of the
//! people registered in the landlord's home: what is known of a child is told to owners and families only.

use super::SchoolId;
use super::round;
use super::round::{ZonePlace, ZoneSite};
use super::rules::{Fact, FactSet, Value};
use crate::kernel::time::Date;
use crate::registry::{self, BuildingId, FactKind, HomeId, PersonId, Relation, Share, as_of};

/// A home that the asker is actively bound to, and what the registry holds of it.
#[derive(Debug, Clone)]
pub struct KnownHome {
    pub home: HomeId,
    pub building: BuildingId,
    /// As it is written on a form: the doors of a street are told by it.
    pub label: String,
    pub relation: Relation,
    /// Who the asker is in the registry, where that was found out.
    pub asker: Option<PersonId>,
    /// All facts of the home, superseded ones too.
    pub facts: Vec<registry::Fact>,
    /// The birth dates of those who are tied to the home, where they are known.
    pub born: Vec<(PersonId, Date)>,
}

impl KnownHome {
    pub fn site(&self) -> ZoneSite {
        ZoneSite::new(Some(self.building), Some(&self.label))
    }

    /// The schools whose zone it is in.
    pub fn schools(&self, round: &round::Facts) -> Vec<SchoolId> {
        round.zone_schools(&self.site())
    }

    /// Whether it is in a zone of the round. Where zones are written by doors it cannot be said that it is not: not every home
    /// has its street in its label.
    fn in_zone(&self, round: &round::Facts) -> Option<bool> {
        let by_building = !round.zones.is_empty() && round.zones.iter().all(|zone| matches!(zone.place, ZonePlace::Building(_)));
        match !self.schools(round).is_empty() {
            true => Some(true),
            false if by_building => Some(false),
            false => None,
        }
    }

    /// What is known for certain on a day. With the child's birth date, a child of the home is who was born on that day;
    /// without, who was born in the birth window. Of two nothing is said.
    pub fn facts(&self, round: &round::Facts, born_on: Option<Date>, day: Date) -> FactSet {
        let mut said = FactSet::default();
        let mut say = |name: &str, value: Value| {
            if let Some(fact) = Fact::find(name) {
                said = std::mem::take(&mut said).with(fact, value);
            }
        };
        let now: Vec<_> = as_of(&self.facts, day).collect();
        let of = |person: Option<PersonId>, kind: FactKind| {
            person.and_then(|person| now.iter().copied().find(|fact| fact.person == person && fact.kind == kind))
        };
        let zone = self.in_zone(round);
        let owned = of(self.asker, FactKind::Ownership);
        if let Some(owned) = owned {
            say("house_on", Value::Date(owned.interval.from()));
            if owned.share.is_some_and(|share| share.points() == Share::WHOLE) {
                say("owner_share", Value::Int(100));
            }
            if let Some(zone) = zone {
                say("house_in_zone", Value::Bool(zone));
                say("house_zoned", Value::Bool(zone));
            }
        }
        if let Some(until) = of(self.asker, FactKind::Tenancy).and_then(|lease| lease.interval.last_day()) {
            say("lease_until", Value::Date(until));
        }
        if !matches!(self.relation, Relation::Owner | Relation::Family) {
            return said;
        }
        let fits = |born: Date| born_on.map_or_else(|| round.in_birth_window(born), |day| born == day);
        let registered = |person: PersonId| of(Some(person), FactKind::Hukou);
        let mut children = self.born.iter().filter(|(person, born)| fits(*born) && registered(*person).is_some());
        if let (Some((child, born)), None) = (children.next(), children.next())
            && let Some(hukou) = registered(*child)
        {
            say("born_on", Value::Date(*born));
            say("hukou_on", Value::Date(hukou.interval.from()));
            if let Some(zone) = zone {
                say("hukou_in_zone", Value::Bool(zone));
            }
            if owned.is_some() && of(self.asker, FactKind::Hukou).is_some() {
                say("same_address", Value::Bool(true));
            }
        }
        said
    }
}

/// What is known from all of a family's homes: those in a zone come first, and what one home has said no other changes.
pub fn household(homes: &mut [KnownHome], round: &round::Facts, born_on: Option<Date>, day: Date) -> FactSet {
    homes.sort_by_key(|home| (home.in_zone(round) != Some(true), home.home));
    homes.iter().rev().fold(FactSet::default(), |known, home| known.corrected_by(&home.facts(round, born_on, day)))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::enrolment::round::{Facts, Parity, State, Zone};
    use crate::enrolment::testing::{at, here, home, person, round_in, school};
    use crate::registry::{FactId, Interval, Source};

    const ASKER: u128 = 1;
    const CHILD: u128 = 2;

    fn who(n: u128) -> PersonId {
        PersonId::from_uuid(Uuid::from_u128(n))
    }

    fn building(n: u128) -> BuildingId {
        BuildingId::from_uuid(Uuid::from_u128(n))
    }

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn fact(n: u128, of: u128, kind: FactKind, from: &str, until: Option<&str>) -> registry::Fact {
        registry::Fact {
            id: FactId::from_uuid(Uuid::from_u128(n)),
            version: 1,
            community: here(),
            person: who(of),
            home: home(1),
            kind,
            interval: Interval::new(day(from), until.map(day)).expect("an interval"),
            share: (kind == FactKind::Ownership).then(|| Share::basis_points(Share::WHOLE).expect("a share")),
            sole: false,
            separated: false,
            source: Source::Keeper,
            recorded_by: person(9),
            recorded_at: at("2026-01-01T09:00"),
            corrects: None,
            superseded: None,
        }
    }

    fn flat(relation: Relation, facts: Vec<registry::Fact>) -> KnownHome {
        let born = vec![(who(CHILD), day("2020-03-04")), (who(ASKER), day("1990-01-01"))];
        KnownHome {
            home: home(1),
            building: building(1),
            label: "样例新村 1号楼 101".to_owned(),
            relation,
            asker: Some(who(ASKER)),
            facts,
            born,
        }
    }

    fn zoned() -> Facts {
        let place = ZonePlace::Building(building(1));
        Facts { zones: vec![Zone { school: school(1), place, valid_from: None, valid_to: None }], ..round_in(State::Open).facts().clone() }
    }

    fn said(home: &KnownHome, round: &Facts) -> Vec<(&'static str, String)> {
        home.facts(round, None, day("2026-06-20")).iter().map(|(fact, value)| (fact.name(), value.text(fact))).collect()
    }

    #[test]
    fn an_owner_whose_child_is_registered_at_home_is_told_both_dates() {
        let facts = vec![
            fact(1, ASKER, FactKind::Ownership, "2019-05-01", None),
            fact(2, ASKER, FactKind::Hukou, "2019-06-01", None),
            fact(3, CHILD, FactKind::Hukou, "2020-04-01", None),
        ];
        let expected = [
            ("hukou_on", "2020-04-01"),
            ("hukou_in_zone", "是"),
            ("house_on", "2019-05-01"),
            ("house_in_zone", "是"),
            ("house_zoned", "是"),
            ("owner_share", "100"),
            ("same_address", "是"),
            ("born_on", "2020-03-04"),
        ];
        assert_eq!(said(&flat(Relation::Owner, facts), &zoned()), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn what_the_registry_does_not_say_stays_unknown() {
        assert_eq!(said(&flat(Relation::Owner, vec![]), &zoned()), []);
        // Sold, and corrected away: neither holds today.
        let mut corrected = fact(2, CHILD, FactKind::Hukou, "2020-04-01", None);
        corrected.superseded = Some((person(9), at("2026-02-01T09:00")));
        let facts = vec![fact(1, ASKER, FactKind::Ownership, "2010-05-01", Some("2020-05-01")), corrected];
        assert_eq!(said(&flat(Relation::Owner, facts), &zoned()), []);
        // Two children of the window: which one is meant?
        let mut twins = flat(
            Relation::Owner,
            vec![fact(1, CHILD, FactKind::Hukou, "2020-04-01", None), fact(2, 3, FactKind::Hukou, "2020-04-01", None)],
        );
        twins.born.push((who(3), day("2020-03-05")));
        assert_eq!(said(&twins, &zoned()), []);
        let one = twins.facts(&zoned(), Some(day("2020-03-05")), day("2026-06-20"));
        assert_eq!(one.iter().map(|(fact, _)| fact.name()).collect::<Vec<_>>(), ["hukou_on", "hukou_in_zone", "born_on"]);
    }

    #[test]
    fn a_tenant_learns_nothing_of_the_landlords_child() {
        let facts =
            vec![fact(1, CHILD, FactKind::Hukou, "2020-04-01", None), fact(2, ASKER, FactKind::Tenancy, "2025-01-01", Some("2027-01-01"))];
        assert_eq!(said(&flat(Relation::Tenant, facts), &zoned()), [("lease_until", "2026-12-31".to_owned())]);
    }

    #[test]
    fn a_home_outside_every_building_zone_is_outside_and_beside_doors_nobody_knows() {
        let facts = vec![fact(1, ASKER, FactKind::Ownership, "2019-05-01", None)];
        let elsewhere = KnownHome { building: building(2), ..flat(Relation::Owner, facts) };
        assert!(said(&elsewhere, &zoned()).contains(&("house_in_zone", "否".to_owned())));
        let mut doors = zoned();
        let place = ZonePlace::doors("东涂街".to_owned(), 1, 99, Parity::All);
        doors.zones.push(Zone { school: school(1), place, valid_from: None, valid_to: None });
        assert!(said(&elsewhere, &doors).iter().all(|(name, _)| *name != "house_in_zone"));
        let on_the_street = KnownHome { label: "东涂街 12号 101".to_owned(), ..elsewhere };
        assert!(said(&on_the_street, &doors).contains(&("house_in_zone", "是".to_owned())));
        assert_eq!(on_the_street.schools(&doors), [school(1)]);
    }

    #[test]
    fn of_two_homes_the_one_in_the_zone_is_believed_first() {
        let at_home = |n: u128, building_no: u128, from: &str| KnownHome {
            home: home(n),
            building: building(building_no),
            ..flat(Relation::Owner, vec![fact(n, ASKER, FactKind::Ownership, from, None)])
        };
        let mut homes = vec![at_home(1, 2, "2015-01-01"), at_home(2, 1, "2021-01-01")];
        let known = household(&mut homes, &zoned(), None, day("2026-06-20"));
        let house_on = known.get(Fact::find("house_on").expect("a fact"));
        assert_eq!((house_on, homes[0].home), (Some(Value::Date(day("2021-01-01"))), home(2)));
    }
}
