//! The commands of applications: load, decide, save. Synchronous, inside one transaction.

use std::sync::Arc;

use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::enrolment::application::{
    Action, Application, ApplicationDraft, Attachment, ChildDraft, ConsentDraft, Content, Correction, Guardian, GuardianDraft, HandIn,
    Placing, Reason, Refusal, Relation, Standing as Family, View,
};
use jiazai_domain::enrolment::round::{Facts as Round, State as RoundState};
use jiazai_domain::enrolment::rules::{FactSet, Rest};
use jiazai_domain::enrolment::seat_lock::Claim;
use jiazai_domain::enrolment::{ApplicationId, SchoolId, receipt};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::file::FileId;
use jiazai_domain::kernel::idcard::Sex;
use jiazai_domain::kernel::text::Prose;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::{Document, DocumentType, HomeId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{self as rounds, application as store, late, placement, seat_use};
use jiazai_infra::registry::homes;
use jiazai_infra::uploads;
use jiazai_infra::vault::{Vault, random};

use super::super::absent;
use super::body::{ChildBody, ConsentBody, GuardianBody, NewApplication, PaperBody, PutApplication, Verify};
use super::dto::ApplicationDto;
use super::refusal::{Standing, unplaced};
use super::{seats, why};
use crate::call::Cx;
use crate::error::{ApiError, Fault, code};
use crate::faults::{text_fault, together};
use crate::input::named::Text20;
use crate::reply::Reply;

/// The application and how the caller sees it. What they do not see does not exist.
pub fn load(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<(Application, View), ApiError> {
    let who = cx.actor()?;
    let application = store::find(tx, &cx.app.vault, id, Some(who))?.ok_or_else(absent)?;
    let view = application.view(who).ok_or_else(absent)?;
    Ok((application, view))
}

/// An application in full, as an answer.
pub fn show(tx: &mut Tx, cx: &Cx, application: &Application, view: View) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let why = why::reasons(tx, application, view)?;
    let dto = ApplicationDto::of(application, who, view, Some(why), tx.now());
    Ok(Reply::ok(&dto)?.version(application.facts().version))
}

/// What was sent, with what it leaves out told by the numbers.
struct Typed {
    child: ChildBody,
    number: String,
    sex: Sex,
    born_on: Date,
    guardians: Vec<TypedGuardian>,
}

/// A guardian, with what a mask stands for put back.
struct TypedGuardian {
    body: GuardianBody,
    number: String,
    phone: Option<String>,
}

/// Reads the people of a body, and what is missing of them. A number that is the mask of what stands there already is meant to
/// stay. What nobody said is filled with what breaks no rule: it is refused all the same, with everything else that is wrong.
fn typed(round: &Round, child: &ChildBody, guardians: &[GuardianBody], before: Option<&Content>) -> (Typed, Vec<Fault>) {
    let kept = |sent: &str, known: Option<&Document>| {
        known.filter(|known| known.masked() == sent).map_or_else(|| sent.to_owned(), |known| known.expose().to_owned())
    };
    let number = kept(&child.id_number.0, before.map(|content| &content.child.document));
    let kind = child.id_type.map_or(DocumentType::ResidentId, DocumentType::from);
    let told = Document::restore(kind, &number).ok();
    let sex = child.sex.map(Sex::from).or_else(|| told.as_ref().and_then(Document::sex));
    let born_on = child.born_on.map(|day| day.0).or_else(|| told.as_ref().and_then(Document::born_on));
    let mut faults = Vec::new();
    let mut required = |missing: bool, pointer: &str| {
        // A number that cannot be read tells nothing; its own fault comes first and is enough.
        if missing && told.is_some() {
            faults.push(Fault::new(pointer, "required", "必填", "is required"));
        }
    };
    required(sex.is_none(), "/child/sex");
    required(born_on.is_none(), "/child/born_on");
    let (sex, born_on) = (sex.unwrap_or(Sex::Female), born_on.unwrap_or(round.born_from));
    let known = |i: usize| before.and_then(|content| content.guardians.get(i));
    let kept_phone = |sent: Option<&Text20>, known: Option<&Guardian>| {
        let sent = sent.map(|text| text.0.as_str())?;
        let before = known.and_then(|guardian| guardian.phone.as_ref()).filter(|phone| phone.masked() == sent.trim());
        Some(before.map_or_else(|| sent.to_owned(), |phone| phone.expose().to_owned()))
    };
    let guardians = guardians
        .iter()
        .enumerate()
        .map(|(i, one)| TypedGuardian {
            number: kept(&one.id_number.0, known(i).map(|guardian| &guardian.document)),
            phone: kept_phone(one.phone.as_ref(), known(i)),
            body: one.clone(),
        })
        .collect();
    (Typed { child: child.clone(), number, sex, born_on, guardians }, faults)
}

impl Typed {
    fn child(&self) -> ChildDraft<'_> {
        ChildDraft {
            name: &self.child.name.0,
            id_type: self.child.id_type.map_or(DocumentType::ResidentId, DocumentType::from),
            id_number: &self.number,
            sex: self.sex,
            born_on: self.born_on,
        }
    }

    fn guardians(&self) -> Vec<GuardianDraft<'_>> {
        fn draft(TypedGuardian { body, number, phone }: &TypedGuardian) -> GuardianDraft<'_> {
            GuardianDraft {
                name: &body.name.0,
                relation: body.relation.map_or(Relation::Guardian, Relation::from),
                id_type: body.id_type.map_or(DocumentType::ResidentId, DocumentType::from),
                id_number: number,
                phone: phone.as_deref(),
            }
        }
        self.guardians.iter().map(draft).collect()
    }
}

