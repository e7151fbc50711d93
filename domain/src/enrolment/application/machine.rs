//! The machine of an application.

use crate::kernel::time::Timestamp;
use crate::kernel::workflow::{Edge, Machine, edge};

crate::words! {
    /// Where an application stands.
    State {
        /// 草稿
        Draft = "draft",
        /// 已提交
        Submitted = "submitted",
        /// 审核中
        InReview = "in_review",
        /// 退回补正
        Returned = "returned",
        /// 初审通过
        Verified = "verified",
        /// 复核通过
        ConfirmedTier = "confirmed_tier",
        /// 公示中
        Listed = "listed",
        /// 待确认: a seat is offered.
        Offered = "offered",
        /// 轮候
        Waiting = "waiting",
        /// 待统筹
        ToCoordinate = "to_coordinate",
        /// 已确认
        Accepted = "accepted",
        /// 已报到
        Enrolled = "enrolled",
        /// 不符合条件
        Ineligible = "ineligible",
        /// 异议处理中
        Objection = "objection",
        /// 已放弃: the seat was declined, or nobody answered in time.
        Released = "released",
        /// 已撤回
        Withdrawn = "withdrawn",
        /// 已撤销
        Revoked = "revoked",
    }

    Action {
        Submit = "submit",
        Withdraw = "withdraw",
        Accept = "accept",
        Decline = "decline",
        Object = "object",
        Claim = "claim",
        Return = "return",
        Verify = "verify",
        Recheck = "recheck",
        Reject = "reject",
        Revoke = "revoke",
        Coordinate = "coordinate",
        CheckIn = "check-in",
        /// With the round's step `list`.
        List = "list",
        /// With the round's step `allocate`.
        Place = "place",
        /// When a seat was released.
        Promote = "promote",
    }

    /// What somebody is to an application.
    Party {
        Applicant = "applicant",
        /// Any reviewer of the community who is not related.
        Reviewer = "enrolment_reviewer",
        /// The reviewer who has claimed it.
        ClaimedReviewer = "claimed_reviewer",
        EnrolmentAdmin = "enrolment_admin",
        /// The rules themselves: the round's steps, the passing of time.
        System = "system",
    }

    /// Why an application goes back to the family.
    ReturnCode {
        DocumentMissing = "document_missing",
        DocumentUnreadable = "document_unreadable",
        DocumentExpired = "document_expired",
        DocumentWrong = "document_wrong",
        IdentityMismatch = "identity_mismatch",
        AddressMismatch = "address_mismatch",
        FactsMismatch = "facts_mismatch",
        ChoicesWrong = "choices_wrong",
        Other = "other",
    }
}

impl ReturnCode {
    /// As the family reads it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DocumentMissing => "材料缺失",
            Self::DocumentUnreadable => "材料不清晰",
            Self::DocumentExpired => "材料已过期",
            Self::DocumentWrong => "材料种类不符",
            Self::IdentityMismatch => "身份信息不一致",
            Self::AddressMismatch => "地址信息不一致",
            Self::FactsMismatch => "填报信息与材料不一致",
            Self::ChoicesWrong => "志愿填写有误",
            Self::Other => "其他",
        }
    }
}

impl State {
    /// Where an application may be while an objection is dealt with: it goes the whole way once more.
    pub const IN_OBJECTION: &'static [Self] = &[Self::Objection, Self::InReview, Self::Verified, Self::Returned, Self::Submitted];
}

/// Whether an objection is not dealt with yet: from the moment it is made until somebody has decided again. One that went back
/// to the family and was not mended in time (`correct_until`) holds nobody up: nothing more will come.
pub fn is_objection_pending(state: State, objected_at: Option<Timestamp>, correct_until: Option<Timestamp>, now: Timestamp) -> bool {
    let given_up = state == State::Returned && correct_until.is_none_or(|until| now >= until);
    objected_at.is_some() && State::IN_OBJECTION.contains(&state) && !given_up
}

