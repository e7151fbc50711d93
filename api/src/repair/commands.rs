//! The commands of repair: load, decide, save. Synchronous, inside one transaction.

use jiazai_domain::actor::{Actor, CommunityId, PrincipalId, PrincipalKind, Role};
use jiazai_domain::content::{About, Part, Verdict};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::file::FileId;
use jiazai_domain::kernel::mask;
use jiazai_domain::registry::binding::DelegationScope;
use jiazai_domain::registry::{HomeId, OnBehalf};
use jiazai_domain::repair::{
    Appointment, Category, CategoryDraft, Dispatch, Reason, Refusal, Report, ReportDraft, Reporter, Sight, Ticket, TicketId, View, Worker,
};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::{delegations, homes};
use jiazai_infra::{community, identity, repair as store, uploads};

use super::dto::{Beside, Contact, NewTicket, PutCategory, TicketDto};
use crate::call::Cx;
use crate::content;
use crate::error::{ApiError, Fault, code};
use crate::faults::{Standing, faulty, note, text_fault, together};
use crate::identity::dto::masked_phone;
use crate::registry;
use crate::reply::Reply;

/// The ticket and how the caller sees it. What they do not see does not exist.
pub fn load(tx: &mut Tx, who: &Actor, id: TicketId) -> Result<(Ticket, View), ApiError> {
    let absent = || ApiError::new(code::NOT_FOUND);
    let ticket = store::find(tx, id)?.ok_or_else(absent)?;
    let view = view(tx, who, &ticket)?;
    Ok((ticket, view))
}

/// How somebody sees a ticket, if they do.
fn view(tx: &mut Tx, who: &Actor, ticket: &Ticket) -> Result<View, ApiError> {
    let absent = || ApiError::new(code::NOT_FOUND);
    // Bindings are looked up only when nothing else gives sight: most reads are of one's own tickets.
    if let Some(view) = ticket.view(&Sight::of(who, vec![])) {
        return Ok(view);
    }
    if who.kind != PrincipalKind::Resident {
        return Err(absent());
    }
    ticket.view(&Sight::of(who, homes::spoken_for_by(tx, who.id)?)).ok_or_else(absent)
}