fn papers(documents: &[PaperBody]) -> Vec<Attachment> {
    documents.iter().map(|paper| Attachment { kind: paper.kind.0.clone(), file: paper.file_id.0 }).collect()
}

fn consent(body: Option<&ConsentBody>) -> Option<ConsentDraft<'_>> {
    body.map(|consent| ConsentDraft { version: &consent.version.0, guardian: consent.guardian })
}

/// What is looked up about a family. `found` is the home that a reviewer has found for it.
fn family(
    tx: &mut Tx,
    round: &Round,
    applicant: PrincipalId,
    (home, address): (Option<HomeId>, Option<&str>),
    found: Option<HomeId>,
) -> Result<Family, ApiError> {
    let own = homes::spoken_for_by(tx, applicant)?;
    // Of a home that is not theirs nobody is told where it is.
    let foreign = home.is_some_and(|home| found != Some(home) && !own.contains(&home));
    let zone_schools = if foreign { vec![] } else { seats::zone(tx, round, home, address)? };
    let (drafts, begun) = store::begun(tx, round.id, applicant)?;
    Ok(Family { homes: own, zone_schools, drafts, begun })
}

/// Takes a new application, as a draft.
pub fn create(tx: &mut Tx, cx: &Cx, body: &NewApplication) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let resident = who.resident()?;
    let vault = &cx.app.vault;
    let unknown = || ApiError::fault("/round_id", "unknown_round", "没有这个招生批次", "is not a round");
    let round = rounds::round_facts(tx, &rounds::Sight::of(who), body.round_id.0)?.ok_or_else(unknown)?;
    let home = body.home_id.map(|home| home.0);
    let address = body.address.as_ref().map(|address| address.0.as_str());
    let family = family(tx, &round, who.id, (home, address), None)?;
    let permit = late::find(tx, round.id, who.id)?;
    let twin = match body.twin_of {
        None => None,
        Some(id) => {
            let found = store::find(tx, vault, id.0, None)?.filter(|twin| twin.facts().applicant == who.id);
            Some(found.ok_or_else(|| unplaced(Refusal::NotTwins))?)
        }
    };
    // Whether the register is open, and whether anybody agreed, is asked before anything that was typed is looked at.
    let given = body.consent.as_ref().is_some_and(|consent| consent.guardian);
    let now = tx.now();
    let may = round.registering(now) || permit.is_some();
    let (facts, mut found) = if may && given { body.facts.read("/facts") } else { (FactSet::default(), vec![]) };
    let (typed, missing) = typed(&round, &body.child, &body.guardians.0, None);
    if may && given {
        found.extend(missing);
    }
    let draft = ApplicationDraft {
        child: typed.child(),
        guardians: typed.guardians(),
        home,
        address,
        facts,
        choices: body.choices.0.iter().map(|school| school.0).collect(),
        documents: papers(&body.documents.0),
        consent: consent(body.consent.as_ref()),
    };
    let id: ApplicationId = tx.new_id();
    let number = fresh_receipt(tx, &round)?;
    let decided = Application::create(id, number, draft, round.clone(), &family, permit.as_ref(), twin.as_ref(), &resident, now);
    let changed = together(decided, found, unplaced)?;
    let registered = || ApiError::new(code::CHILD_ALREADY_REGISTERED);
    if store::is_registered(tx, vault, round.id, &changed.value().facts().content.child.document, who.id)? {
        return Err(registered());
    }
    let files: Vec<FileId> = changed.value().facts().content.documents.iter().map(|paper| paper.file).collect();
    // Of two parents at the same moment the unique key lets one through.
    let application = store::save(tx, vault, changed).map_err(|error| match error {
        DbError::Duplicate => registered(),
        other => other.into(),
    })?;
    attach(tx, who.id, &files, id)?;
    let mut reply = show(tx, cx, &application, View::Family)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/enrolment-applications/{id}"));
    Ok(reply)
}

