//! People and tags.

use super::*;
use crate::actor::Role;
use crate::kernel::idcard::Sex;
use crate::registry::presets::PRESETS;
use crate::registry::sight::visible_tags;

fn checked(change: impl FnOnce(&mut PersonDraft<'static>)) -> Result<Particulars, Vec<(String, &'static str)>> {
    let mut draft = draft();
    change(&mut draft);
    draft.check(today()).map_err(|faults| faults.into_iter().map(|f| (f.pointer, f.code)).collect())
}

#[test]
fn the_number_tells_birth_date_and_sex_and_must_agree_with_both() {
    let person = checked(|_| {}).expect("a person");
    assert_eq!((person.born_on, person.sex), (Some(day("1949-12-31")), Some(Sex::Female)));
    let wrong = checked(|d| {
        d.born_on = Some(day("1949-12-30"));
        d.sex = Some(Sex::Male);
    });
    assert_eq!(wrong, Err(vec![("/born_on".into(), "born_on_mismatch"), ("/sex".into(), "sex_mismatch")]));
}

#[test]
fn all_faults_of_a_person_are_told_at_once() {
    let wrong = checked(|d| {
        *d = PersonDraft {
            name: " ",
            document: Some((DocumentType::ResidentId, "110105194912310021")),
            sex: None,
            born_on: Some(day("2026-11-22")),
            phone: Some("12345"),
            external_code: Some("a b"),
        }
    });
    let codes: Vec<_> = wrong.expect_err("all wrong").into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["blank", "id_checksum", "phone_format", "external_code_format", "born_on_future"]);
}

#[test]
fn a_newborn_needs_no_number() {
    let child = checked(|d| {
        d.document = None;
        d.phone = None;
        d.born_on = Some(today());
    });
    assert!(child.is_ok_and(|c| c.document.is_none() && c.phone.is_none()));
}

#[test]
fn a_correction_names_its_fields_in_the_event_and_keeps_values_for_the_history() {
    let mut other = draft();
    other.phone = Some("13900000001");
    let (changed, altered) = person(1).correct(other, None, &[Some(north())], &north_keeper(), now()).expect("may").expect("differs");
    assert_eq!((changed.loaded(), changed.value().version), (Some(1), 2));
    assert_eq!(
        altered.iter().map(|a| (a.field, a.before.as_deref(), a.after.as_deref())).collect::<Vec<_>>(),
        [("phone", Some("13812345678"), Some("13900000001"))]
    );
    let event = format!("{:?}", changed.events());
    assert!(event.contains("person.corrected") && event.contains("phone") && !event.contains("139"));
    assert!(!format!("{altered:?} {changed:?}").contains("13900000001"));
}

#[test]
fn a_correction_that_changes_nothing_leaves_no_trace() {
    assert_eq!(person(1).correct(draft(), None, &[Some(north())], &north_keeper(), now()), Ok(None));
}

#[test]
fn a_grid_worker_corrects_people_of_their_grids_only() {
    let try_with = |grids: &[Option<GridId>], by: &Keeper| person(1).correct(draft(), None, grids, by, now()).map(|_| ());
    assert_eq!(try_with(&[Some(south())], &north_keeper()), Err(Refusal::NotForYou));
    assert_eq!(try_with(&[], &north_keeper()), Err(Refusal::NotForYou));
    assert_eq!(try_with(&[Some(south()), Some(north())], &north_keeper()), Ok(()));
    assert_eq!(try_with(&[], &admin_keeper()), Ok(()));
    let theirs = Person { community: elsewhere(), ..person(1) };
    assert_eq!(theirs.correct(draft(), None, &[Some(north())], &admin_keeper(), now()), Err(Refusal::NotForYou));
}

#[test]
fn death_and_moving_out_happen_once_and_not_tomorrow() {
    let grids = [Some(north())];
    let dead = saved(person(1).record_death(day("2026-11-01"), &grids, &north_keeper(), now()).expect("a death").0);
    assert_eq!(dead.clone().record_death(day("2026-11-01"), &grids, &north_keeper(), now()), Err(Refusal::Deceased));
    assert_eq!(dead.move_out(day("2026-11-02"), &grids, &north_keeper(), now()), Err(Refusal::Deceased));
    assert_eq!(faults(person(1).record_death(day("2026-11-22"), &grids, &north_keeper(), now())), fault("/deceased_on", "future"));
    assert_eq!(faults(person(1).record_death(day("1949-12-30"), &grids, &north_keeper(), now())), fault("/deceased_on", "before_birth"));
    let (gone, altered) = person(1).move_out(day("2026-11-01"), &grids, &north_keeper(), now()).expect("gone");
    let what = |altered: &[Alteration]| altered.iter().map(|a| (a.field, a.before.clone(), a.after.clone())).collect::<Vec<_>>();
    assert_eq!(what(&altered), [("moved_out_on", None, Some("2026-11-01".to_owned()))], "the history knows of it");
    let gone = saved(gone);
    assert!(gone.clone().move_out(today(), &grids, &north_keeper(), now()).is_err());
    let (back, altered) = gone.move_back(&grids, &north_keeper(), now()).expect("back");
    assert_eq!(what(&altered), [("moved_out_on", Some("2026-11-01".to_owned()), None)]);
    let back = saved(back);
    assert_eq!((back.moved_out_on, back.version), (None, 3));
}

