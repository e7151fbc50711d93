//! What repair speaks.

use std::collections::HashMap;

use deserr::Deserr;
use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::content::{Part, Withheld};
use jiazai_domain::kernel::clock::PromiseView;
use jiazai_domain::kernel::file::FileId;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::HomeId;
use jiazai_domain::repair::{self as domain, View};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::identity;
use jiazai_infra::registry::homes;
use jiazai_infra::repair::Names;
use serde::Serialize;
use utoipa::ToSchema;

use crate::content::{ContentPart, Kept, Rejection};
use crate::input::named::{
    AmountFen, AnyText200, AnyText500, CommunityRef, DelegationRef, EventRef, FileRef, HomeRef, ItemFen, Mark, PrincipalRef,
    PromiseSeconds, Text32, Text40, Text60, Text500, Text2000, TicketRef,
};
use crate::input::{Faults, Few, Instant, Number, Ref, Text};

/// At most nine.
pub type Photos = Few<FileRef, 0, 9>;
/// At most twenty.
pub type AffectedHomes = Few<HomeRef, 0, 20>;
/// One to twenty.
pub type QuoteItems = Few<QuoteItemDto, 1, 20>;

crate::spoken! {
    /// How work finds its worker: grab 抢单, assign 派单, rotate 轮派.
    Dispatch = domain::Dispatch { Grab = "grab", Assign = "assign", Rotate = "rotate" }
}

crate::spoken! {
    /// Where a ticket stands.
    TicketState = domain::State {
        Submitted = "submitted", Assigned = "assigned", Accepted = "accepted", OnSite = "on_site", Quoted = "quoted",
        Approved = "approved", Paused = "paused", Resolved = "resolved", Closed = "closed", Cancelled = "cancelled",
    }
}

crate::spoken! {
    /// What may be done with a ticket.
    TicketAction = domain::Action {
        Assign = "assign", Grab = "grab", Accept = "accept", Decline = "decline", Transfer = "transfer", Arrive = "arrive",
        Quote = "quote", ApproveQuote = "approve-quote", RefuseQuote = "refuse-quote", Pause = "pause", Resume = "resume",
        Resolve = "resolve", Confirm = "confirm", Reopen = "reopen", Rate = "rate", Urge = "urge", Cancel = "cancel", Merge = "merge",
    }
}

/// When the reporter will be at home.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct AppointmentDto {
    #[schema(inline)]
    pub from: Instant,
    #[schema(inline)]
    pub to: Instant,
}

/// A report.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewTicket {
    #[schema(inline)]
    pub community_id: CommunityRef,
    /// One of the reporter's homes; left out for a public place.
    #[schema(inline)]
    #[deserr(default)]
    pub home_id: Option<HomeRef>,
    /// Where it is, in words.
    #[schema(inline)]
    #[deserr(default)]
    pub place: Option<AnyText200>,
    /// The code of a category of the community.
    #[schema(inline)]
    pub category: Text32,
    #[schema(inline)]
    pub title: Text60,
    #[schema(inline)]
    pub description: Text2000,
    /// Files of the reporter.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub photos: Photos,
    #[deserr(default)]
    pub appointment: Option<AppointmentDto>,
    /// Other homes that the damage touches: the leak seen on the third floor may come from the fifth.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub affected_homes: AffectedHomes,
    /// 代办: report it for whoever gave this delegation, in matters of repair.
    #[schema(inline)]
    #[deserr(default)]
    pub delegation_id: Option<DelegationRef>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Assign {
    #[schema(inline)]
    pub worker_id: PrincipalRef,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Transfer {
    #[schema(inline)]
    pub worker_id: PrincipalRef,
    #[schema(inline)]
    pub reason: Text500,
}

/// Why.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Because {
    #[schema(inline)]
    pub reason: Text500,
}

/// Why, if there is anything to say.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PerhapsBecause {
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct QuoteItemDto {
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    pub amount_fen: ItemFen,
}

/// A price, item by item; the amount is their sum.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct QuoteDto {
    #[schema(inline)]
    pub amount_fen: AmountFen,
    #[schema(inline)]
    pub items: QuoteItems,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Resolve {
    #[schema(inline)]
    pub note: Text2000,
    /// Files of the worker; at least one where the category asks for it.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub photos: Photos,
}

#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RatingDto {
    #[schema(inline)]
    pub overall: Mark,
    #[schema(inline)]
    pub speed: Mark,
    #[schema(inline)]
    pub service: Mark,
    #[schema(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[deserr(default)]
    pub comment: Option<AnyText500>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Merge {
    /// The open ticket that tells of the same.
    #[schema(inline)]
    pub into: TicketRef,
}

/// One promised time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromiseDto {
    /// Null while the clock stands still.
    #[schema(inline)]
    pub due_at: Option<Instant>,
    /// Whether it was met; null while that is open.
    pub met: Option<bool>,
}