impl Action {
    /// The kind of event that this action leaves.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Submit => "enrolment_application.submitted",
            Self::Withdraw => "enrolment_application.withdrawn",
            Self::Accept => "enrolment_application.accepted",
            Self::Decline => "enrolment_application.declined",
            Self::Object => "enrolment_application.objected",
            Self::Claim => "enrolment_application.claimed",
            Self::Return => "enrolment_application.returned",
            Self::Verify => "enrolment_application.verified",
            Self::Recheck => "enrolment_application.rechecked",
            Self::Reject => "enrolment_application.rejected",
            Self::Revoke => "enrolment_application.revoked",
            Self::Coordinate => "enrolment_application.coordinated",
            Self::CheckIn => "enrolment_application.checked_in",
            Self::List => "enrolment_application.listed",
            Self::Place => "enrolment_application.placed",
            Self::Promote => "enrolment_application.promoted",
        }
    }
}

use Action as A;
use Party::{Applicant, ClaimedReviewer, EnrolmentAdmin, Reviewer, System};
use State as S;

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(A::Submit, S::Draft, S::Submitted, &[Applicant]),
    edge(A::Submit, S::Returned, S::Submitted, &[Applicant]),
    edge(A::Claim, S::Submitted, S::InReview, &[Reviewer]),
    edge(A::Claim, S::Objection, S::InReview, &[Reviewer]),
    edge(A::Return, S::InReview, S::Returned, &[ClaimedReviewer, EnrolmentAdmin]),
    edge(A::Return, S::Verified, S::Returned, &[Reviewer]),
    edge(A::Verify, S::InReview, S::Verified, &[ClaimedReviewer, EnrolmentAdmin]),
    edge(A::Recheck, S::Verified, S::ConfirmedTier, &[Reviewer]),
    edge(A::Reject, S::InReview, S::Ineligible, &[ClaimedReviewer, EnrolmentAdmin]),
    edge(A::Reject, S::Verified, S::Ineligible, &[Reviewer]),
    edge(A::Object, S::Ineligible, S::Objection, &[Applicant]),
    // Whoever is on the published list may say that it is the wrong batch.
    edge(A::Object, S::Listed, S::Objection, &[Applicant]),
    edge(A::List, S::ConfirmedTier, S::Listed, &[System]),
    edge(A::Place, S::Listed, S::Offered, &[System]),
    edge(A::Place, S::Listed, S::Waiting, &[System]),
    edge(A::Place, S::Listed, S::ToCoordinate, &[System]),
    edge(A::Promote, S::Waiting, S::Offered, &[System]),
    edge(A::Promote, S::ToCoordinate, S::Offered, &[System]),
    edge(A::Coordinate, S::ToCoordinate, S::Offered, &[EnrolmentAdmin]),
    edge(A::Coordinate, S::Waiting, S::Offered, &[EnrolmentAdmin]),
    // Nobody who must go to school is left without one because an offer was refused or forgotten.
    edge(A::Coordinate, S::Released, S::Offered, &[EnrolmentAdmin]),
    edge(A::Accept, S::Offered, S::Accepted, &[Applicant]),
    edge(A::Decline, S::Offered, S::Released, &[Applicant, System]),
    edge(A::CheckIn, S::Accepted, S::Enrolled, &[Reviewer, EnrolmentAdmin]),
    edge(A::Withdraw, S::Draft, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Submitted, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::InReview, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Returned, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Verified, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::ConfirmedTier, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Listed, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Offered, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Waiting, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::ToCoordinate, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Ineligible, S::Withdrawn, &[Applicant]),
    edge(A::Withdraw, S::Objection, S::Withdrawn, &[Applicant]),
    edge(A::Revoke, S::Submitted, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::InReview, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Returned, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Verified, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::ConfirmedTier, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Listed, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Offered, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Waiting, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::ToCoordinate, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Accepted, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Enrolled, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Ineligible, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Objection, S::Revoked, &[EnrolmentAdmin]),
    edge(A::Revoke, S::Released, S::Revoked, &[EnrolmentAdmin]),
];

/// Everything that may ever happen to an application.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "enrolment_application", initial: &[State::Draft], edges: EDGES };