#[test]
fn a_grid_worker_writes_down_nobody_of_whom_they_would_lose_sight() {
    let made = |tied: bool, by: &Keeper| Person::create(id(1), draft(), tied, by, now()).map(|_| ());
    assert_eq!(faults(made(false, &north_keeper())), fault("/facts", "required"));
    assert_eq!((made(true, &north_keeper()), made(false, &admin_keeper())), (Ok(()), Ok(())));
}

#[test]
fn another_number_takes_along_what_the_old_one_told() {
    let before = person(1);
    let kept = before.amended(Amendment { phone: Some(None), ..Amendment::default() });
    assert_eq!((kept.name, kept.phone, kept.born_on, kept.sex), ("赵样一", None, before.born_on, before.sex));
    let renumbered =
        before.amended(Amendment { id_number: Some(Some("E12345678")), id_type: Some(DocumentType::Passport), ..Amendment::default() });
    assert_eq!((renumbered.born_on, renumbered.sex, renumbered.phone), (None, None, Some("13812345678")));
    assert_eq!(renumbered.document, Some((DocumentType::Passport, "E12345678")));
}

#[test]
fn a_child_is_one_until_the_fourteenth_birthday() {
    let child = Person { born_on: Some(day("2012-11-22")), ..person(1) };
    assert!(child.is_child(today()) && !child.is_child(day("2026-11-22")));
    assert!(!Person { born_on: None, ..child }.is_child(today()));
}

fn a_tag(valid_days: Option<i64>, visible_to: Vec<Role>) -> Tag {
    let draft = TagDraft { name: "独居老人", legal_basis: "《老年人权益保障法》", visible_to, valid_days, active: true };
    saved(Tag::create("elder_alone", draft, &admin().admin_of(here()).expect("admin"), now()).expect("a tag"))
}

fn give(tag: &Tag, had: &[PersonTag], from: Date, last: Option<Date>) -> Result<PersonTag, Refusal> {
    PersonTag::give(id(1), tag, (&person(1), &[Some(north())], had), (from, last), &north_keeper(), now()).map(saved)
}

#[test]
fn a_tag_ends_when_its_time_is_over() {
    let given = give(&a_tag(Some(30), vec![]), &[], today(), None).expect("given");
    assert!(given.holds(today() + chrono::Days::new(29)) && !given.holds(today() + chrono::Days::new(30)));
    let shorter = give(&a_tag(Some(30), vec![]), &[], today(), Some(today())).expect("given");
    assert!(shorter.holds(today()) && !shorter.holds(today() + chrono::Days::new(1)));
    let forever = give(&a_tag(None, vec![]), &[], today(), None).expect("given");
    assert!(forever.holds(day("2099-01-01")));
}

#[test]
fn a_tag_is_given_once_at_a_time_and_its_name_stays_out_of_the_event() {
    let tag = a_tag(None, vec![]);
    let had = [give(&tag, &[], today(), None).expect("given")];
    assert_eq!(faults(give(&tag, &had, today(), None)), fault("/tag", "already_recorded"));
    let changed =
        PersonTag::give(id(1), &tag, (&person(1), &[Some(north())], &[]), (today(), None), &north_keeper(), now()).expect("given");
    assert!(!format!("{:?}", changed.events()).contains("elder"));
    let removed = saved(had[0].clone().remove(&person(1), &[Some(north())], reason(), &north_keeper(), now()).expect("removed"));
    assert!(!removed.holds(today()));
    assert!(give(&tag, &[removed], today(), None).is_ok());
    assert_eq!(give(&Tag { active: false, ..tag.clone() }, &[], today(), None), Err(Refusal::TagNotOffered));
    assert_eq!(give(&Tag { community: elsewhere(), ..tag }, &[], today(), None), Err(Refusal::OtherCommunity));
}

#[test]
fn a_tag_is_seen_by_the_roles_of_its_list_and_by_administrators() {
    let tag = a_tag(None, vec![Role::GridWorker]);
    let given = [give(&tag, &[], today(), None).expect("given")];
    let seen = |roles: &[Role]| visible_tags(&given, std::slice::from_ref(&tag), roles, today()).len();
    assert_eq!((seen(&[Role::GridWorker]), seen(&[Role::CommunityAdmin]), seen(&[Role::PropertyManager]), seen(&[])), (1, 1, 0, 0));
}