impl From<PromiseView> for PromiseDto {
    fn from(view: PromiseView) -> Self {
        Self { due_at: view.due_at.map(Instant), met: view.met }
    }
}

/// The promised times of a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaDto {
    pub accept: PromiseDto,
    pub arrive: PromiseDto,
    pub resolve: PromiseDto,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResolutionDto {
    pub note: String,
    #[schema(inline)]
    pub photos: Photos,
    #[schema(inline)]
    pub at: Instant,
}

/// Whom to ask at the door.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    pub display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "138******78")]
    pub phone_masked: Option<String>,
}

/// A repair ticket, as far as the caller may see it. Neighbours whose home it touches see how it stands, but neither who
/// reported it nor what they wrote: those fields are null for them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepairTicket)]
pub struct TicketDto {
    #[schema(inline)]
    pub id: TicketRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub state: TicketState,
    /// What the caller may do now.
    pub allowed_actions: Vec<TicketAction>,
    /// The code of the category.
    pub category: String,
    pub category_name: String,
    /// 有偿: this may cost money.
    pub chargeable: bool,
    pub title: Option<String>,
    pub description: Option<String>,
    #[schema(inline)]
    pub home_id: Option<HomeRef>,
    /// What people call that home.
    pub home_label: Option<String>,
    pub place: Option<String>,
    #[schema(inline)]
    pub affected_homes: Vec<HomeRef>,
    #[schema(inline)]
    pub photos: Vec<FileRef>,
    pub appointment: Option<AppointmentDto>,
    #[schema(inline)]
    pub reporter_id: Option<PrincipalRef>,
    /// For those who come to the door; only on a single ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<Contact>,
    #[schema(inline)]
    pub worker_id: Option<PrincipalRef>,
    pub worker_name: Option<String>,
    /// Parts of what the reporter wrote or photographed that others do not see (yet), because they wait for the content check or did
    /// not pass it. They are null, or left out, for everybody but the reporter and those who review.
    pub held_back: Vec<ContentPart>,
    /// Why parts were not let pass, for whoever wrote them and those who review; only on a single ticket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub rejections: Vec<Rejection>,
    pub sla: SlaDto,
    /// Something that was promised is late.
    pub overdue: bool,
    pub quote: Option<QuoteDto>,
    pub resolution: Option<ResolutionDto>,
    pub rating: Option<RatingDto>,
    /// The ticket that this one was merged into.
    #[schema(inline)]
    pub duplicate_of: Option<TicketRef>,
    /// How many tickets were merged into this one.
    pub duplicates: i64,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub paused_at: Option<Instant>,
    #[schema(inline)]
    pub reopened_at: Option<Instant>,
    /// When it was closed or cancelled.
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

/// What tickets are shown with, read at once for all of them: what people call their homes, the workers' names, what is held.
pub struct Beside {
    homes: HashMap<HomeId, String>,
    workers: HashMap<PrincipalId, String>,
    kept: Kept,
}

impl Beside {
    /// What of them is kept from whom.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    pub fn of(tx: &mut Tx, ticket: &domain::Ticket) -> Result<Self, DbError> {
        let homes = homes::labels_of(tx, ticket.facts().home.as_slice())?;
        let workers = identity::names_of(tx, ticket.facts().worker.as_slice())?;
        Ok(Self { homes, workers, kept: Kept::of(tx, &[ticket.facts().id.text()])? })
    }

    /// Of tickets that came with their names.
    pub fn named<'t>(tx: &mut Tx, tickets: impl Iterator<Item = (&'t domain::Ticket, &'t Names)>) -> Result<Self, DbError> {
        let (mut homes, mut workers, mut subjects) = (HashMap::new(), HashMap::new(), Vec::new());
        for (ticket, names) in tickets {
            let facts = ticket.facts();
            subjects.push(facts.id.text());
            homes.extend(facts.home.zip(names.home.clone()));
            workers.extend(facts.worker.zip(names.worker.clone()));
        }
        Ok(Self { homes, workers, kept: Kept::of(tx, &subjects)? })
    }
}

