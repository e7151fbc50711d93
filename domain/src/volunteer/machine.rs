//! The machines of volunteer service: activities, shifts, sign-ups and swaps.

use crate::kernel::workflow::{Edge, Machine, edge};

crate::words! {
    /// Where an activity stands.
    ActivityState { Draft = "draft", Published = "published", Ended = "ended", Cancelled = "cancelled" }
    /// What may be done with an activity.
    ActivityAction { Publish = "publish", End = "end", Cancel = "cancel" }

    /// Whether a shift takes place.
    ShiftState { Scheduled = "scheduled", Cancelled = "cancelled" }
    /// What may be done with a shift.
    ShiftAction { Reschedule = "reschedule", Resize = "resize", Cancel = "cancel" }

    /// Where a sign-up stands.
    State {
        /// 已报名: has a place.
        Confirmed = "confirmed",
        /// 候补中
        Waitlisted = "waitlisted",
        /// 待确认: a place is held until the volunteer says yes.
        Offered = "offered",
        /// 已签到
        Present = "present",
        /// 已签退
        Done = "done",
        /// 已入账: hours and points are written.
        Credited = "credited",
        /// 已取消
        Cancelled = "cancelled",
        /// 缺席
        Absent = "absent",
        /// 已失效: the offer was not taken in time, or the shift began before a place was free.
        Expired = "expired",
    }

    /// What may be done with a sign-up.
    Action {
        Offer = "offer",
        AcceptOffer = "accept-offer",
        Expire = "expire",
        Cancel = "cancel",
        CallOff = "call-off",
        CheckIn = "check-in",
        CheckOut = "check-out",
        MarkAbsent = "mark-absent",
        Settle = "settle",
        Swap = "swap",
    }

    /// Where a swap stands.
    SwapState { Proposed = "proposed", Agreed = "agreed", Refused = "refused", Withdrawn = "withdrawn", Expired = "expired" }
    /// What may be done with a swap.
    SwapAction { Agree = "agree", Refuse = "refuse", Withdraw = "withdraw", Expire = "expire" }

    /// Whether a guardian's word holds.
    ConsentState { Given = "given", Withdrawn = "withdrawn" }
    /// What may be done with it.
    ConsentAction { Withdraw = "withdraw" }

    /// Whether a certificate is good.
    CertificateState { Issued = "issued", Revoked = "revoked" }
    /// What may be done with it.
    CertificateAction { Revoke = "revoke" }

    /// What somebody is to any of these.
    Party {
        /// Whose sign-up it is; in a swap, who proposed it.
        Volunteer = "volunteer",
        /// Who was asked to swap.
        Partner = "partner",
        Leader = "volunteer_leader",
        /// Who has given their word for a minor.
        Guardian = "guardian",
        /// The rules themselves: the next in line, the passing of time, a shift that was called off.
        System = "system",
    }
}

impl State {
    /// A place in the pool is taken, held, or was used.
    pub const fn has_place(self) -> bool {
        matches!(self, Self::Confirmed | Self::Offered | Self::Present | Self::Done | Self::Credited | Self::Absent)
    }

    /// The sign-up stands in the way of another one for the same shift.
    pub const fn is_claim(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Expired)
    }
}

impl Action {
    /// The kind of event that this action leaves.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Offer => "volunteer_sign_up.offered",
            Self::AcceptOffer => "volunteer_sign_up.confirmed",
            Self::Expire => "volunteer_sign_up.expired",
            Self::Cancel => "volunteer_sign_up.cancelled",
            Self::CallOff => "volunteer_sign_up.called_off",
            Self::CheckIn => "volunteer_sign_up.checked_in",
            Self::CheckOut => "volunteer_sign_up.checked_out",
            Self::MarkAbsent => "volunteer_sign_up.marked_absent",
            Self::Settle => "volunteer_sign_up.credited",
            Self::Swap => "volunteer_sign_up.swapped",
        }
    }
}

use Party::{Guardian, Leader, Partner, System, Volunteer};

const ACTIVITY_EDGES: &[Edge<ActivityState, ActivityAction, Party>] = &[
    edge(ActivityAction::Publish, ActivityState::Draft, ActivityState::Published, &[Leader]),
    edge(ActivityAction::End, ActivityState::Published, ActivityState::Ended, &[Leader, System]),
    edge(ActivityAction::Cancel, ActivityState::Draft, ActivityState::Cancelled, &[Leader]),
    edge(ActivityAction::Cancel, ActivityState::Published, ActivityState::Cancelled, &[Leader]),
];