#[test]
fn the_presets_have_twenty_seven_six_and_five_classes_each_with_a_legal_basis() {
    assert_eq!(PRESETS.iter().map(|p| p.tags.len()).collect::<Vec<_>>(), [5, 6, 27]);
    let by = admin().admin_of(here()).expect("admin");
    for preset in PRESETS {
        let mut codes: Vec<_> = preset.tags.iter().flat_map(|t| [t.code, t.name]).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), preset.tags.len() * 2, "{}", preset.name);
        for tag in preset.tags {
            let draft = TagDraft {
                name: tag.name,
                legal_basis: tag.legal_basis,
                visible_to: tag.visible_to.to_vec(),
                valid_days: tag.valid_days,
                active: true,
            };
            assert!(Tag::create(tag.code, draft, &by, now()).is_ok(), "{}", tag.name);
        }
    }
}

#[test]
fn a_tag_needs_a_code_a_legal_basis_and_a_name_without_separator() {
    let by = admin().admin_of(here()).expect("admin");
    let draft = TagDraft { name: "一;二", legal_basis: "", visible_to: vec![], valid_days: Some(0), active: true };
    let codes: Vec<_> = Tag::create("Bad Code", draft, &by, now()).expect_err("faults").into_iter().map(|f| f.code).collect();
    assert_eq!(codes, ["code_format", "separator", "blank", "out_of_range"]);
}

#[test]
fn who_is_registered_to_live_here_again_has_not_left_any_more() {
    let left = Person { moved_out_on: Some(day("2024-05-01")), ..person(1) };
    let (at, by) = (home(1), admin_keeper());
    let told = |kind: FactKind, from: &str, until: Option<&str>| {
        let draft = FactDraft { until: until.map(day), ..FactDraft::plain(kind, day(from)) };
        let within = Household { person: &left, home: &at, around: &[] };
        let fact = saved(Fact::record(id(1), draft, within, Source::Keeper, &by, now()).expect("a fact"));
        left.returned(&fact, None, &by, now())
    };
    for kind in [FactKind::Residence, FactKind::Tenancy, FactKind::Hukou] {
        let (changed, altered) = told(kind, "2025-01-01", None).expect("back");
        assert_eq!((changed.loaded(), changed.value().moved_out_on, changed.events()[0].kind), (Some(1), None, "person.moved_back"));
        assert_eq!((altered[0].field, altered[0].before.as_deref()), ("moved_out_on", Some("2024-05-01")));
    }
    assert!(told(FactKind::Residence, "2030-01-01", None).is_some(), "whoever moves in next year does");
    assert!(told(FactKind::Ownership, "2025-01-01", None).is_none(), "owning is not living here");
    assert!(told(FactKind::Residence, "2019-01-01", Some("2024-05-01")).is_none(), "what was is no return");
    let here = person(1);
    let within = Household { person: &here, home: &at, around: &[] };
    let fact =
        saved(Fact::record(id(1), FactDraft::plain(FactKind::Residence, today()), within, Source::Keeper, &by, now()).expect("a fact"));
    assert!(here.returned(&fact, None, &by, now()).is_none());
}

#[test]
fn a_hukou_that_stayed_behind_brings_nobody_back_whatever_is_corrected_of_it() {
    let left = Person { moved_out_on: Some(day("2024-05-01")), ..person(1) };
    let (at, by) = (home(1), admin_keeper());
    let within = Household { person: &left, home: &at, around: &[] };
    let known = |kind: FactKind, until: Option<&str>| {
        let draft = FactDraft { until: until.map(day), ..FactDraft::plain(kind, day("2010-01-01")) };
        saved(Fact::record(id(1), draft, within, Source::Keeper, &by, now()).expect("a fact"))
    };
    let comes = |correction: Correction| {
        let (old, new) = (saved(correction.old), saved(correction.new));
        left.returned(&new, Some(&old), &by, now()).is_some()
    };
    let corrected = |fact: Fact, draft: FactDraft| comes(fact.correct(id(2), draft, reason(), within, &by, now()).expect("a correction"));
    let hukou = || known(FactKind::Hukou, None);
    assert!(left.returned(&hukou(), None, &by, now()).is_none(), "written down late, it was here when they left");
    assert!(!corrected(hukou(), FactDraft::plain(FactKind::Hukou, day("2011-01-01"))));
    assert!(!corrected(hukou(), FactDraft::plain(FactKind::Hukou, day("2024-06-01"))), "it was known to last anyway");
    assert!(!comes(hukou().end(id(2), day("2099-01-01"), &at, &by, now()).expect("an end")), "an end is no return");
    // Who was taken to live elsewhere since, and did not.
    let residence = FactDraft::plain(FactKind::Residence, day("2010-01-01"));
    assert!(corrected(known(FactKind::Residence, Some("2024-05-01")), residence));
}
