//! Swaps 换班: two volunteers exchange their places, if both want to and each suits the other's.
//!
//! A sign-up belongs to a person, so it is the places that change hands: shift, post and everything that comes with
//! them. No pool moves, since every post has as many people afterwards as before.

use super::hours::NoShowRule;
use super::machine::{Action, Party, SWAP_MACHINE, State, SwapAction, SwapState};
use super::opening::{Opening, Volunteer};
use super::sign_up::SignUp;
use super::{MAX_PROPOSALS, MAX_PROPOSALS_TO_ONE, Refusal, SignUpId, SwapId, template};
use crate::actor::{Actor, CommunityId, PrincipalId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;

/// Everything that is remembered of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapFacts {
    pub id: SwapId,
    pub version: i64,
    pub community: CommunityId,
    /// The sign-up of who proposed, and of who was asked.
    pub own: SignUpId,
    pub other: SignUpId,
    pub proposer: PrincipalId,
    pub partner: PrincipalId,
    pub state: SwapState,
    pub proposed_at: Timestamp,
    /// It can be agreed to before this instant: the earlier of both shifts' latest times to cancel.
    pub until: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A swap that can take one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    facts: SwapFacts,
}

/// How often this place was offered before: for the same other one, and for any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Earlier {
    pub for_this: i64,
    pub for_any: i64,
}

/// One side of an agreement: the sign-up as it is, and where its owner would go.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    pub sign_up: SignUp,
    /// The shift of the other side.
    pub into: Opening<'a>,
    /// What is known of this side's owner; `busy` without the two sign-ups, `held` without them, too.
    pub who: &'a Volunteer,
}

