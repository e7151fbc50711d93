//! What families and reviewers send.

use deserr::Deserr;
use jiazai_domain::enrolment::SchoolId;
use jiazai_domain::enrolment::application as domain;
use jiazai_domain::enrolment::round::Facts as Round;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::dto::FactsDto;
use crate::error::{ApiError, Fault};
use crate::input::named::{
    AnyText200, AnyText1000, ApplicationRef, FileRef, HomeRef, PrincipalRef, RoundRef, SchoolRef, Text20, Text32, Text40, Text50, Text1000,
    WayMetres,
};
use crate::input::{Day, Faults, Few, Instant};
use crate::registry::{DocumentKind, SexWord};

crate::spoken! {
    /// What a guardian is to the child.
    GuardianWord = domain::Relation { Father = "father", Mother = "mother", Grandparent = "grandparent", Guardian = "guardian" }
}

crate::spoken! {
    /// Why an application goes back: document_missing 材料缺失, document_unreadable 材料不清晰, document_expired 材料已过期,
    /// document_wrong 材料种类不符, identity_mismatch 身份信息不一致, address_mismatch 地址信息不一致, facts_mismatch 填报信息与材料不一致,
    /// choices_wrong 志愿填写有误, other 其他.
    ReturnWord = domain::ReturnCode {
        DocumentMissing = "document_missing", DocumentUnreadable = "document_unreadable", DocumentExpired = "document_expired",
        DocumentWrong = "document_wrong", IdentityMismatch = "identity_mismatch", AddressMismatch = "address_mismatch",
        FactsMismatch = "facts_mismatch", ChoicesWrong = "choices_wrong", Other = "other",
    }
}

/// At most twenty, the best first.
pub type Choices = Few<SchoolRef, 0, 20>;
/// One to four.
pub type Guardians = Few<GuardianBody, 0, 8>;
/// At most sixty.
pub type Papers = Few<PaperBody, 0, 60>;
/// At most forty.
pub type Measured = Few<DistanceBody, 0, 40>;
/// At most nine.
pub type ReturnWords = Few<ReturnWord, 0, 9>;

/// The child.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ChildBody {
    #[schema(inline)]
    pub name: Text50,
    /// A resident identity card when left out.
    #[deserr(default)]
    pub id_type: Option<DocumentKind>,
    /// When it is corrected, the masked number that was served means "as before".
    #[schema(inline)]
    pub id_number: Text40,
    /// May be left out where the number tells it.
    #[deserr(default)]
    pub sex: Option<SexWord>,
    #[schema(inline)]
    #[deserr(default)]
    pub born_on: Option<Day>,
}

/// A guardian.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct GuardianBody {
    #[schema(inline)]
    pub name: Text50,
    /// `guardian` when left out.
    #[deserr(default)]
    pub relation: Option<GuardianWord>,
    /// A resident identity card when left out.
    #[deserr(default)]
    pub id_type: Option<DocumentKind>,
    /// When it is corrected, the masked number that was served means "as before".
    #[schema(inline)]
    pub id_number: Text40,
    /// Likewise: the mask that was served means "as before".
    #[schema(inline)]
    #[deserr(default)]
    pub phone: Option<Text20>,
}

/// A paper: its kind by the round's rules, and the file.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PaperBody {
    #[schema(inline)]
    pub kind: Text32,
    /// A file of the applicant.
    #[schema(inline)]
    pub file_id: FileRef,
}

/// A guardian's consent, separate and before anything is stored: a child under fourteen cannot give it.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ConsentBody {
    /// Which text was shown.
    #[schema(inline)]
    pub version: Text40,
    /// "I am a guardian of this child and agree."
    pub guardian: bool,
}

