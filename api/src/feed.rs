//! The feed 事件流 over HTTP: what has happened, oldest first, to be read on from where one stopped.
//!
//! Its order is that of *positions*, which events get after their commits (`infra::events`), so a reader never skips one that
//! was committed late. An event has the same shape here and in a webhook, and the same id.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiazai_domain::actor::Community;
use jiazai_domain::feed::{FOLLOWERS, FeedSight, KINDS, Pattern, about, sort_of};
use jiazai_domain::kernel::id::Id;
use jiazai_infra::events::{self as store, FeedFilter, Recorded};
use serde::Serialize;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::call::{Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{CommunityRef, EventRef};
use crate::input::{self, Faults, Instant, Ref};
use crate::op;
use crate::page::{Page, Params};
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Patterns in one query.
const MOST_TYPES: usize = 50;

pub fn routes(api: &mut Api) {
    // A feed has no end, so it cannot be taken whole.
    api.add(op!(list_events, Access::Roles(FOLLOWERS)).exported_apart().refuses(&[code::CURSOR_INVALID, code::NOT_FOUND]))
        .add(op!(list_event_types, Access::Public));
}

/// A kind of event, `repair_ticket.submitted`; all of one sort, `repair_ticket.*`; or all, `*`.
#[derive(Debug, Clone)]
pub struct EventPattern(pub Pattern);

impl Deserr<Faults> for EventPattern {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match input::string(value, at)?.parse() {
            Ok(pattern) => Ok(Self(pattern)),
            Err(_) => input::fault(
                at,
                "unknown_event_type",
                "没有这种事件，见 /meta/event-types",
                "is no type of event; GET /meta/event-types lists them",
            ),
        }
    }
}

impl Serialize for EventPattern {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl PartialSchema for EventPattern {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^(\*|[a-z_]+\.(\*|[a-z_]+))$"))
            .examples([serde_json::json!("repair_ticket.submitted")])
            .into()
    }
}
impl ToSchema for EventPattern {}

/// What an event happened to.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventSubject {
    #[serde(rename = "type")]
    #[schema(example = "repair_ticket")]
    pub kind: String,
    #[schema(example = "tkt_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
}

/// Something that happened: ids and words, no personal data.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedEvent {
    /// The same as a webhook's `webhook-id`.
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "repair_ticket.submitted")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub subject: EventSubject,
    /// What there is to say depends on the type; new fields may come.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

impl From<Recorded> for FeedEvent {
    fn from(event: Recorded) -> Self {
        Self {
            id: Ref(event.id),
            subject: EventSubject { kind: sort_of(&event.kind).to_owned(), id: event.subject },
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            community_id: Ref(event.community),
            data: event.data,
        }
    }
}

/// The choices of `types`, for the document alone.
#[derive(Debug)]
pub struct EventChoices;

impl PartialSchema for EventChoices {
    fn schema() -> RefOr<Schema> {
        let choice = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Pattern::every().map(|pattern| pattern.to_string())));
        ArrayBuilder::new().items(choice).max_items(Some(MOST_TYPES)).into()
    }
}
impl ToSchema for EventChoices {}

/// The patterns of `types`, separated by commas.
fn patterns(params: &mut Params) -> Result<Vec<Pattern>, ApiError> {
    let Some(text) = params.text("types")? else { return Ok(vec![]) };
    let unknown =
        |_| ApiError::query("types", "含有未知的事件类型，见 /meta/event-types", "has an unknown type; see GET /meta/event-types");
    let found: Vec<Pattern> = text.split(',').map(|one| one.trim().parse()).collect::<Result<_, _>>().map_err(unknown)?;
    if found.len() > MOST_TYPES {
        return Err(ApiError::query("types", "过多", "has too many types"));
    }
    Ok(found)
}

/// Follow what happens
///
/// Oldest first, and nothing is ever skipped. `next_cursor` is never null: keep the last one and ask again with it, and you get
/// what has happened since. Callers hear of what their roles, or their key's scopes, let them see.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "list_events",
    params(("since" = Option<String>, Query, format = DateTime, description = "What happened then or later"),
        ("types" = inline(Option<EventChoices>), Query, style = Form, explode = false,
            description = "Types separated by commas, up to 50: `repair_ticket.submitted`, `repair_ticket.*`, `*`. `GET /meta/event-types` has them too"),
        ("community_id" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<FeedEvent>)))]
async fn list_events(call: Call) -> Outcome {
    let mut params = call.query()?;
    let community: Option<Id<Community>> = params.id("community_id")?;
    let filter = FeedFilter { community, kinds: patterns(&mut params)?, since: params.instant("since")? };
    call.list(params, move |tx, cx, window| {
        let sight = FeedSight::of(cx.actor()?);
        if filter.community.is_some_and(|asked| !sight.reaches(asked)) {
            return Err(ApiError::new(code::NOT_FOUND));
        }
        let heard: Vec<_> = sight.groups().into_iter().flat_map(|(_, resources)| resources).collect();
        // An empty answer would say that nothing has happened.
        if let Some(resource) = filter.kinds.iter().filter_map(Pattern::about).find(|resource| !heard.contains(resource)) {
            return Err(ApiError::new(code::FORBIDDEN).because(
                format!("您无权获知 {resource} 的事件"),
                format!("You may not follow events of {resource}; a key needs {resource}:read"),
            ));
        }
        let after: i64 = match &window.after {
            // A position that we have signed.
            Some(text) => text.parse().unwrap_or(0),
            None => filter.since.map_or(Ok(0), |since| store::position_before(tx, since))?,
        };
        // Looked up first: whatever is placed up to here can be seen by the statement that follows.
        let until = store::last_position(tx)?;
        let part = store::feed(tx, &sight, &filter, (after, until), window.limit as i64)?;
        let next_cursor = Some(window.seal.seal(&part.next.to_string()));
        Ok(Page { items: part.events.into_iter().map(FeedEvent::from).collect(), next_cursor })
    })
    .await
}

/// A type of event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventType {
    #[serde(rename = "type")]
    #[schema(example = "repair_ticket.submitted")]
    pub kind: &'static str,
    /// What it happens to.
    #[schema(example = "repair_ticket")]
    pub subject_type: &'static str,
    /// Whose resource it belongs to, as in a key's scopes.
    #[schema(example = "repair")]
    pub resource: &'static str,
}

/// All types of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTypes {
    pub items: Vec<EventType>,
}

/// The types of events
#[utoipa::path(get, path = "/meta/event-types", tag = "meta", operation_id = "list_event_types", responses((status = 200, body = EventTypes)))]
async fn list_event_types(call: Call) -> Outcome {
    call.query()?.finish()?;
    let of = |kind: &&'static str| EventType { kind, subject_type: sort_of(kind), resource: about(kind).as_str() };
    Ok(call.answer(Reply::ok(&EventTypes { items: KINDS.iter().map(of).collect() })?))
}