impl TicketDto {
    pub fn of(ticket: &domain::Ticket, actor: &Actor, view: View, contact: Option<Contact>, beside: &Beside, now: Timestamp) -> Self {
        let f = ticket.facts();
        let whole = view > View::Neighbour;
        let withheld = beside.kept.kept_from(&f.id.text(), actor);
        let words = whole && !withheld.hides(Part::Words, None);
        let shown = |photo: &FileId| !withheld.hides(Part::Photo, Some(&photo.text()));
        let sla = ticket.sla(now);
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.community),
            state: f.state.into(),
            allowed_actions: ticket.allowed_actions(actor, now).into_iter().map(TicketAction::from).collect(),
            category: f.category.code.clone(),
            category_name: f.category.name.clone(),
            chargeable: f.category.chargeable,
            title: words.then(|| f.title.clone()),
            description: words.then(|| f.description.clone()),
            home_id: f.home.filter(|_| whole).map(Ref),
            home_label: f.home.filter(|_| whole).and_then(|home| beside.homes.get(&home).cloned()),
            place: f.place.clone().filter(|_| words),
            affected_homes: if whole { f.affected_homes.iter().copied().map(Ref).collect() } else { vec![] },
            photos: if whole { f.photos.iter().copied().filter(shown).map(Ref).collect() } else { vec![] },
            appointment: f.appointment.filter(|_| whole).map(|a| AppointmentDto { from: a.from.into(), to: a.to.into() }),
            reporter_id: whole.then_some(Ref(f.reporter)),
            contact,
            worker_id: f.worker.filter(|_| whole).map(Ref),
            worker_name: f.worker.filter(|_| whole).and_then(|worker| beside.workers.get(&worker).cloned()),
            held_back: if whole { withheld.parts().into_iter().map(ContentPart::from).collect() } else { vec![] },
            rejections: vec![],
            sla: SlaDto { accept: sla.accept.into(), arrive: sla.arrive.into(), resolve: sla.resolve.into() },
            overdue: ticket.overdue(now),
            quote: f.quote.as_ref().filter(|_| whole).map(|quote| QuoteDto {
                amount_fen: Number(quote.amount_fen()),
                items: Few(quote
                    .items()
                    .iter()
                    .map(|i| QuoteItemDto { name: Text(i.name.clone()), amount_fen: Number(i.amount_fen) })
                    .collect()),
            }),
            resolution: f.resolution.as_ref().filter(|_| whole).map(|resolution| ResolutionDto {
                note: resolution.note.clone(),
                photos: Few(resolution.photos.iter().copied().map(Ref).collect()),
                at: resolution.at.into(),
            }),
            rating: f.rating.as_ref().filter(|_| whole).map(|rating| RatingDto {
                overall: Number(rating.overall()),
                speed: Number(rating.speed()),
                service: Number(rating.service()),
                comment: rating.comment().filter(|_| !withheld.hides(Part::Comment, None)).map(|text| Text(text.to_owned())),
            }),
            duplicate_of: f.duplicate_of.map(Ref),
            duplicates: f.duplicates,
            created_at: f.submitted_at.into(),
            paused_at: f.paused.map(|pause| pause.since.into()),
            reopened_at: f.reopened_at.map(Instant),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// Something that happened to a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "repair_ticket.assigned")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Null when time or a rule did it, and for neighbours.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// What somebody wrote; null for neighbours.
    pub note: Option<String>,
}

impl TicketEvent {
    /// `withheld`: what of the ticket is kept from whoever looks.
    pub fn of(event: Recorded, view: View, withheld: &Withheld) -> Self {
        let whole = view > View::Neighbour;
        let rated = event.kind == domain::Action::Rate.event();
        let held = withheld.hides(Part::Note, Some(&event.id.text())) || rated && withheld.hides(Part::Comment, None);
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.filter(|_| whole).map(Ref),
            data: if whole { event.data } else { serde_json::json!({ "state": event.data.get("state") }) },
            note: event.note.filter(|_| whole && !held),
        }
    }
}

/// A category of repairs and what is promised for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepairCategory)]
pub struct CategoryDto {
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub code: String,
    pub name: String,
    pub dispatch: Dispatch,
    /// Working seconds by `calendar`, as the two below.
    pub accept_within_s: i64,
    pub arrive_within_s: i64,
    pub resolve_within_s: i64,
    /// `always`, or the code of a working calendar.
    pub calendar: String,
    pub chargeable: bool,
    pub photos_required: bool,
    pub active: bool,
    pub version: i64,
}

impl From<&domain::Category> for CategoryDto {
    fn from(category: &domain::Category) -> Self {
        Self {
            community_id: Ref(category.community),
            code: category.code.clone(),
            name: category.name.clone(),
            dispatch: category.dispatch.into(),
            accept_within_s: category.accept_within_s,
            arrive_within_s: category.arrive_within_s,
            resolve_within_s: category.resolve_within_s,
            calendar: category.calendar.clone(),
            chargeable: category.chargeable,
            photos_required: category.photos_required,
            active: category.active,
            version: category.version,
        }
    }
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutCategory {
    #[schema(inline)]
    pub name: Text40,
    pub dispatch: Dispatch,
    #[schema(inline)]
    pub accept_within_s: PromiseSeconds,
    #[schema(inline)]
    pub arrive_within_s: PromiseSeconds,
    #[schema(inline)]
    pub resolve_within_s: PromiseSeconds,
    /// Left out: `always`.
    #[schema(inline)]
    #[deserr(default)]
    pub calendar: Option<Text32>,
    #[deserr(default)]
    #[schema(default = false, required = false)]
    pub chargeable: bool,
    #[deserr(default)]
    #[schema(default = false, required = false)]
    pub photos_required: bool,
    /// Left out: true.
    #[deserr(default)]
    pub active: Option<bool>,
}