/// An application, as a family writes it.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewApplication {
    #[schema(inline)]
    pub round_id: RoundRef,
    pub child: ChildBody,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub guardians: Guardians,
    /// One of the applicant's homes; without one an address is asked for.
    #[schema(inline)]
    #[deserr(default)]
    pub home_id: Option<HomeRef>,
    #[schema(inline)]
    #[deserr(default)]
    pub address: Option<AnyText200>,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: FactsDto,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub choices: Choices,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub documents: Papers,
    /// Asked for; without it nothing is stored.
    #[deserr(default)]
    pub consent: Option<ConsentBody>,
    /// 双胞胎: one's own application for a twin of this child, who is to go to the same school.
    #[schema(inline)]
    #[deserr(default)]
    pub twin_of: Option<ApplicationRef>,
}

/// An application written anew. What is left out is not kept.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutApplication {
    /// An application stays in its round.
    #[schema(inline)]
    #[deserr(default)]
    pub round_id: Option<RoundRef>,
    pub child: ChildBody,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub guardians: Guardians,
    #[schema(inline)]
    #[deserr(default)]
    pub home_id: Option<HomeRef>,
    #[schema(inline)]
    #[deserr(default)]
    pub address: Option<AnyText200>,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: FactsDto,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub choices: Choices,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub documents: Papers,
    /// Need not be given twice; left out, it stays as it was given.
    #[deserr(default)]
    pub consent: Option<ConsentBody>,
}

/// Why.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Why {
    #[schema(inline)]
    pub reason: Text1000,
}

/// Why, if there is anything to say.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PerhapsWhy {
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText1000>,
}

/// What has to be mended.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Return {
    /// Left out: `other`.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub codes: ReturnWords,
    /// What the family reads beside the codes.
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText1000>,
}

/// What the papers say.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Verify {
    /// Facts that differ from what was declared, or were not declared.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: FactsDto,
    /// The home that is meant by the address that the family wrote: its seat is looked up, and taken when they accept.
    #[schema(inline)]
    #[deserr(default)]
    pub home_id: Option<HomeRef>,
    /// The way to schools as it was measured, in place of what was measured before; at most forty. Where the rules order by
    /// distance, the way to each school that the child asks for, or a reason why it is not known: it then stands last.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub distances: Measured,
    /// Asked for when a fact, the home or the tier is another one than the family said or was told.
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText1000>,
}

/// The way to a school.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = EnrolmentDistance)]
pub struct DistanceBody {
    #[schema(inline)]
    pub school_id: SchoolRef,
    /// In metres.
    #[schema(inline)]
    pub metres: WayMetres,
}

impl Verify {
    /// What was measured: to schools of the round, each once.
    pub fn measured(&self, round: &Round) -> Result<Vec<(SchoolId, i64)>, ApiError> {
        let mut found: Vec<(SchoolId, i64)> = Vec::new();
        let mut faults = Vec::new();
        for (i, way) in self.distances.0.iter().enumerate() {
            let at = || format!("/distances/{i}/school_id");
            if !round.plan().contains_key(&way.school_id.0) {
                faults.push(Fault::new(at(), "school_not_in_round", "该学校不在本批次的学位计划内", "has no place in the round's plan"));
            } else if found.iter().any(|(school, _)| *school == way.school_id.0) {
                faults.push(Fault::new(at(), "duplicate", "同一学校重复填写", "is given twice"));
            }
            found.push((way.school_id.0, way.metres.0));
        }
        if faults.is_empty() { Ok(found) } else { Err(ApiError::invalid(faults)) }
    }
}

/// A seat that was found by hand.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Coordinate {
    #[schema(inline)]
    pub school_id: SchoolRef,
    /// On the strength of the house: accepting uses up the home's seat. Left out: false.
    #[deserr(default)]
    #[schema(default = false, required = false)]
    pub by_house: bool,
    #[schema(inline)]
    pub reason: Text1000,
}

/// Leave to hand in late.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPermit {
    /// The resident who may.
    #[schema(inline)]
    pub applicant_id: PrincipalRef,
    #[schema(inline)]
    pub until: Instant,
    #[schema(inline)]
    pub reason: Text1000,
}