/// [`load`] and [`show`], for whoever only looks.
pub fn look(tx: &mut Tx, cx: &Cx, id: TicketId) -> Result<Reply, ApiError> {
    let (ticket, names) = store::find_named(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let view = view(tx, cx.actor()?, &ticket)?;
    let beside = Beside::named(tx, std::iter::once((&ticket, &names)))?;
    show_with(tx, cx, &ticket, view, &beside)
}

/// For `grab`: whoever works in the community learns that a ticket is gone, not that it never was.
pub fn load_to_grab(tx: &mut Tx, who: &Actor, id: TicketId) -> Result<(Ticket, View), ApiError> {
    let ticket = store::find(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let view = ticket.view(&Sight::of(who, vec![]).for_grab());
    match view {
        Some(view) => Ok((ticket, view)),
        None => load(tx, who, id),
    }
}

/// A ticket in full, as an answer. Whoever comes to the door is told whom to ask for; the number stays masked, because
/// the registry's `reveal` is the only place where a full one appears.
pub fn show(tx: &mut Tx, cx: &Cx, ticket: &Ticket, view: View) -> Result<Reply, ApiError> {
    let beside = Beside::of(tx, ticket)?;
    show_with(tx, cx, ticket, view, &beside)
}

fn show_with(tx: &mut Tx, cx: &Cx, ticket: &Ticket, view: View, beside: &Beside) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let reporter = ticket.facts().reporter;
    let contact = if view == View::Neighbour || reporter == who.id {
        None
    } else {
        match identity::principal(tx, reporter)? {
            Some(program) if program.kind == PrincipalKind::Client => Some(behind(tx, cx, ticket, view, program.display_name)?),
            Some(person) => {
                let phone_masked = if view == View::Full { masked_phone(tx, &cx.app.vault, reporter)? } else { None };
                Some(Contact { display_name: person.display_name, phone_masked })
            }
            None => None,
        }
    };
    let mut dto = TicketDto::of(ticket, who, view, contact, beside, tx.now());
    dto.rejections = content::rejections(tx, beside.kept(), &ticket.facts().id.text(), who)?;
    Ok(Reply::ok(&dto)?.version(ticket.facts().version))
}

/// Whom a program spoke for: whoever comes to the door asks for them, by a masked name, because they have no account that they
/// could have named themselves in.
fn behind(tx: &mut Tx, cx: &Cx, ticket: &Ticket, view: View, program: String) -> Result<Contact, ApiError> {
    let contact = store::contact(tx, &cx.app.vault, ticket.facts().id)?.unwrap_or_default();
    let phone = contact.phone.filter(|_| view == View::Full);
    let display_name = contact.name.map_or(program, |name| mask::name(&name));
    Ok(Contact { display_name, phone_masked: phone.map(|phone| mask::phone(&phone)) })
}

/// What of a report others will read.
pub fn words_of(body: &NewTicket) -> String {
    let place = body.place.as_ref().map_or("", |place| place.0.as_str());
    format!("{}\n{}\n{place}", body.title.0, body.description.0)
}

/// Takes a report. What the content check does not let pass is held with it; the report goes its way.
pub fn submit(tx: &mut Tx, cx: &Cx, body: &NewTicket, verdict: Verdict) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let place = body.community_id.0;
    let category = store::category(tx, place, &body.category.0)?;
    // A category is one of a community's, so with it the community is known as well.
    if category.is_none() && community::find(tx, place)?.is_none() {
        return Err(ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community"));
    }
    let acting = registry::on_behalf(tx, who, body.delegation_id.map(|id| id.0), DelegationScope::Repair, place)?;
    let reporter = reporter(tx, who, body, acting)?;
    let (id, now) = (tx.new_id(), tx.now());
    let photos: Vec<FileId> = body.photos.0.iter().map(|photo| photo.0).collect();
    let mut found = Vec::new();
    let report = note(&mut found, report(body, tx))?;
    if category.is_none() {
        found.push(Fault::new("/category", "unknown_category", "没有这个报修类别", "is not a category of the community"));
    }
    note(&mut found, check_homes(tx, place, body))?;
    note(&mut found, attach(tx, who.id, &photos, id))?;
    let (Some(report), Some(category)) = (report, category) else { return Err(ApiError::invalid(found)) };
    let candidates = if category.dispatch == Dispatch::Rotate { store::candidates(tx, place)? } else { vec![] };
    let changed = Ticket::submit(id, report, &reporter, &category, &cx.app.calendars, &candidates, now);
    let changed = together(changed, found, unconnected)?;
    let changed = match acting {
        Some(acting) => acting.remember(changed),
        None => changed,
    };
    let ticket = store::save(tx, changed)?;
    content::hold(tx, about(&ticket, Part::Words, None, who.id), verdict)?;
    content::watch(tx, cx, place, &id.text(), who.id, &ticket.facts().photos)?;
    let mut reply = show(tx, cx, &ticket, View::Full)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/repair-tickets/{id}"));
    Ok(reply)
}

fn about(ticket: &Ticket, part: Part, item: Option<String>, author: PrincipalId) -> About {
    About { community: ticket.facts().community, subject: ticket.facts().id.text(), part, item, author }
}

/// Whose homes are theirs is looked up only when a home is named.
fn reporter(tx: &mut Tx, who: &Actor, body: &NewTicket, acting: Option<OnBehalf>) -> Result<Reporter, ApiError> {
    let place = body.community_id.0;
    match who.resident() {
        Ok(resident) if body.home_id.is_none() => Ok(Reporter::resident(&resident, vec![])),
        Ok(resident) => {
            let mut own = homes::spoken_for_by(tx, who.id)?;
            if let Some(acting) = acting {
                own.extend(delegations::homes_of(tx, acting.behalf_of())?);
            }
            Ok(Reporter::resident(&resident, homes::exist_in(tx, place, &own)?))
        }
        Err(_) => Ok(Reporter::staff(who, place)?),
    }
}

fn report(body: &NewTicket, tx: &Tx) -> Result<Report, ApiError> {
    let draft = ReportDraft {
        title: &body.title.0,
        description: &body.description.0,
        home: body.home_id.map(|home| home.0),
        place: body.place.as_ref().map(|place| place.0.as_str()),
        affected_homes: body.affected_homes.0.iter().map(|home| home.0).collect(),
        photos: body.photos.0.iter().map(|photo| photo.0).collect(),
        appointment: body.appointment.map(|a| Appointment { from: a.from.0, to: a.to.0 }),
    };
    draft.check(tx.now()).map_err(|faults| faulty("", faults))
}

/// Every home that is named exists in the community.
fn check_homes(tx: &mut Tx, place: CommunityId, body: &NewTicket) -> Result<(), ApiError> {
    let named: Vec<(String, HomeId)> = body
        .home_id
        .iter()
        .map(|home| ("/home_id".to_owned(), home.0))
        .chain(body.affected_homes.0.iter().enumerate().map(|(i, home)| (format!("/affected_homes/{i}"), home.0)))
        .collect();
    let ids: Vec<HomeId> = named.iter().map(|(_, home)| *home).collect();
    let known = homes::exist_in(tx, place, &ids)?;
    let unknown = named.into_iter().filter(|(_, home)| !known.contains(home));
    let faults: Vec<Fault> =
        unknown.map(|(at, _)| Fault::new(at, "unknown_home", "没有这个房屋", "is not a home of the community")).collect();
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

/// Makes photos belong to the ticket; they must be the caller's own and belong to nothing else.
pub fn attach(tx: &mut Tx, owner: PrincipalId, photos: &[FileId], ticket: TicketId) -> Result<(), ApiError> {
    let refused = uploads::attach(tx, owner, photos, &ticket.text())?;
    let faults: Vec<Fault> = photos
        .iter()
        .enumerate()
        .filter(|(_, photo)| refused.contains(photo))
        .map(|(i, _)| Fault::new(format!("/photos/{i}"), "unknown_file", "没有这个文件，或已被使用", "is not a free file of yours"))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

/// A refusal of something that has no state yet.
fn unconnected(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotYourHome => ApiError::fault("/home_id", "not_your_home", "您未绑定该房屋", "is not a home that you are bound to"),
        Refusal::CategoryNotOffered => ApiError::fault("/category", "category_not_offered", "该类别暂不受理", "is not offered at present"),
        _ => ApiError::new(code::STATE_CONFLICT),
    }
}

/// How a ticket is found for an action: [`load`] or [`load_to_grab`].
type Load = fn(&mut Tx, &Actor, TicketId) -> Result<(Ticket, View), ApiError>;

/// One action on a ticket: load, decide, save, show.
pub fn act(
    tx: &mut Tx,
    cx: &Cx,
    load: Load,
    id: TicketId,
    decide: impl FnOnce(&mut Tx, Ticket, &Actor) -> Result<Result<Changed<Ticket>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    act_saying(tx, cx, load, id, Part::Note, Verdict::Pass, decide)
}

/// An action with words of the actor's, as a comment or as a note in the history, and the verdict about them.
pub fn act_saying(
    tx: &mut Tx,
    cx: &Cx,
    load: Load,
    id: TicketId,
    part: Part,
    verdict: Verdict,
    decide: impl FnOnce(&mut Tx, Ticket, &Actor) -> Result<Result<Changed<Ticket>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (ticket, view) = load(tx, who, id)?;
    cx.expect_version(ticket.facts().version)?;
    let standing = Standing::of(&ticket, who, tx.now());
    let changed = decide(tx, ticket, who)?.map_err(|refusal| standing.refuse(refusal))?;
    let (ticket, left) = store::save_telling(tx, changed)?;
    if verdict != Verdict::Pass {
        // What was just said is the last that this has left; somebody else may have left more by now.
        let note = left.last().filter(|_| part == Part::Note).map(|event| event.text());
        content::hold(tx, about(&ticket, part, note, who.id), verdict)?;
    }
    // A worker who has just handed the ticket on may not see it any more, but may see what they did.
    show(tx, cx, &ticket, view)
}

/// The worker whom somebody is to hand a ticket to.
pub fn worker(tx: &mut Tx, id: PrincipalId, place: CommunityId) -> Result<Result<Worker, Refusal>, ApiError> {
    Ok(store::worker(tx, id, place)?.ok_or(Refusal::NotAWorker))
}

pub fn reason(text: &str) -> Result<Reason, ApiError> {
    Reason::new(text).map_err(|fault| text_fault("/reason", fault.into()))
}

/// Merges a ticket into another one that the caller sees too.
pub fn merge(tx: &mut Tx, cx: &Cx, id: TicketId, into: TicketId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (ticket, view) = load(tx, who, id)?;
    cx.expect_version(ticket.facts().version)?;
    let standing = Standing::of(&ticket, who, tx.now());
    let unknown = |_| ApiError::fault("/into", "unknown_ticket", "没有这张工单", "is not a ticket that you see");
    let (other, _) = load(tx, who, into).map_err(unknown)?;
    let (merged, absorbed) = ticket.merge(other, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    store::save(tx, absorbed)?;
    let ticket = store::save(tx, merged)?;
    show(tx, cx, &ticket, view)
}

/// Creates a category, or replaces it if the caller has seen its present version.
pub fn put_category(tx: &mut Tx, cx: &Cx, place: CommunityId, code_word: &str, body: &PutCategory, seen: bool) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sees = who.communities_as(&[Role::CommunityAdmin]).contains(place);
    if !sees || community::find(tx, place)?.is_none() {
        return Err(ApiError::new(code::NOT_FOUND));
    }
    let by = who.admin_of(place)?;
    let draft = CategoryDraft {
        name: &body.name.0,
        dispatch: body.dispatch.into(),
        accept_within_s: body.accept_within_s.0,
        arrive_within_s: body.arrive_within_s.0,
        resolve_within_s: body.resolve_within_s.0,
        calendar: body.calendar.as_ref().map_or("always", |calendar| calendar.0.as_str()),
        chargeable: body.chargeable,
        photos_required: body.photos_required,
        active: body.active.unwrap_or(true),
    };
    let now = tx.now();
    let known = store::category(tx, place, code_word)?;
    let is_new = known.is_none();
    let changed = match known {
        None => Category::create(code_word, draft, &cx.app.calendars, &by, now),
        Some(_) if !seen => return Err(ApiError::new(code::PRECONDITION_REQUIRED)),
        Some(known) => {
            cx.expect_version(known.version)?;
            known.replace(draft, &cx.app.calendars, &by, now)
        }
    };
    let category = store::save_category(tx, changed.map_err(|faults| faulty("", faults))?)?;
    let dto = super::dto::CategoryDto::from(&category);
    let at = format!("/api/v1/repair-categories?community_id={place}");
    let reply = if is_new { Reply::created(at, &dto)? } else { Reply::ok(&dto)? };
    Ok(reply.version(category.version))
}
