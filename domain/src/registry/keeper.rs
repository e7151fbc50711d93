//! Keepers 登记人: who writes the registry. An administrator keeps a whole community, a grid worker 网格员 the homes of
//! their grids 网格; what lies outside does not exist for them.

use super::GridId;
use crate::actor::{Actor, CommunityId, Forbidden, PrincipalId};

/// Which grids of a community somebody reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grids {
    /// All, and what belongs to none.
    All,
    Only(Vec<GridId>),
}

impl Grids {
    pub fn contains(&self, grid: Option<GridId>) -> bool {
        match self {
            Self::All => true,
            Self::Only(some) => grid.is_some_and(|grid| some.contains(&grid)),
        }
    }
}

/// Proof that somebody keeps the registry of a community, or of some grids of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    id: PrincipalId,
    community: CommunityId,
    grids: Grids,
}

impl Keeper {
    /// `grids` are those that the actor was given in this community; they count for grid workers only.
    ///
    /// # Errors
    /// [`Forbidden`], for whoever is neither administrator nor grid worker here.
    pub fn of(actor: &Actor, community: CommunityId, grids: Vec<GridId>) -> Result<Self, Forbidden> {
        let grids = match actor.admin_of(community) {
            Ok(_) => Grids::All,
            Err(Forbidden) => actor.grid_worker_of(community).map(|_| Grids::Only(grids))?,
        };
        Ok(Self { id: actor.id, community, grids })
    }

    pub fn id(&self) -> PrincipalId {
        self.id
    }

    pub fn community(&self) -> CommunityId {
        self.community
    }

    pub fn grids(&self) -> &Grids {
        &self.grids
    }

    /// Whether a home, or a person living in one, of this community and grid is theirs to keep.
    pub fn keeps(&self, community: CommunityId, grid: Option<GridId>) -> bool {
        self.community == community && self.grids.contains(grid)
    }

    /// Whether they may add and rename places: that is for the whole community.
    pub fn keeps_places(&self, community: CommunityId) -> bool {
        self.community == community && self.grids == Grids::All
    }
}
