//! The domain's refusals in the words of the API.

use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Activity, Ineligible, Refusal, Shift, SignUp, Swap};

use crate::error::{ApiError, Code, code};

/// What every action of this module may be refused with.
pub const CONFLICT: &[&Code] = &[code::STATE_CONFLICT, code::STALE];
/// What asking for a place, or taking one, may be refused with.
pub const SEAT: &[&Code] = &[
    code::STATE_CONFLICT,
    code::STALE,
    code::SHIFT_FULL,
    code::ALREADY_SIGNED_UP,
    code::TIME_CONFLICT,
    code::NOT_OPEN,
    code::HOUSEHOLD_LIMIT,
    code::HOUSEHOLD_UNKNOWN,
    code::NOT_ELIGIBLE,
    code::BLOCKED_AFTER_NO_SHOWS,
];

/// How a thing stood before a decision that may be refused.
pub struct Standing {
    state: &'static str,
    allowed: Vec<&'static str>,
    now: Timestamp,
}

impl Standing {
    pub fn of_activity(activity: &Activity, who: &Actor, now: Timestamp) -> Self {
        let allowed = activity.allowed_actions(who, now).into_iter().map(|action| action.as_str()).collect();
        Self { state: activity.facts().state.as_str(), allowed, now }
    }

    pub fn of_shift(shift: &Shift, who: &Actor, now: Timestamp) -> Self {
        let allowed = shift.allowed_actions(who, now).into_iter().map(|action| action.as_str()).collect();
        Self { state: shift.facts().state.as_str(), allowed, now }
    }

    pub fn of_sign_up(sign_up: &SignUp, who: &Actor, now: Timestamp) -> Self {
        let allowed = sign_up.allowed_actions(who, now).into_iter().map(|action| action.as_str()).collect();
        Self { state: sign_up.facts().state.as_str(), allowed, now }
    }

    pub fn of_swap(swap: &Swap, who: &Actor, now: Timestamp) -> Self {
        let allowed = swap.allowed_actions(who).into_iter().map(|action| action.as_str()).collect();
        Self { state: swap.facts().state.as_str(), allowed, now }
    }

    /// An answer about wrong values, with how the thing stands that they were meant for.
    pub fn beside(&self, error: ApiError) -> ApiError {
        error.in_state(self.state, self.allowed.clone())
    }