/// Everything that may happen to an activity.
pub const ACTIVITY_MACHINE: Machine<ActivityState, ActivityAction, Party> =
    Machine { name: "volunteer_activity", initial: &[ActivityState::Draft], edges: ACTIVITY_EDGES };

const SHIFT_EDGES: &[Edge<ShiftState, ShiftAction, Party>] = &[
    edge(ShiftAction::Reschedule, ShiftState::Scheduled, ShiftState::Scheduled, &[Leader]),
    edge(ShiftAction::Resize, ShiftState::Scheduled, ShiftState::Scheduled, &[Leader]),
    edge(ShiftAction::Cancel, ShiftState::Scheduled, ShiftState::Cancelled, &[Leader]),
];

/// Everything that may happen to a shift.
pub const SHIFT_MACHINE: Machine<ShiftState, ShiftAction, Party> =
    Machine { name: "volunteer_shift", initial: &[ShiftState::Scheduled], edges: SHIFT_EDGES };

use Action as A;
use State as S;

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(A::Offer, S::Waitlisted, S::Offered, &[System]),
    edge(A::AcceptOffer, S::Offered, S::Confirmed, &[Volunteer]),
    edge(A::Expire, S::Offered, S::Expired, &[System]),
    edge(A::Expire, S::Waitlisted, S::Expired, &[System]),
    edge(A::Cancel, S::Confirmed, S::Cancelled, &[Volunteer, Leader]),
    edge(A::Cancel, S::Waitlisted, S::Cancelled, &[Volunteer, Leader]),
    edge(A::Cancel, S::Offered, S::Cancelled, &[Volunteer, Leader]),
    edge(A::CallOff, S::Confirmed, S::Cancelled, &[System]),
    edge(A::CallOff, S::Waitlisted, S::Cancelled, &[System]),
    edge(A::CallOff, S::Offered, S::Cancelled, &[System]),
    edge(A::CheckIn, S::Confirmed, S::Present, &[Volunteer]),
    // A shift that is cancelled while it runs sends home whoever is there.
    edge(A::CheckOut, S::Present, S::Done, &[Volunteer, System]),
    edge(A::MarkAbsent, S::Confirmed, S::Absent, &[Leader]),
    edge(A::Settle, S::Done, S::Credited, &[Leader]),
    // What the code does not show, the leader may know: a dead telephone, a forgotten check-out, a wrong mark.
    edge(A::Settle, S::Present, S::Credited, &[Leader]),
    edge(A::Settle, S::Confirmed, S::Credited, &[Leader]),
    edge(A::Settle, S::Absent, S::Credited, &[Leader]),
    edge(A::Swap, S::Confirmed, S::Confirmed, &[Volunteer]),
];

/// Everything that may ever happen to a sign-up.
pub const MACHINE: Machine<State, Action, Party> =
    Machine { name: "volunteer_sign_up", initial: &[State::Confirmed, State::Waitlisted], edges: EDGES };

const SWAP_EDGES: &[Edge<SwapState, SwapAction, Party>] = &[
    edge(SwapAction::Agree, SwapState::Proposed, SwapState::Agreed, &[Partner]),
    edge(SwapAction::Refuse, SwapState::Proposed, SwapState::Refused, &[Partner]),
    edge(SwapAction::Withdraw, SwapState::Proposed, SwapState::Withdrawn, &[Volunteer]),
    edge(SwapAction::Expire, SwapState::Proposed, SwapState::Expired, &[System]),
];

/// Everything that may happen to a swap.
pub const SWAP_MACHINE: Machine<SwapState, SwapAction, Party> =
    Machine { name: "volunteer_swap", initial: &[SwapState::Proposed], edges: SWAP_EDGES };

/// Everything that may happen to a guardian's word.
pub const CONSENT_MACHINE: Machine<ConsentState, ConsentAction, Party> = Machine {
    name: "volunteer_consent",
    initial: &[ConsentState::Given],
    edges: &[edge(ConsentAction::Withdraw, ConsentState::Given, ConsentState::Withdrawn, &[Guardian, System])],
};

/// Everything that may happen to a certificate.
pub const CERTIFICATE_MACHINE: Machine<CertificateState, CertificateAction, Party> = Machine {
    name: "volunteer_certificate",
    initial: &[CertificateState::Issued],
    edges: &[edge(CertificateAction::Revoke, CertificateState::Issued, CertificateState::Revoked, &[Leader])],
};
