//! The domain's faults and refusals in the words of the API: which field, which code, what a person reads.

use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::fault;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::{Refusal, Ticket};

use crate::error::{ApiError, Fault, code};

/// What is wrong with a value, in both languages, by the domain's word for the rule.
fn say(rule: &str) -> (&'static str, &'static str) {
    match rule {
        "blank" | "empty" => ("不能为空", "must not be blank"),
        "scope_missing" => ("您无权获知这类事件", "is of a kind that you may not hear of"),
        "too_long" => ("过长", "is too long"),
        "too_many" => ("数量过多", "has too many items"),
        "control_character" => ("含有不可见的控制字符", "contains control characters"),
        "line_break" => ("不能换行", "must be one line"),
        "out_of_range" => ("超出允许范围", "is out of range"),
        "not_the_sum" => ("应等于各项之和", "must be the sum of the items"),
        "not_in_the_future" => ("应晚于当前时间", "must be in the future"),
        "not_after_from" => ("应晚于开始时间", "must be after the beginning"),
        "too_far_ahead" => ("只能预约 30 天以内", "must be within 30 days"),
        "unknown_calendar" => ("没有这个工作日历", "is not a known calendar"),
        "not_after_starts_at" => ("应晚于开始时间", "must be after the start"),
        "not_before_ends_at" => ("应早于结束时间", "must be before the end"),
        "less_than_min_age" => ("不能小于最小年龄", "must not be less than the lowest age"),
        "given_twice" => ("重复出现", "is given twice"),
        "required_with_minutes" => ("调整时长须说明原因", "must say why the minutes differ"),
        "before_from" => ("不能早于开始日期", "must not be before the first day"),
        "missing" => ("至少选择一天", "must name at least one day"),
        "no_occurrence" => ("期间内没有任何班次", "fall on no day of the period"),
        "code_format" => ("只能含小写字母、数字和下划线，最多 32 个", "must be 1 to 32 lower-case letters, digits or underscores"),
        _ => crate::registry::say(rule).or_else(|| crate::enrolment::say(rule)).unwrap_or(("无效", "is not valid")),
    }
}

/// The domain's faults, below `prefix` in the body.
pub fn faulty(prefix: &str, faults: Vec<fault::Fault>) -> ApiError {
    ApiError::invalid(told(prefix, faults).collect())
}

/// The same, for those who have found more faults themselves.
pub fn told(prefix: &str, faults: Vec<fault::Fault>) -> impl Iterator<Item = Fault> {
    faults.into_iter().map(move |fault| {
        let (zh, en) = say(fault.code);
        Fault::new(format!("{prefix}{}", fault.pointer), fault.code, zh, en)
    })
}

/// Notes faulty fields and goes on, to find the others as well; any other refusal ends it here.
pub fn note<T>(found: &mut Vec<Fault>, result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            found.extend(error.into_faults()?);
            Ok(None)
        }
    }
}

/// A decision, with what was found beside it: everything that is wrong in one answer.
pub fn together<T, R>(decided: Result<T, R>, found: Vec<Fault>, refuse: impl FnOnce(R) -> ApiError) -> Result<T, ApiError> {
    match decided {
        Err(refusal) => Err(refuse(refusal).beside(found)),
        Ok(_) if !found.is_empty() => Err(ApiError::invalid(found)),
        Ok(value) => Ok(value),
    }
}

/// A text that breaks its rule.
pub fn text_fault(pointer: &str, rule: &'static str) -> ApiError {
    let (zh, en) = say(rule);
    ApiError::fault(pointer, rule, zh, en)
}

/// How a ticket stood before a decision that may be refused.
pub struct Standing {
    state: &'static str,
    allowed: Vec<&'static str>,
    now: Timestamp,
}

impl Standing {
    pub fn of(ticket: &Ticket, actor: &Actor, now: Timestamp) -> Self {
        let allowed = ticket.allowed_actions(actor, now).into_iter().map(|action| action.as_str()).collect();
        Self { state: ticket.facts().state.as_str(), allowed, now }
    }

    /// The refusal as an answer.
    pub fn refuse(self, refusal: Refusal) -> ApiError {
        let Self { state, allowed, now } = self;
        let conflict = |zh: &str, en: &str| ApiError::new(code::STATE_CONFLICT).because(zh, en).in_state(state, allowed.clone());
        let field = |pointer: &str, zh: &str, en: &str| ApiError::fault(pointer, refusal.code(), zh, en);
        match refusal {
            Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
            Refusal::WrongState { .. } => ApiError::new(code::STATE_CONFLICT).in_state(state, allowed),
            Refusal::NotGrabbable => conflict("该类别由派单员派单，不能抢单", "This category's work is given out by a dispatcher"),
            Refusal::UrgedRecently { retry_at } => {
                ApiError::new(code::URGED_RECENTLY).in_state(state, allowed).retry_after(retry_at.wait_from(now).as_secs() + 1)
            }
            Refusal::AlreadyRated => conflict("您已评价过", "It was rated already"),
            Refusal::ReopenedAlready => conflict("每张工单只能重开一次", "A ticket can be reopened once"),
            Refusal::TooLate => conflict("已超过 7 天，请重新报修", "More than seven days have passed; report it anew"),
            Refusal::PhotosMissing => field("/photos", "该类别完工时需要上传照片", "must have a photo of what was done"),
            Refusal::TooManyPhotos => field("/photos", "最多 9 张照片", "must have at most 9 photos"),
            Refusal::NotAWorker => field("/worker_id", "不是本社区的维修人员", "is no repair worker of this community"),
            Refusal::SameWorker => field("/worker_id", "工单已在该维修人员手中", "has this ticket already"),
            Refusal::SameTicket => field("/into", "不能合并到自身", "is this ticket itself"),
            Refusal::OtherCommunity => field("/into", "属于另一个社区", "belongs to another community"),
            Refusal::TargetNotOpen => field("/into", "目标工单已结束", "is not open"),
            Refusal::HasDuplicates => conflict("已有其他工单合并到本单", "Other tickets were merged into this one"),
            Refusal::CategoryNotOffered => field("/category", "没有这个报修类别", "is not offered"),
            Refusal::NotYourHome => field("/home_id", "您未绑定该房屋", "is not a home that you are bound to"),
        }
    }
}
