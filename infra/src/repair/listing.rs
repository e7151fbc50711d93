//! Pages of tickets: what somebody sees, newest first.

use diesel::dsl::exists;
use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::registry::HomeId;
use jiazai_domain::repair::{CONFIRMED_AFTER_S, Dispatch, Sight, State, Ticket};

use super::row::TicketRow;
use super::{Names, with_categories};
use crate::db::schema::{homes, principals, repair_categories, repair_ticket_homes, repair_ticket_reporters, repair_tickets};
use crate::db::{DbError, InList, Tx, native};

/// What a list of tickets is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub community: Option<CommunityId>,
    pub state: Option<State>,
    pub category: Option<String>,
    pub assignee: Option<PrincipalId>,
    pub overdue: Option<bool>,
}

/// More communities than this are looked through together, by the ids of all tickets: few have so many who do not have all. A page
/// then costs more the fewer of all tickets are theirs.
const MOST_APART: usize = 16;

/// One line of [`Sight`], as a WHERE clause that an index answers in the order of the ids. Of all communities together there is no
/// index by state: who sees the whole platform and asks for a rare state walks through the ids.
enum Way {
    All,
    Whole(Vec<String>),
    Reported,
    /// What they reported was merged into it.
    Merged,
    Touches(Vec<String>),
    /// None: everywhere.
    WorkedOn(Option<Vec<String>>),
    ToGrab(Option<Vec<String>>),
}

/// [`Sight`], line by line; the domain's `Ticket::view` says the same of one ticket. Joined by OR they would be one clause that no
/// index answers, and a page of somebody's few tickets would walk through everybody's.
fn ways(sight: &Sight, wanted: Option<CommunityId>) -> Vec<Way> {
    let sees_all = match (&sight.full, wanted) {
        (Communities::All, _) => true,
        (full, Some(community)) => full.contains(community),
        (Communities::Only(_), None) => false,
    };
    if sees_all {
        return vec![Way::All];
    }
    let apart = |some: &[CommunityId]| -> Vec<Vec<String>> {
        let texts: Vec<String> = some.iter().map(|community| community.text()).collect();
        if texts.len() > MOST_APART { vec![texts] } else { texts.into_iter().map(|text| vec![text]).collect() }
    };
    let mut ways = vec![Way::Reported, Way::Merged];
    if let Communities::Only(some) = &sight.full {
        ways.extend(apart(some).into_iter().map(Way::Whole));
    }
    match &sight.works_in {
        Communities::All => ways.extend([Way::WorkedOn(None), Way::ToGrab(None)]),
        Communities::Only(some) if some.is_empty() => {}
        Communities::Only(some) => {
            ways.push(Way::WorkedOn(Some(some.iter().map(|community| community.text()).collect())));
            ways.extend(apart(some).into_iter().map(|some| Way::ToGrab(Some(some))));
        }
    }
    if !sight.homes.is_empty() {
        ways.push(Way::Touches(sight.homes.iter().map(HomeId::text).collect()));
    }
    ways
}