    /// The refusal as an answer.
    pub fn refuse(self, refusal: Refusal) -> ApiError {
        let Self { state, allowed, now } = self;
        let with = |code| ApiError::new(code).in_state(state, allowed.clone());
        let conflict = |zh: &str, en: &str| with(code::STATE_CONFLICT).because(zh, en);
        let field = |pointer: &str, zh: &str, en: &str| ApiError::fault(pointer, refusal.code(), zh, en).in_state(state, allowed.clone());
        match &refusal {
            Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
            Refusal::WrongState { .. } | Refusal::Unsettled => with(code::STATE_CONFLICT),
            Refusal::NotOpen { opens_at: Some(at) } => {
                let when = clock(*at);
                with(code::NOT_OPEN)
                    .because(format!("报名将于 {when} 开始"), format!("Signing up opens at {at}"))
                    .retry_after(at.wait_from(now).as_secs() + 1)
            }
            Refusal::NotOpen { opens_at: None } => with(code::NOT_OPEN).because("该班次已停止报名", "Signing up for this shift is over"),
            Refusal::ShiftFull => with(code::SHIFT_FULL),
            Refusal::AlreadySignedUp => with(code::ALREADY_SIGNED_UP),
            Refusal::TimeConflict => with(code::TIME_CONFLICT),
            Refusal::HouseholdLimit => with(code::HOUSEHOLD_LIMIT),
            Refusal::HouseholdUnknown => with(code::HOUSEHOLD_UNKNOWN),
            Refusal::NotEligible { reasons } => {
                let say = |pick: fn(&Ineligible) -> &'static str, between: &str| reasons.iter().map(pick).collect::<Vec<_>>().join(between);
                with(code::NOT_ELIGIBLE).because(say(chinese, "；"), say(english, "; "))
            }
            Refusal::ConsentRequired => {
                field("/consent", "未成年人报名须先取得监护人同意", "A minor needs the consent of a guardian first")
            }
            Refusal::Blocked { until } => with(code::BLOCKED_AFTER_NO_SHOWS)
                .because(
                    format!("因多次缺席，{} 前不能报名", clock(*until)),
                    format!("You have missed too many shifts; sign up again from {until}"),
                )
                .retry_after(until.wait_from(now).as_secs() + 1),
            Refusal::UnknownPost => field("/post", "没有这个岗位，或需要指明岗位", "is not a post of this shift, or has to be named"),
            Refusal::TooLateToCancel { .. } => with(code::TOO_LATE_TO_CANCEL),
            Refusal::OfferExpired { .. } => with(code::OFFER_EXPIRED),
            Refusal::TooEarly { from } => conflict(&format!("{} 之后才能操作", clock(*from)), &format!("Not before {from}"))
                .retry_after(from.wait_from(now).as_secs() + 1),
            Refusal::TooLate { since } => conflict(&format!("{} 起不能再操作", clock(*since)), &format!("Not since {since}")),
            Refusal::CodeStale => {
                field("/code", "签到码已过期，请扫描最新的签到码", "has been replaced by another one; use the present code")
            }
            Refusal::CodeUnknown => field("/code", "签到码不正确", "is not a code of this shift"),
            Refusal::MinutesRequired => field(
                "/minutes",
                "没有完整的签到签退记录，请填写时长和原因",
                "must be given, because there is no pair of check-in and check-out",
            ),
            Refusal::ShiftsAhead => conflict("还有未结束的班次", "A shift is still to come or running"),
            Refusal::Promised => conflict(
                "已发布的活动不能修改积分、时长上限和报名条件",
                "What an hour is worth and who may come cannot change once it is published",
            ),
            Refusal::TooSmall => with(code::CAPACITY_IN_USE),
            Refusal::NothingToCertify => ApiError::new(code::NOTHING_TO_CERTIFY),
            Refusal::AlreadyRevoked => with(code::ALREADY_REVOKED),
            Refusal::CannotSwap => with(code::CANNOT_SWAP),
            Refusal::TooManyProposals => with(code::TOO_MANY_PROPOSALS),
            Refusal::TooManyCertificates { again_at } => {
                ApiError::new(code::TOO_MANY_CERTIFICATES).retry_after(again_at.wait_from(now).as_secs() + 1)
            }
            Refusal::NotTheirGuardian => {
                field("/resident_id", "不是与您同住的未成年人", "is not somebody of your household for whom you could answer")
            }
            Refusal::NotAMinor => field("/resident_id", "对方已成年或未登记出生日期", "is not known to be a minor"),
            Refusal::LocationRequired => {
                field("/location", "请在活动地点签到并允许获取位置", "is required, because check-in happens at a place")
            }
            Refusal::TooFar => field("/location", "您不在活动地点附近", "is too far from where the activity is"),
        }
    }
}

/// The wall clock in Asia/Shanghai, for people.
fn clock(at: Timestamp) -> String {
    at.local().format("%-m月%-d日 %H:%M").to_string()
}

fn chinese(reason: &Ineligible) -> &'static str {
    match reason {
        Ineligible::TooYoung => "未达到最小年龄",
        Ineligible::TooOld => "超过最大年龄",
        Ineligible::AgeUnknown => "尚未登记出生日期",
        Ineligible::OtherEstate => "不是指定小区的居民",
        Ineligible::TagMissing => "不属于指定人群",
    }
}

fn english(reason: &Ineligible) -> &'static str {
    match reason {
        Ineligible::TooYoung => "You are too young",
        Ineligible::TooOld => "You are too old",
        Ineligible::AgeUnknown => "Your date of birth is not registered",
        Ineligible::OtherEstate => "You do not live in one of the estates",
        Ineligible::TagMissing => "You are not of the people it is meant for",
    }
}