impl Swap {
    /// 申请换班: offers an own confirmed place for another's.
    ///
    /// # Errors
    /// [`Refusal::CannotSwap`], [`Refusal::TooLateToCancel`], [`Refusal::TooManyProposals`], and what the own sign-up does not allow.
    pub fn propose(
        id: SwapId,
        own: &SignUp,
        other: &SignUp,
        earlier: Earlier,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        own.guard(Action::Swap, by, now)?;
        let (a, b) = (own.facts(), other.facts());
        let different = a.resident != b.resident && (a.shift, a.post) != (b.shift, b.post);
        if !different || a.community != b.community || b.state != State::Confirmed {
            return Err(Refusal::CannotSwap);
        }
        let until = a.occasion.fixed_at().min(b.occasion.fixed_at());
        if now >= until {
            return Err(Refusal::TooLateToCancel { since: until });
        }
        if earlier.for_this >= MAX_PROPOSALS_TO_ONE || earlier.for_any >= MAX_PROPOSALS {
            return Err(Refusal::TooManyProposals);
        }
        let facts = SwapFacts {
            id,
            version: 1,
            community: a.community,
            own: a.id,
            other: b.id,
            proposer: a.resident,
            partner: b.resident,
            state: SwapState::Proposed,
            proposed_at: now,
            until,
            ended_at: None,
        };
        let event = Event::new("volunteer_swap.proposed", Some(by.id), now).with("state", SwapState::Proposed);
        let event = event.with("own", a.id).with("other", b.id).telling(Some(b.resident), template::SWAP);
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    /// A swap as it stands now: what nobody agreed to in time is expired.
    pub fn restore(mut facts: SwapFacts, now: Timestamp) -> Self {
        if facts.state == SwapState::Proposed && facts.until <= now {
            facts.state = SwapState::Expired;
            facts.ended_at = Some(facts.until);
        }
        Self { facts }
    }

    /// Writes down that nobody agreed in time, so that the same two places can be proposed again; nothing when that is not so, as the
    /// swap is stored.
    pub fn expire(facts: SwapFacts, now: Timestamp) -> Option<Changed<Self>> {
        let stored = facts.state;
        let mut swap = Self::restore(facts, now);
        if stored != SwapState::Proposed || swap.facts.state != SwapState::Expired {
            return None;
        }
        swap.facts.version += 1;
        let event = Event::new("volunteer_swap.expired", None, facts.until).with("from", stored).with("state", SwapState::Expired);
        Some(Changed::from_version(facts.version, swap, vec![event]))
    }

    pub fn facts(&self) -> &SwapFacts {
        &self.facts
    }

    pub fn allowed_actions(&self, actor: &Actor) -> Vec<SwapAction> {
        SWAP_MACHINE.actions(self.facts.state, &self.parties(actor))
    }

    fn parties(&self, actor: &Actor) -> Vec<Party> {
        let is = [(Party::Volunteer, self.facts.proposer), (Party::Partner, self.facts.partner)];
        is.into_iter().filter(|(_, person)| *person == actor.id).map(|(party, _)| party).collect()
    }

    fn guard(&self, action: SwapAction, actor: &Actor) -> Result<(), Refusal> {
        let state = self.facts.state;
        SWAP_MACHINE.check(action, state, &self.parties(actor)).map_err(|denied| Refusal::denied(denied, state.as_str()))
    }

    /// 同意换班: `own` is the proposer's side, `other` the partner's. All three changes are written in one transaction.
    ///
    /// # Errors
    /// [`Refusal::CannotSwap`], when a place is not what it was when the swap was proposed; whatever keeps either of them
    /// from the other's shift.
    #[allow(clippy::type_complexity)]
    pub fn agree(
        self,
        own: Side,
        other: Side,
        rule: &NoShowRule,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(Changed<Self>, Changed<SignUp>, Changed<SignUp>), Refusal> {
        self.guard(SwapAction::Agree, by)?;
        let (a, b) = (own.sign_up.facts(), other.sign_up.facts());
        let meant = (a.id, a.resident, b.id, b.resident) == (self.facts.own, self.facts.proposer, self.facts.other, self.facts.partner);
        let into = own.into.shift.facts().id == b.shift && other.into.shift.facts().id == a.shift;
        let who = own.who.who.id() == a.resident && other.who.who.id() == b.resident;
        if !(meant && into && who && a.state == State::Confirmed && b.state == State::Confirmed) {
            return Err(Refusal::CannotSwap);
        }
        // Since the proposal a shift may have been moved, or made harder to leave.
        let fixed = a.occasion.fixed_at().min(b.occasion.fixed_at());
        if now >= fixed {
            return Err(Refusal::TooLateToCancel { since: fixed });
        }
        for side in [&own, &other] {
            side.into.activity.limits().check(side.who.held)?;
            side.into.suits(side.who, rule, now)?;
            side.into.activity.knows_household(side.who.household)?;
        }
        let (a, b) = exchange(own, other, self.facts.id, by, now);
        Ok((self.ended(SwapState::Agreed, "volunteer_swap.agreed", by, now), a, b))
    }

    /// 拒绝换班
    pub fn refuse(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(SwapAction::Refuse, by)?;
        Ok(self.ended(SwapState::Refused, "volunteer_swap.refused", by, now))
    }

    /// 撤回申请
    pub fn withdraw(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(SwapAction::Withdraw, by)?;
        Ok(self.ended(SwapState::Withdrawn, "volunteer_swap.withdrawn", by, now))
    }

    fn ended(mut self, to: SwapState, kind: &'static str, by: &Actor, now: Timestamp) -> Changed<Self> {
        let from = std::mem::replace(&mut self.facts.state, to);
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        self.facts.ended_at = Some(now);
        // Who withdraws tells nobody: there is nothing left to do.
        let told = (to != SwapState::Withdrawn).then_some(self.facts.proposer);
        let event = Event::new(kind, Some(by.id), now).with("from", from).with("state", to).telling(told, template::SWAP);
        Changed::from_version(loaded, self, vec![event])
    }
}

fn exchange(own: Side, other: Side, swap: SwapId, by: &Actor, now: Timestamp) -> (Changed<SignUp>, Changed<SignUp>) {
    let (mut a, mut b) = (own.sign_up, other.sign_up);
    std::mem::swap(&mut a.facts.shift, &mut b.facts.shift);
    std::mem::swap(&mut a.facts.post, &mut b.facts.post);
    std::mem::swap(&mut a.facts.occasion, &mut b.facts.occasion);
    std::mem::swap(&mut a.facts.number, &mut b.facts.number);
    // A guardian's consent is to an activity: what is kept is that to the one into which they go.
    a.facts.consent.clone_from(&own.who.consent);
    b.facts.consent.clone_from(&other.who.consent);
    let done = |sign_up: SignUp| {
        let event = sign_up.event(Action::Swap, Some(by), now).with("swap_id", swap);
        sign_up.moved(State::Confirmed, event)
    };
    (done(a), done(b))
}
