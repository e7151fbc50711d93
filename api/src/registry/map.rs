//! The map of a community, kept as it was drawn last.
//!
//! Thousands of homes are read, sorted and written out for one map, and everybody in the office looks at the same one. So the
//! last maps are kept as bytes, each with the mark of what it was drawn from; who asks reads the mark, which is cheap, and
//! gets the bytes if it is the same. Each process keeps its own; nothing has to be told to anybody.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use actix_web::web::Bytes;
use jiazai_domain::actor::{Community, CommunityId};
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::{GridId, Grids, Occupancy};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::homes::{self as store, Mark, Which};
use jiazai_infra::registry::places::{self, BuildingFilter};
use sha2::{Digest, Sha256};

use super::dto::{CommunityMap, LegendEntry, MapBuilding, MapHome};
use super::{LOOKERS, seen_grids};
use crate::call::{At, Call, Outcome};
use crate::error::ApiError;
use crate::input::Ref;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(get_community_map, Access::Roles(LOOKERS)));
}

/// Kept together, in bytes. A community of three thousand homes has a map of about 700 KiB.
const MOST: usize = 8 * 1024 * 1024;

/// What a map was drawn from: whose eyes, which day, and the mark of homes and buildings.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Drawn {
    community: CommunityId,
    grids: Option<Vec<GridId>>,
    day: Date,
    mark: Mark,
}

impl Drawn {
    /// The same as a number, for the `ETag`.
    fn version(&self) -> i64 {
        let hash = Sha256::digest(format!("{self:?}"));
        let first: [u8; 8] = std::array::from_fn(|n| hash[n]);
        (u64::from_be_bytes(first) >> 1) as i64
    }
}

/// The maps that were drawn last.
#[derive(Default)]
pub struct Maps(Mutex<VecDeque<(Drawn, Bytes)>>);

impl Maps {
    fn get(&self, drawn: &Drawn) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.iter().find(|(known, _)| known == drawn).map(|(_, bytes)| bytes.clone())
    }

    /// Keeps a map in the place of the older one for the same eyes; what was drawn longest ago goes first.
    fn keep(&self, drawn: Drawn, bytes: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.retain(|(known, _)| known.community != drawn.community || known.grids != drawn.grids);
        kept.push_back((drawn, bytes));
        while kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MOST {
            kept.pop_front();
        }
    }
}

/// A community's homes on the map
///
/// Every home that the caller sees, by building, in one answer: a grid worker gets their own grids. Ask again with
/// `If-None-Match`, and nothing is sent while nothing has changed.
#[utoipa::path(get, path = "/communities/{id}/map", tag = "registry", operation_id = "get_community_map", params(("id" = String, Path)),
    responses((status = 200, body = CommunityMap, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_community_map(call: Call, id: At<Community>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let grids = seen_grids(tx, cx.actor()?, id.0)?;
        let some = match &grids {
            Grids::All => None,
            Grids::Only(some) => {
                let mut some = some.clone();
                some.sort_unstable();
                Some(some)
            }
        };
        // The mark first: what changes in between makes the kept map stale, not the mark fresh.
        let drawn = Drawn { community: id.0, grids: some, day: tx.now().date(), mark: store::mark(tx, id.0)? };
        let version = drawn.version();
        let bytes = match cx.app.maps.get(&drawn) {
            Some(bytes) => bytes,
            None => {
                let bytes = Bytes::from(Reply::ok(&draw(tx, id.0, &grids)?)?.body);
                cx.app.maps.keep(drawn, bytes.clone());
                bytes
            }
        };
        Ok(Reply { status: 200, headers: Default::default(), body: bytes.to_vec() }.version(version))
    })
    .await
}

fn draw(tx: &mut Tx, community: CommunityId, grids: &Grids) -> Result<CommunityMap, ApiError> {
    let mut by_building: HashMap<String, Vec<MapHome>> = HashMap::new();
    for home in store::list(tx, &Which::Community(community, grids.clone()))? {
        let shown = MapHome {
            id: home.id,
            unit: home.unit,
            floor: home.floor,
            number: home.number,
            occupancy: home.occupancy.into(),
            colour: home.occupancy.colour(),
            contradiction: home.contradiction,
        };
        by_building.entry(home.building).or_default().push(shown);
    }
    let buildings = places::buildings(tx, community, &BuildingFilter::default(), None, None)?;
    let buildings = buildings.into_iter().filter(|b| grids.contains(b.grid)).map(|b| MapBuilding {
        homes: by_building.remove(&b.id.text()).unwrap_or_default(),
        id: Ref(b.id),
        estate_id: Ref(b.estate),
        grid_id: b.grid.map(Ref),
        name: b.name,
    });
    let legend = Occupancy::ALL.iter().map(|o| LegendEntry { occupancy: (*o).into(), name: o.chinese(), colour: o.colour() });
    Ok(CommunityMap { legend: legend.collect(), buildings: buildings.collect() })
}
