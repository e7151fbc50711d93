//! Sign-ups and the places they stand for: whatever moves a post's pool.
//!
//! Every decision here hands back both halves, the sign-up and the [`Move`]. They are written in one transaction, the
//! pool first: from then on nobody else moves it. Afterwards the pool may be due, and [`settle_line`] passes on what
//! became free.

use super::hours::NoShowRule;
use super::machine::{Action, State};
use super::opening::{Opening, Volunteer};
use super::shift::{Post, Shift};
use super::sign_up::{SignUp, SignUpFacts};
use super::{Reason, Refusal, ShiftState, SignUpId, template};
use crate::actor::Actor;
use crate::kernel::capacity::{Hold, Move, Pool, Standing, Waiting};
use crate::kernel::changed::{Changed, Notice};
use crate::kernel::time::Timestamp;

/// A decision that moves a pool: the row of the sign-up's post (`shift`, `post`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "both halves are to be written"]
pub struct Effect {
    pub sign_up: Changed<SignUp>,
    pub movement: Move,
}

/// Whose turn in the line comes while they cannot take a place, and why not.
pub type Unfit = (SignUpId, Refusal);

/// What time has done to a post: the pool's move and the sign-ups that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "both halves are to be written"]
pub struct SettledLine {
    pub movement: Move,
    pub sign_ups: Vec<Changed<SignUp>>,
}

