//! What a family hands in.

use uuid::Uuid;

use super::*;
use crate::enrolment::ApplicationId;
use crate::enrolment::rules::ValueInput;
use crate::kernel::idcard::Sex;

fn faults(draft: ApplicationDraft) -> Vec<(String, &'static str)> {
    match apply(draft, sight(round::State::Open), now()) {
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect(),
        other => panic!("faults were expected: {other:?}"),
    }
}

fn at_pointers<'a>(found: &'a [(String, &'static str)]) -> Vec<(&'a str, &'static str)> {
    found.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect()
}

#[test]
fn nothing_about_a_child_is_taken_without_a_guardians_consent() {
    for consent in [None, Some(ConsentDraft { version: "2026-1", guardian: false }), Some(ConsentDraft { version: " ", guardian: true })] {
        let tried = apply(ApplicationDraft { consent, ..draft() }, sight(round::State::Open), now());
        assert_eq!(tried, Err(Refusal::ConsentRequired));
    }
    let consent = drafted().facts().consent.clone();
    assert_eq!((consent.version.as_str(), consent.given_at), ("2026-1", now()));
}

#[test]
fn a_guardian_agrees_to_the_text_that_is_published() {
    let mut round = (*sight(round::State::Open)).clone();
    round.consent = Some(round::ConsentText { version: "2026-2".to_owned(), text: "本人同意……".to_owned() });
    let with = |version| {
        let consent = Some(ConsentDraft { version, guardian: true });
        apply(ApplicationDraft { consent, ..draft() }, Arc::new(round.clone()), now()).map(|one| one.facts().consent.version.clone())
    };
    assert_eq!(with("2026-2"), Ok("2026-2".to_owned()));
    let Err(Refusal::Faults(found)) = with("2026-1") else { panic!("another text is no consent") };
    assert_eq!((found[0].pointer.as_str(), found[0].code), ("/consent/version", "other_consent"));
}

#[test]
fn the_number_the_birth_date_and_the_sex_tell_one_story() {
    let mut wrong = draft();
    wrong.child.id_number = "350524202003040027";
    assert_eq!(at_pointers(&faults(wrong)), [("/child/id_number", "id_checksum")]);
    let mut wrong = draft();
    wrong.child.born_on = "2020-03-05".parse().expect("a date");
    wrong.child.sex = Sex::Male;
    assert_eq!(at_pointers(&faults(wrong)), [("/child/born_on", "differs_from_id_number"), ("/child/sex", "differs_from_id_number")]);
}

#[test]
fn a_child_outside_the_birth_window_is_told_so() {
    for (born_on, inside) in [("2019-08-31", false), ("2019-09-01", true), ("2020-08-31", true), ("2020-09-01", false)] {
        let mut draft = draft();
        draft.child.born_on = born_on.parse().expect("a date");
        draft.child.id_type = crate::registry::DocumentType::Passport;
        draft.child.id_number = "P1234567";
        let tried = apply(draft, sight(round::State::Open), now());
        assert_eq!(tried.is_ok(), inside, "{born_on}: {tried:?}");
    }
}

#[test]
fn a_home_is_ones_own_and_a_lease_has_not_run_out() {
    let elsewhere = ApplicationDraft { home: Some(home(2)), ..draft() };
    assert_eq!(at_pointers(&faults(elsewhere)), [("/home_id", "not_your_home")]);
    assert_eq!(at_pointers(&faults(ApplicationDraft { home: None, ..draft() })), [("/home_id", "home_or_address")]);
    assert!(apply(ApplicationDraft { home: None, address: Some("东涂街 7 号"), ..draft() }, sight(round::State::Open), now()).is_ok());
    let lease = |day: &str| ApplicationDraft { facts: facts(&[("lease_until", text(day))]), ..draft() };
    assert_eq!(at_pointers(&faults(lease("2026-06-15"))), [("/facts/lease_until", "lease_expired")]);
    assert!(apply(lease("2026-06-16"), sight(round::State::Open), now()).is_ok());
}

#[test]
fn choices_are_schools_of_the_round_each_once_and_not_too_many() {
    let choices = |choices: &[u128]| ApplicationDraft { choices: choices.iter().map(|n| school(*n)).collect(), ..draft() };
    assert_eq!(at_pointers(&faults(choices(&[1, 1]))), [("/choices/1", "duplicate")]);
    assert_eq!(at_pointers(&faults(choices(&[9, 1]))), [("/choices/0", "school_not_in_round")]);
    assert_eq!(at_pointers(&faults(choices(&[1, 2, 9]))), [("/choices", "too_many")]);
    assert!(apply(choices(&[]), sight(round::State::Open), now()).is_ok());
    let mut zoned = (*sight(round::State::Open)).clone();
    let rules = crate::enrolment::rules::RuleSetInput { choices_in_zone_only: Some(true), ..rules() };
    zoned.rules = crate::enrolment::rules::RuleSet::new(&rules).expect("rules");
    let tried = apply(choices(&[1, 2]), Arc::new(zoned), now());
    let Err(Refusal::Faults(found)) = tried else { panic!("{tried:?}") };
    assert_eq!((found[0].pointer.as_str(), found[0].code), ("/choices/1", "choice_outside_zone"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut wrong = draft();
    wrong.child.name = " ";
    wrong.guardians[0].id_number = "12";
    wrong.guardians[1].id_number = "E12345678";
    wrong.guardians[1].phone = Some("12345");
    wrong.documents = vec![paper("selfie", 1), paper("deed", 2), paper("hukou_book", 2)];
    let mut third = wrong.guardians[1].clone();
    third.phone = None;
    wrong.guardians.push(third);
    let expected = [
        ("/child/name", "blank"),
        ("/guardians/0/id_number", "document_format"),
        ("/guardians/1/phone", "phone_format"),
        ("/documents/0/kind", "unknown_document_kind"),
        ("/documents/2/file_id", "duplicate"),
    ];
    let found = faults(wrong);
    assert_eq!(at_pointers(&found), expected);
    assert_eq!(at_pointers(&faults(ApplicationDraft { guardians: vec![], ..draft() })), [("/guardians", "empty")]);
    let mut twice = draft();
    twice.guardians[1].id_number = "E12345678";
    assert_eq!(at_pointers(&faults(twice)), [("/guardians/1/id_number", "duplicate")]);
}

#[test]
fn families_hand_in_while_the_register_is_open() {
    for (state, when, open) in [
        (round::State::Open, now(), true),
        (round::State::Published, now(), false),
        (round::State::Closed, now(), false),
        (round::State::Open, calendar().register_from.plus_millis(-1), false),
        (round::State::Open, calendar().register_to, false),
    ] {
        let tried = apply(draft(), sight(state), when);
        assert_eq!(tried.err(), (!open).then_some(Refusal::RoundNotOpen), "{state} {when}");
        let submitted = in_round(&drafted(), state, when).submit(HandIn::default(), &parent(), when).map(|_| ());
        assert_eq!(submitted.err(), (!open).then_some(Refusal::RoundNotOpen), "{state} {when}");
    }
}

#[test]
fn a_late_family_needs_leave_that_is_theirs_and_has_not_run_out() {
    let (closed, until) = (sight(round::State::Closed), at("2026-07-10T00:00"));
    let late = at("2026-07-05T09:00");
    let permit = |who, round: &round::Facts| LatePermit::grant(round, who, until, reason(), &admin(), late).map(|done| done.into_parts().0);
    assert!(permit(parent().id, &sight(round::State::Allocated)).is_err(), "seats are given out already");
    assert!(LatePermit::grant(&closed, parent().id, until, reason(), &reviewer(1), late).is_err());
    let create = |permit: &LatePermit, now| {
        let who = parent().resident().expect("a resident");
        let id = ApplicationId::from_uuid(Uuid::from_u128(1));
        Application::create(id, "R".to_owned(), draft(), closed.clone(), &standing(), Some(permit), None, &who, now)
            .map(|done| done.into_parts().0)
    };
    let over = LatePermit::grant(&closed, parent().id, late, reason(), &admin(), late).map(|_| ());
    assert!(matches!(over, Err(round::Refusal::Faults(_))), "{over:?}");
    let by_reviewer = LatePermit::grant(&closed, parent().id, late, reason(), &reviewer(1), late).map(|_| ());
    assert_eq!(by_reviewer, Err(round::Refusal::NotForYou), "who may not is not told what is wrong");
    let mine = permit(parent().id, &closed).expect("a permit");
    assert_eq!(create(&mine, until), Err(Refusal::RoundNotOpen));
    assert_eq!(create(&permit(stranger().id, &closed).expect("a permit"), late), Err(Refusal::RoundNotOpen));
    let application = create(&mine, late).expect("an application");
    let fact = crate::enrolment::rules::Fact::find("late").expect("a fact");
    assert_eq!(application.known().get(fact), Some(crate::enrolment::rules::Value::Bool(true)));
    assert!(application.clone().submit(HandIn::default(), &parent(), late).is_ok());
    assert_eq!(application.submit(HandIn::default(), &parent(), until).map(|_| ()), Err(Refusal::RoundNotOpen));
}

#[test]
fn papers_that_the_rules_ask_for_are_there_at_submission() {
    let bare = apply(ApplicationDraft { documents: vec![], ..draft() }, sight(round::State::Open), now()).expect("an application");
    assert_eq!(
        bare.submit(HandIn::default(), &parent(), now()).map(|_| ()),
        Err(Refusal::DocumentsMissing { kinds: vec!["hukou_book".to_owned()] })
    );
    let done = drafted().submit(HandIn::default(), &parent(), now()).expect("submitted");
    assert_eq!(done.value().facts().filed_tier.as_deref(), Some("local"));
    assert_eq!(done.events()[0].kind, "enrolment_application.submitted");
}

#[test]
fn what_nobody_knows_yet_may_be_handed_in_undecided() {
    let unsure = ApplicationDraft { facts: facts(&[("house_on", ValueInput::Null)]), ..draft() };
    let unsure = apply(unsure, sight(round::State::Open), now()).expect("an application");
    assert_eq!(unsure.submit(HandIn::default(), &parent(), now()).expect("submitted").value().facts().filed_tier, None);
}

#[test]
fn a_draft_is_rewritten_by_its_family_and_nobody_else() {
    let changed = || ApplicationDraft { choices: vec![school(2)], consent: None, ..draft() };
    let done = drafted().rewrite(changed(), &standing(), &[], &parent(), now()).expect("rewritten");
    assert_eq!((done.value().facts().content.choices.as_slice(), done.value().facts().version), ([school(2)].as_slice(), 2));
    assert_eq!(done.value().facts().consent, drafted().facts().consent, "consent is not asked for twice");
    for other in [stranger(), reviewer(1), admin()] {
        assert_eq!(drafted().rewrite(changed(), &standing(), &[], &other, now()).map(|_| ()), Err(Refusal::NotForYou));
    }
    let submitted = after(drafted(), &[(Action::Submit, &parent())]);
    assert!(!submitted.is_editable(&parent(), now()));
    let refused = submitted.rewrite(changed(), &standing(), &[], &parent(), now()).map(|_| ());
    assert_eq!(refused, Err(Refusal::WrongState { state: State::Submitted }));
}

#[test]
fn twins_are_of_one_family_and_one_birth() {
    let who = parent().resident().expect("a resident");
    let twin = |draft: ApplicationDraft, of: &Application| {
        let id = ApplicationId::from_uuid(Uuid::from_u128(2));
        Application::create(id, "26-2".to_owned(), draft, sight(round::State::Open), &standing(), None, Some(of), &who, now())
    };
    let second = |day: &str| {
        let mut draft = draft();
        draft.child.id_type = crate::registry::DocumentType::Passport;
        draft.child.id_number = "P1234567";
        draft.child.born_on = day.parse().expect("a date");
        draft
    };
    let first = drafted();
    let done = twin(second("2020-03-05"), &first).expect("a twin");
    assert_eq!(done.value().facts().household.as_deref(), Some("26-00000-00001"));
    let third = ApplicationDraft { child: ChildDraft { id_number: "P7654321", ..second("2020-03-04").child }, ..second("2020-03-04") };
    let third = twin(third, done.value()).expect("a third");
    assert_eq!(third.value().facts().household.as_deref(), Some("26-00000-00001"));
    assert_eq!(twin(second("2020-03-09"), &first).map(|_| ()), Err(Refusal::NotTwins));
    assert_eq!(twin(draft(), &first).map(|_| ()), Err(Refusal::NotTwins), "a child is not its own twin");
    let others = Application::restore(Facts { applicant: stranger().id, ..first.facts().clone() }, now());
    assert_eq!(twin(second("2020-03-04"), &others).map(|_| ()), Err(Refusal::NotTwins));
    // And they stay so when one of them is written anew, whichever it is.
    let again = |one: &Application, draft: ApplicationDraft, other: &Application| {
        one.clone().rewrite(draft, &standing(), std::slice::from_ref(other), &parent(), now()).map(|_| ())
    };
    let done = done.value();
    assert_eq!((done.household(), first.household()), ("26-00000-00001", "26-00000-00001"));
    assert_eq!(again(done, second("2020-03-03"), &first), Ok(()));
    assert_eq!(again(done, second("2020-03-09"), &first), Err(Refusal::NotTwins));
    assert_eq!(again(done, draft(), &first), Err(Refusal::NotTwins), "nor is it turned into its twin");
    assert_eq!(again(&first, second("2020-03-09"), done), Err(Refusal::NotTwins));
}

#[test]
fn a_resident_keeps_no_more_drafts_than_any_family_needs() {
    let who = parent().resident().expect("a resident");
    let create = |drafts| {
        let (id, standing) = (ApplicationId::from_uuid(Uuid::from_u128(1)), Standing { drafts, ..standing() });
        Application::create(id, "R".to_owned(), draft(), sight(round::State::Open), &standing, None, None, &who, now()).map(|_| ())
    };
    assert_eq!((create(MAX_DRAFTS - 1), create(MAX_DRAFTS)), (Ok(()), Err(Refusal::TooManyDrafts)));
}

#[test]
fn a_log_shows_no_name_and_no_number() {
    let text = format!("{:?}", drafted());
    for secret in ["张小雨", "350524202003040029", "E12345678", "李梅", "13812345678"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn what_the_family_is_told_at_hand_in_knows_whose_the_homes_seat_is() {
    let by_seat = |seat_taken| drafted().submit(HandIn { seat_taken, ..HandIn::default() }, &parent(), now()).expect("submitted");
    let taken = crate::enrolment::rules::Fact::find("seat_taken").expect("a fact");
    for known in [Some(true), Some(false), None] {
        assert_eq!(by_seat(known).value().known().get(taken), known.map(crate::enrolment::rules::Value::Bool));
    }
}

#[test]
fn a_home_that_was_given_up_since_is_not_handed_in() {
    let tried = drafted().submit(HandIn { home_left: true, ..HandIn::default() }, &parent(), now());
    let Err(Refusal::Faults(found)) = tried else { panic!("{tried:?}") };
    assert_eq!((found[0].pointer.as_str(), found[0].code), ("/home_id", "not_your_home"));
}

#[test]
fn a_resident_registers_a_hundred_children_in_a_round_and_no_more() {
    let hand_in = |registered| drafted().submit(HandIn { registered, ..HandIn::default() }, &parent(), now()).map(|_| ());
    assert_eq!((hand_in(MAX_REGISTERED - 1), hand_in(MAX_REGISTERED)), (Ok(()), Err(Refusal::TooManyApplications)));
    // What was sent back is one of them already.
    let again = standing_in(State::Returned, round::State::Open);
    assert!(again.submit(HandIn { registered: MAX_REGISTERED, ..HandIn::default() }, &parent(), now()).is_ok());
}

#[test]
fn leave_makes_late_what_is_late_and_nothing_else() {
    let (open, late, until) = (sight(round::State::Open), at("2026-07-05T09:00"), at("2026-07-10T00:00"));
    let permit = LatePermit::grant(&open, parent().id, until, reason(), &admin(), now()).expect("a permit").into_parts().0;
    let who = parent().resident().expect("a resident");
    let id = ApplicationId::from_uuid(Uuid::from_u128(1));
    let in_time = Application::create(id, "R".to_owned(), draft(), open, &standing(), Some(&permit), None, &who, now()).expect("a draft");
    assert_eq!(in_time.value().facts().late_until, None, "leave does not make late who comes in time");
    // And helps the draft that was begun in time and not finished.
    let closed = in_round(in_time.value(), round::State::Closed, late);
    assert_eq!(closed.clone().submit(HandIn::default(), &parent(), late).map(|_| ()), Err(Refusal::RoundNotOpen));
    let submitted = closed.clone().permitted(&permit, late).submit(HandIn::default(), &parent(), late).expect("submitted");
    assert_eq!(submitted.value().facts().late_until, Some(until));
    let theirs = LatePermit::grant(&sight(round::State::Closed), stranger().id, until, reason(), &admin(), late).expect("a permit");
    assert_eq!(closed.permitted(theirs.value(), late).facts().late_until, None);
}