/// Tickets that these eyes see, newest first, after the id `after`.
pub fn list(tx: &mut Tx, sight: &Sight, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<(Ticket, Names)>, DbError> {
    let ways = ways(sight, filter.community);
    let mut rows = Vec::new();
    for way in &ways {
        rows.extend(newest(tx, sight.person, way, filter, after, limit)?);
    }
    if ways.len() > 1 {
        rows.sort_unstable_by(|(a, _), (b, _)| b.id.cmp(&a.id));
        rows.dedup_by(|(a, _), (b, _)| a.id == b.id);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let (rows, names): (Vec<TicketRow>, Vec<Names>) = rows.into_iter().unzip();
    Ok(with_categories(tx, rows)?.into_iter().zip(names).collect())
}

/// The newest of those that are seen in one way.
fn newest(
    tx: &mut Tx,
    person: PrincipalId,
    way: &Way,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<(TicketRow, Names)>, DbError> {
    let now = tx.now();
    let person = person.text();
    // Written once, and made for either database.
    macro_rules! query {
        () => {{
            // Joined from the left, so that the tickets' own index gives the order whatever the planner thinks of the rest.
            let mut query = repair_tickets::table
                .left_join(homes::table.on(repair_tickets::home_id.eq(homes::id.nullable())))
                .left_join(principals::table.on(repair_tickets::worker_id.eq(principals::id.nullable())))
                .order(repair_tickets::id.desc())
                .limit(limit)
                .select((TicketRow::as_select(), homes::label.nullable(), principals::display_name.nullable()))
                .into_boxed();
            query = match way {
                Way::All => query,
                Way::Whole(some) => match some.as_slice() {
                    [one] => query.filter(repair_tickets::community_id.eq(one)),
                    some => query.filter(repair_tickets::community_id.within(some)),
                },
                Way::Reported => query.filter(repair_tickets::reporter_id.eq(&person)),
                Way::Merged => {
                    let theirs = repair_ticket_reporters::table.filter(repair_ticket_reporters::principal_id.eq(&person));
                    query.filter(repair_tickets::id.eq_any(theirs.select(repair_ticket_reporters::ticket_id)))
                }
                Way::Touches(homes) => {
                    let touching = repair_ticket_homes::table.filter(repair_ticket_homes::home_id.within(homes));
                    query.filter(repair_tickets::id.eq_any(touching.select(repair_ticket_homes::ticket_id)))
                }
                Way::WorkedOn(places) => {
                    let own = query.filter(repair_tickets::worker_id.eq(&person));
                    match places {
                        Some(some) => own.filter(repair_tickets::community_id.within(some)),
                        None => own,
                    }
                }
                Way::ToGrab(places) => {
                    let to_grab = repair_categories::table
                        .filter(repair_categories::community_id.eq(repair_tickets::community_id))
                        .filter(repair_categories::code.eq(repair_tickets::category))
                        .filter(repair_categories::dispatch.eq(Dispatch::Grab.as_str()));
                    let free = query.filter(repair_tickets::state.eq(State::Submitted.as_str())).filter(exists(to_grab));
                    match places.as_deref() {
                        Some([one]) => free.filter(repair_tickets::community_id.eq(one)),
                        Some(some) => free.filter(repair_tickets::community_id.within(some)),
                        None => free,
                    }
                }
            };
            if let Some(community) = filter.community {
                query = query.filter(repair_tickets::community_id.eq(community.text()));
            }
            if let Some(after) = after {
                query = query.filter(repair_tickets::id.lt(after));
            }
            if let Some(category) = &filter.category {
                query = query.filter(repair_tickets::category.eq(category));
            }
            if let Some(worker) = filter.assignee {
                query = query.filter(repair_tickets::worker_id.eq(worker.text()));
            }
            // Time confirms a resolved ticket without anybody writing that down at once, so the stored word may be behind.
            let confirmed_if_before = now.plus_seconds(-CONFIRMED_AFTER_S).millis();
            let resolved = State::Resolved.as_str();
            query = match filter.state {
                None => query,
                Some(State::Resolved) => {
                    query.filter(repair_tickets::state.eq(resolved)).filter(repair_tickets::resolved_at.gt(confirmed_if_before))
                }
                Some(State::Closed) => {
                    let confirmed = repair_tickets::resolved_at.assume_not_null().le(confirmed_if_before);
                    query.filter(repair_tickets::state.eq(State::Closed.as_str()).or(repair_tickets::state.eq(resolved).and(confirmed)))
                }
                Some(state) => query.filter(repair_tickets::state.eq(state.as_str())),
            };
            match filter.overdue {
                None => query,
                Some(true) => query.filter(repair_tickets::due_at.lt(now.millis())),
                Some(false) => query.filter(repair_tickets::due_at.is_null().or(repair_tickets::due_at.ge(now.millis()))),
            }
        }};
    }
    let rows: Vec<(TicketRow, Option<String>, Option<String>)> = native!(tx, |conn| query!().load(conn))?;
    Ok(rows.into_iter().map(|(row, home, worker)| (row, Names { home, worker })).collect())
}
