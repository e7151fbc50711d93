//! The domain's refusals about applications in the words of the API.

use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::SchoolId;
use jiazai_domain::enrolment::application::{Application, Refusal};
use jiazai_domain::enrolment::rules::document_label;
use jiazai_domain::kernel::time::Timestamp;

use crate::error::{ApiError, Code, code};
use crate::faults::faulty;

/// What every action on an application may be refused with.
pub const CONFLICT: &[&Code] = &[code::STATE_CONFLICT, code::STALE, code::ROUND_NOT_OPEN, code::TOO_LATE];

/// What an application was when something was asked of it.
pub struct Standing {
    state: &'static str,
    allowed: Vec<&'static str>,
}

impl Standing {
    pub fn of(application: &Application, who: &Actor, now: Timestamp) -> Self {
        let allowed = application.allowed_actions(who, now).into_iter().map(|action| action.as_str()).collect();
        Self { state: application.state_for(who).as_str(), allowed }
    }

    /// The refusal as an answer.
    pub fn refuse(self, refusal: Refusal) -> ApiError {
        let Self { state, allowed } = self;
        let error = unplaced(refusal);
        if error.code().status == 409 { error.in_state(state, allowed) } else { error }
    }
}

/// A refusal about something that has no state yet.
pub fn unplaced(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
        Refusal::WrongState { .. } => ApiError::new(code::STATE_CONFLICT),
        Refusal::RoundNotOpen => ApiError::new(code::ROUND_NOT_OPEN),
        Refusal::TooLate => ApiError::new(code::TOO_LATE),
        Refusal::ConsentRequired => ApiError::new(code::CONSENT_REQUIRED).at("/consent"),
        Refusal::DocumentsMissing { kinds } => {
            let labels: Vec<&str> = kinds.iter().map(|kind| document_label(kind)).collect();
            ApiError::new(code::DOCUMENTS_MISSING)
                .because(format!("缺少材料：{}", labels.join("、")), format!("Papers are missing: {}", kinds.join(", ")))
                .at("/documents")
        }
        Refusal::SameReviewer => ApiError::new(code::SAME_REVIEWER),
        Refusal::RelatedReviewer => ApiError::new(code::RELATED_REVIEWER),
        Refusal::Undecided { missing } => {
            let labels: Vec<&str> = missing.iter().map(|fact| fact.def().label).collect();
            let names: Vec<&str> = missing.iter().map(|fact| fact.name()).collect();
            ApiError::new(code::UNDECIDED).because(
                format!("按规则还不能确定类别，缺少：{}", labels.join("、")),
                format!("The rules cannot decide without: {}", names.join(", ")),
            )
        }
        Refusal::Unmeasured { schools } => {
            let names: Vec<String> = schools.iter().map(SchoolId::text).collect();
            ApiError::new(code::UNDECIDED).at("/distances").because(
                format!("按规则须比较距离，尚未填写到以下学校的距离：{}", names.join("、")),
                format!("The rules compare distances; the way to these schools is not known: {}", names.join(", ")),
            )
        }
        Refusal::NoTier => ApiError::new(code::NO_TIER),
        Refusal::DifferenceUnexplained => ApiError::new(code::DIFFERENCE_UNEXPLAINED).at("/reason"),
        Refusal::SchoolNotInRound => {
            ApiError::fault("/school_id", "school_not_in_round", "该学校不在本批次的学位计划内", "has no place in the round's plan")
        }
        Refusal::SeatLocked { free_from } => ApiError::new(code::SEAT_LOCKED).because(
            format!("该房屋的学位已被其他家庭使用，{free_from} 学年起可用"),
            format!("The home's seat is another family's until the school year {free_from}"),
        ),
        Refusal::HomeLeft => ApiError::new(code::HOME_LEFT),
        Refusal::SchoolFull => ApiError::new(code::SCHOOL_FULL),
        Refusal::TooManyApplications => ApiError::new(code::TOO_MANY_APPLICATIONS),
        Refusal::TooManyDrafts => ApiError::new(code::TOO_MANY_DRAFTS),
        Refusal::NotTwins => ApiError::fault(
            "/twin_of",
            "not_twins",
            "双胞胎须为同一申请人、同一批次、同日出生的不同儿童",
            "must be your own application of this round for another child of the same birth",
        ),
        Refusal::Faults(faults) => faulty("", faults),
    }
}