impl SignUp {
    /// 接受候补: takes the place that is held.
    ///
    /// # Errors
    /// [`Refusal::OfferExpired`], [`Refusal::TimeConflict`] and whatever else has come in between since they joined the line.
    pub fn accept_offer(
        mut self,
        opening: &Opening,
        pool: &Pool,
        who: &Volunteer,
        rule: &NoShowRule,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Effect, Refusal> {
        self.guard(Action::AcceptOffer, by, now)?;
        opening.suits(who, rule, now)?;
        // A row without an end of its offer is good for nothing.
        let until = self.facts.offered_until.unwrap_or(now);
        let movement = pool.accept(until, now)?;
        self.facts.offered_until = None;
        let mut event = self.event(Action::AcceptOffer, Some(by), now);
        // Not `telling`: who takes a place does want it in writing.
        event.notices.push(Notice { to: self.facts.resident, template: template::CONFIRMED });
        Ok(Effect { sign_up: self.moved(State::Confirmed, event), movement })
    }

    /// 取消报名: by the volunteer until the shift's latest time, by the leader until they have come. Leaving the line, or
    /// declining an offer, is possible at any time.
    pub fn cancel(mut self, pool: &Pool, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Result<Effect, Refusal> {
        self.guard(Action::Cancel, by, now)?;
        // The table cancels only these three.
        let had = self.standing().ok_or(Refusal::WrongState { state: self.facts.state.as_str() })?;
        self.facts.ended_at = Some(now);
        let event = self.event(Action::Cancel, Some(by), now).noting(reason.map(Reason::into_string));
        let event = event.telling(Some(self.facts.resident), template::CHANGED);
        Ok(Effect { sign_up: self.moved(State::Cancelled, event), movement: pool.leave(had) })
    }

    /// 放弃候补: they have taken another place at the same time, so the one that is held for them goes to the next. Nothing unless a
    /// place is held, as the sign-up is stored.
    pub fn release(mut self, pool: &Pool, now: Timestamp) -> Option<Effect> {
        if self.facts.state != State::Offered {
            return None;
        }
        self.facts.ended_at = Some(now);
        let event = self.event(Action::Expire, None, now).with("because", Refusal::TimeConflict.code().to_owned());
        let event = event.telling(Some(self.facts.resident), template::CHANGED);
        Some(Effect { sign_up: self.moved(State::Expired, event), movement: pool.leave(Standing::Offer) })
    }

    /// The shift was cancelled, and with it whoever had not come yet. Nothing for those who had: they are
    /// [sent home](Self::sent_home).
    pub fn call_off(mut self, shift: &Shift, pool: &Pool, now: Timestamp) -> Option<Effect> {
        let s = shift.facts();
        let had = self.standing().filter(|_| s.state == ShiftState::Cancelled && s.id == self.facts.shift)?;
        self.facts.ended_at = Some(now);
        let event = self.event(Action::CallOff, None, now).telling(Some(self.facts.resident), template::CHANGED);
        Some(Effect { sign_up: self.moved(State::Cancelled, event), movement: pool.leave(had) })
    }

    /// Their guardian has withdrawn consent, and with it whatever had not begun. Nothing for who has come or should have:
    /// that is for the leader to settle.
    pub fn without_consent(mut self, pool: &Pool, by: &Actor, now: Timestamp) -> Option<Effect> {
        let had = self.standing().filter(|_| now < self.facts.occasion.due_at())?;
        self.facts.ended_at = Some(now);
        let event = self.event(Action::CallOff, Some(by), now).with("consent", "withdrawn".to_owned());
        let event = event.telling(Some(self.facts.resident), template::CHANGED);
        Some(Effect { sign_up: self.moved(State::Cancelled, event), movement: pool.leave(had) })
    }

    fn standing(&self) -> Option<Standing> {
        match self.facts.state {
            State::Confirmed => Some(Standing::Place),
            State::Offered => Some(Standing::Offer),
            State::Waitlisted => Some(Standing::Line),
            _ => None,
        }
    }
}

/// Does what time has left to do in a post: ends offers that were not taken, offers free places to the next in the line,
/// and ends the line when the shift begins. None when there is nothing to do.
///
/// Nobody is offered a place who could not take it: because they are blocked, elsewhere at that time, or not eligible any more. Their
/// turn is over, and they are told; they may join again, at the end. `unfit` are those, with the reason.
///
/// `sign_ups` are the post's that are stored as offered or waitlisted. To be called before whatever reads or changes
/// them, when [`Pool::is_due`] says so; any number of callers at once do it once, because the move is good for this pool only.
/// A cancelled shift offers nothing: its sign-ups are called off.
pub fn settle_line(opening: &Opening, post: &Post, sign_ups: Vec<SignUpFacts>, unfit: &[Unfit], now: Timestamp) -> Option<SettledLine> {
    let (s, terms) = (opening.shift.facts(), opening.terms());
    if s.state == ShiftState::Cancelled || !post.pool.is_due(&terms, now) {
        return None;
    }
    let ours: Vec<_> = sign_ups.into_iter().filter(|f| f.shift == s.id && f.post == post.number).collect();
    let all = || ours.iter().enumerate();
    let holds: Vec<_> =
        all().filter(|(_, f)| f.state == State::Offered).map(|(claim, f)| Hold { claim, until: f.offered_until.unwrap_or(now) }).collect();
    let why = |id: SignUpId| unfit.iter().find(|(of, _)| *of == id).map(|(_, why)| why);
    let line: Vec<_> = all()
        .filter(|(_, f)| f.state == State::Waitlisted)
        .map(|(claim, f)| Waiting { claim, number: f.number.unwrap_or(i64::MAX), fits: why(f.id).is_none() })
        .collect();
    let done = post.pool.settle(&holds, &line, &terms, now);
    let mut sign_ups = Vec::new();
    for claim in done.lapsed.iter().chain(&done.dissolved) {
        let mut facts = ours[*claim].clone();
        // It ended when its time was over, not when somebody looked.
        let ends = facts.occasion.due_at();
        let ended = facts.offered_until.unwrap_or(ends).min(ends).min(now);
        facts.ended_at = Some(ended);
        let sign_up = SignUp::from_facts(facts);
        let event = sign_up.event(Action::Expire, None, ended).telling(Some(sign_up.facts.resident), template::CHANGED);
        sign_ups.push(sign_up.moved(State::Expired, event));
    }
    for claim in &done.passed {
        let mut facts = ours[*claim].clone();
        facts.ended_at = Some(now);
        let sign_up = SignUp::from_facts(facts);
        let because = why(sign_up.facts.id).map_or("", Refusal::code);
        let event = sign_up.event(Action::Expire, None, now).with("because", because.to_owned());
        let event = event.telling(Some(sign_up.facts.resident), template::CHANGED);
        sign_ups.push(sign_up.moved(State::Expired, event));
    }
    for offer in &done.offers {
        let mut facts = ours[offer.claim].clone();
        facts.offered_until = Some(offer.until);
        let sign_up = SignUp::from_facts(facts);
        let event = sign_up.event(Action::Offer, None, now).with("offered_until", offer.until);
        let event = event.telling(Some(sign_up.facts.resident), template::OFFER);
        sign_ups.push(sign_up.moved(State::Offered, event));
    }
    Some(SettledLine { movement: done.movement, sign_ups })
}