/// A receipt that the round does not have. Two at the same moment collide once in 2^50; the unique key finds out, as a child
/// that is registered already, and a repeat gets another one.
fn fresh_receipt(tx: &mut Tx, round: &Round) -> Result<String, ApiError> {
    for _ in 0..16 {
        let number = receipt(round.school_year, random::<7>());
        if !store::has_receipt(tx, round.id, &number)? {
            return Ok(number);
        }
    }
    Err(ApiError::new(code::BUSY))
}

/// Makes files belong to the application; they must be the applicant's own and belong to nothing else.
fn attach(tx: &mut Tx, owner: PrincipalId, files: &[FileId], id: ApplicationId) -> Result<(), ApiError> {
    let refused = uploads::attach(tx, owner, files, &id.text())?;
    let faults: Vec<Fault> = files
        .iter()
        .enumerate()
        .filter(|(_, file)| refused.contains(file))
        .map(|(i, _)| {
            Fault::new(format!("/documents/{i}/file_id"), "unknown_file", "没有这个文件，或已被使用", "is not a free file of yours")
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

/// Other values, while it may still be handed in.
pub fn rewrite(tx: &mut Tx, cx: &Cx, id: ApplicationId, body: &PutApplication) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (application, view) = load(tx, cx, id)?;
    let vault = &cx.app.vault;
    let f = application.facts();
    cx.expect_version(f.version)?;
    let standing = Standing::of(&application, who, tx.now());
    if view != View::Family {
        return Err(ApiError::new(code::FORBIDDEN));
    }
    // Whether it may be written in is said before anything about what was written.
    if !application.is_editable(who, tx.now()) {
        let refusal = application.submit(HandIn::default(), who, tx.now()).err().unwrap_or(Refusal::RoundNotOpen);
        return Err(standing.refuse(refusal));
    }
    if body.round_id.is_some_and(|round| round.0 != f.round.id) {
        return Err(ApiError::fault(
            "/round_id",
            "round_fixed",
            "登记不能换到其他批次",
            "cannot change: an application stays in its round",
        ));
    }
    let home = body.home_id.map(|home| home.0);
    let address = body.address.as_ref().map(|address| address.0.as_str());
    let family = family(tx, &f.round, who.id, (home, address), application.found_home())?;
    let (typed, missing) = typed(&f.round, &body.child, &body.guardians.0, Some(&f.content));
    let (facts, mut found) = body.facts.read("/facts");
    found.extend(missing);
    let draft = ApplicationDraft {
        child: typed.child(),
        guardians: typed.guardians(),
        home,
        address,
        facts,
        choices: body.choices.0.iter().map(|school| school.0).collect(),
        documents: papers(&body.documents.0),
        consent: consent(body.consent.as_ref()),
    };
    let (round, before) = (f.round.id, f.content.child.document.clone());
    let twins = store::twins(tx, vault, &application)?;
    let refuse = |refusal| match refusal {
        Refusal::NotTwins => {
            ApiError::fault("/child/born_on", "not_twins", "双胞胎须同日出生且证件不同", "would not be of one birth with its twin any more")
        }
        refusal => standing.refuse(refusal),
    };
    let changed = together(application.rewrite(draft, &family, &twins, who, tx.now()), found, refuse)?;
    let registered = || ApiError::new(code::CHILD_ALREADY_REGISTERED);
    let child = &changed.value().facts().content.child.document;
    if *child != before && store::is_registered(tx, vault, round, child, who.id)? {
        return Err(registered());
    }
    let files: Vec<FileId> = changed.value().facts().content.documents.iter().map(|paper| paper.file).collect();
    let application = store::save(tx, vault, changed).map_err(|error| match error {
        DbError::Duplicate => registered(),
        other => other.into(),
    })?;
    attach(tx, who.id, &files, id)?;
    show(tx, cx, &application, view)
}

/// One action on an application: load, decide, save, show.
pub fn act(
    tx: &mut Tx,
    cx: &Cx,
    id: ApplicationId,
    decide: impl FnOnce(&mut Tx, Application, &Actor) -> Result<Result<Changed<Application>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (application, view) = load(tx, cx, id)?;
    cx.expect_version(application.facts().version)?;
    let standing = Standing::of(&application, who, tx.now());
    let changed = decide(tx, application, who)?.map_err(|refusal| standing.refuse(refusal))?;
    let application = store::save(tx, &cx.app.vault, changed).map_err(registered_else)?;
    show(tx, cx, &application, view)
}

/// Handing in and objecting take the child; of two at the same moment the unique key lets one through.
fn registered_else(error: DbError) -> ApiError {
    match error {
        DbError::Duplicate => ApiError::new(code::CHILD_ALREADY_REGISTERED),
        other => other.into(),
    }
}

/// Waits for its turn in the application's round, and answers the round as it is then. Who does not see the application makes
/// nobody wait.
fn turn(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<Arc<Round>, ApiError> {
    let (application, _) = load(tx, cx, id)?;
    rounds::lock(tx, &rounds::Sight::everything(), application.facts().round.id)?.ok_or_else(absent)
}

/// The same as [`act`] for what a step of the round counts: of the two, one comes after the other.
pub fn act_in_turn(
    tx: &mut Tx,
    cx: &Cx,
    id: ApplicationId,
    decide: impl FnOnce(&mut Tx, Application, &Actor) -> Result<Result<Changed<Application>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    turn(tx, cx, id)?;
    act(tx, cx, id, decide)
}

/// The same for an action that may set a seat free: whoever is next is offered it at once.
pub fn act_freeing(
    tx: &mut Tx,
    cx: &Cx,
    id: ApplicationId,
    decide: impl FnOnce(&mut Tx, Application, &Actor) -> Result<Result<Changed<Application>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    let round = turn(tx, cx, id)?;
    let reply = act(tx, cx, id, decide)?;
    seats::fill(tx, &cx.app.vault, &round)?;
    Ok(reply)
}

/// 提交: the first time nothing in the round depends on it, and on the day on which everybody hands in nobody waits for another.
/// What was returned may be an objection that a step counts.
pub fn submit(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<Reply, ApiError> {
    let (application, _) = load(tx, cx, id)?;
    if application.facts().objected_at.is_some() {
        turn(tx, cx, id)?;
    }
    act(tx, cx, id, |tx, application, who| {
        let f = application.facts();
        let looked_up = HandIn {
            seat_taken: seat_taken(tx, &cx.app.vault, &application, f.content.home)?,
            home_left: has_left(tx, &application)?,
            registered: store::registered_by(tx, f.round.id, f.applicant)?,
        };
        Ok(application.submit(looked_up, who, tx.now()))
    })
}

/// Whether the applicant speaks no longer for the home that they named: it was sold, or the lease is over.
fn has_left(tx: &mut Tx, application: &Application) -> Result<bool, DbError> {
    let Some(home) = application.own_home() else { return Ok(false) };
    Ok(!homes::spoken_for_by(tx, application.facts().applicant)?.contains(&home))
}

/// 初审通过: with the home that the reviewer found to be meant, and whose its seat is.
pub fn verify(tx: &mut Tx, cx: &Cx, id: ApplicationId, body: &Verify) -> Result<Reply, ApiError> {
    let (facts, why) = (body.facts.declared("/facts")?, perhaps(body.reason.as_ref().map(|text| text.0.as_str()))?);
    act(tx, cx, id, |tx, application, who| {
        let f = application.facts();
        if let Some(home) = body.home_id.map(|home| home.0)
            && application.allowed_actions(who, tx.now()).contains(&Action::Verify)
            && homes::exist_in(tx, f.round.community, &[home])?.is_empty()
        {
            return Err(ApiError::fault("/home_id", "unknown_home", "本社区没有这套房屋", "is not a home of the community"));
        }
        let home = body.home_id.map(|home| home.0);
        let (distances, there) = (body.measured(&f.round)?, home.or(f.content.home));
        let seat_taken = seat_taken(tx, &cx.app.vault, &application, there)?;
        let wishes = application.wishes(seats::zone(tx, &f.round, there, f.content.address.as_deref())?);
        Ok(application.verify(Correction { facts, home, seat_taken, distances, wishes, reason: why }, who, tx.now()))
    })
}

/// 确认入学: the seat of the home is taken with it.
pub fn accept(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let vault = &cx.app.vault;
    turn(tx, cx, id)?;
    let (application, view) = load(tx, cx, id)?;
    let f = application.facts();
    cx.expect_version(f.version)?;
    let standing = Standing::of(&application, who, tx.now());
    let existing = match f.content.home {
        Some(home) => {
            seat_use::hold(tx, home)?;
            seat_use::of_home(tx, home)?
        }
        None => vec![],
    };
    let family = seat_use::family(vault, &application);
    let (changed, rows) = application.accept(family, &existing, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let application = store::save(tx, vault, changed)?;
    seat_use::take(tx, &application, &rows)?;
    show(tx, cx, &application, view)
}

/// Whether the home's seat is another family's, looked up at this moment.
fn seat_taken(tx: &mut Tx, vault: &Vault, application: &Application, home: Option<HomeId>) -> Result<Option<bool>, ApiError> {
    let Some(home) = home else { return Ok(None) };
    let f = application.facts();
    let claim = Claim::of(&f.round, f.id, home, seat_use::family(vault, application));
    Ok(Some(claim.is_locked(&seat_use::of_home(tx, home)?)))
}

/// 复核: and what comes of it in a round that was listed, or even allocated, before.
pub fn recheck(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<Reply, ApiError> {
    let round = turn(tx, cx, id)?;
    let reply = act(tx, cx, id, |tx, application, who| Ok(application.recheck(who, tx.now())))?;
    if !matches!(round.state, RoundState::Listed | RoundState::Allocated | RoundState::Announced) {
        return Ok(reply);
    }
    follow(tx, &cx.app.vault, &round, id)?;
    seats::fill(tx, &cx.app.vault, &round)?;
    let (application, view) = load(tx, cx, id)?;
    show(tx, cx, &application, view)
}

/// Takes a latecomer to where the round is: listed and, once seats are allocated, among those who wait, in the place that its batch
/// and the tie-breaks give it.
fn follow(tx: &mut Tx, vault: &Vault, round: &Arc<Round>, id: ApplicationId) -> Result<(), ApiError> {
    let conflict = |_| ApiError::new(code::STATE_CONFLICT);
    let application = store::find(tx, vault, id, None)?.ok_or_else(absent)?;
    let listed = store::save(tx, vault, application.list(tx.now()).map_err(conflict)?)?;
    if round.state == RoundState::Listed {
        return Ok(());
    }
    let schools = seats::wishes(tx, round, std::slice::from_ref(&listed))?.pop().unwrap_or_default();
    let placing = if round.rules.rest() == Rest::Coordinate || schools.is_empty() { Placing::ToCoordinate } else { Placing::Waiting };
    store::save(tx, vault, listed.place(placing, tx.now()).map_err(conflict)?)?;
    placement::queue(tx, round.id, &schools, id)?;
    Ok(())
}

/// 统筹: a school with a seat left.
pub fn coordinate(
    tx: &mut Tx,
    cx: &Cx,
    id: ApplicationId,
    (school, by_house, reason): (SchoolId, bool, Reason),
) -> Result<Reply, ApiError> {
    let round = turn(tx, cx, id)?;
    let taken = store::taken(tx, round.id)?.get(&school).copied().unwrap_or(0);
    let free = round.plan().get(&school).copied().unwrap_or(0) - taken;
    act(tx, cx, id, |tx, application, who| Ok(application.coordinate(school, (by_house, free), reason, who, tx.now())))
}

pub fn reason(text: &str) -> Result<Reason, ApiError> {
    Prose::new(text).map_err(|fault| text_fault("/reason", fault.into()))
}

/// A reason that may be left out; blanks are none.
pub fn perhaps(text: Option<&str>) -> Result<Option<Reason>, ApiError> {
    text.filter(|text| !text.trim().is_empty()).map(reason).transpose()
}
