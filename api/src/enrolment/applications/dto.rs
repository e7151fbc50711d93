//! What applications look like.

use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::application as domain;
use jiazai_domain::enrolment::application::View;
use jiazai_domain::enrolment::rules::{Finding, Verdict, document_label};
use jiazai_domain::kernel::mask;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::enrolment::application::{is_purged, masked};
use jiazai_infra::events::Recorded;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{DistanceBody, GuardianWord};
use crate::input::named::{ApplicationRef, CommunityRef, EventRef, FileRef, HomeRef, PrincipalRef, RoundRef, SchoolRef};
use crate::input::{Instant, Number, Ref};
use crate::registry::DocumentKind;

crate::spoken! {
    /// Where an application stands.
    ApplicationState = domain::State {
        Draft = "draft", Submitted = "submitted", InReview = "in_review", Returned = "returned", Verified = "verified",
        ConfirmedTier = "confirmed_tier", Listed = "listed", Offered = "offered", Waiting = "waiting",
        ToCoordinate = "to_coordinate", Accepted = "accepted", Enrolled = "enrolled", Ineligible = "ineligible",
        Objection = "objection", Released = "released", Withdrawn = "withdrawn", Revoked = "revoked",
    }
}

crate::spoken! {
    /// What may be done with an application. `list`, `place` and `promote` are done by the rules themselves.
    ApplicationAction = domain::Action {
        Submit = "submit", Withdraw = "withdraw", Accept = "accept", Decline = "decline", Object = "object", Claim = "claim",
        Return = "return", Verify = "verify", Recheck = "recheck", Reject = "reject", Revoke = "revoke",
        Coordinate = "coordinate", CheckIn = "check-in", List = "list", Place = "place", Promote = "promote",
    }
}

/// The child, as much as the caller may see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentChild)]
pub struct ChildDto {
    #[schema(example = "张小雨")]
    pub name: String,
    pub id_type: Option<DocumentKind>,
    pub id_number_masked: Option<String>,
    #[schema(example = "female")]
    pub sex: Option<&'static str>,
    /// The birth date, or its year for those who need no more.
    #[schema(example = "2020-03-04")]
    pub born_on: Option<String>,
}

/// A guardian.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentGuardian)]
pub struct GuardianDto {
    pub name: String,
    pub relation: GuardianWord,
    pub id_type: DocumentKind,
    pub id_number_masked: String,
    pub phone_masked: Option<String>,
}

/// A paper that was handed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentPaper)]
pub struct PaperDto {
    pub kind: String,
    #[schema(example = "户口簿")]
    pub label: String,
    #[schema(inline)]
    pub file_id: FileRef,
}

/// The consent with which it is stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentConsent)]
pub struct ConsentDto {
    pub version: String,
    #[schema(inline)]
    pub given_at: Instant,
}

/// A rule that was asked, and what it answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentRuleAnswer)]
pub struct RuleAnswer {
    /// The code of the tier.
    pub rule: String,
    pub name: String,
    pub batch: i64,
    /// `true`, `false` or `unknown`.
    #[schema(example = "true")]
    pub result: &'static str,
    /// The same in a sentence.
    pub text: String,
}

/// Why the child stands where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentReasons)]
pub struct Reasons {
    /// In plain Chinese, one sentence after the other: the rule that decided the tier, what reviewers wrote, what decided at
    /// each school, what became of a seat.
    pub sentences: Vec<String>,
    /// In the order in which the rules were asked; the last one decided. Empty when the papers are purged.
    pub rules: Vec<RuleAnswer>,
    /// The schools that were asked and what each answered, as the allocation wrote it; null before, and for the family before
    /// the results are announced.
    #[schema(value_type = Option<Object>)]
    pub allocation: Option<serde_json::Value>,
}

/// An application, as far as the caller may see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentApplication)]
pub struct ApplicationDto {
    #[schema(inline)]
    pub id: ApplicationRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub round_id: RoundRef,
    /// 回执号: the public name of the application.
    #[schema(example = "26-7KQ2M-0FXA9")]
    pub receipt: String,
    pub state: ApplicationState,
    /// What the caller may do now.
    pub allowed_actions: Vec<ApplicationAction>,
    /// Whether the caller may write in it now.
    pub editable: bool,
    pub child: ChildDto,
    /// Null for those who do not check papers, as all that follows down to `documents`.
    pub guardians: Option<Vec<GuardianDto>>,
    #[schema(inline)]
    pub home_id: Option<HomeRef>,
    pub address: Option<String>,
    /// What the family said.
    #[schema(value_type = Option<Object>)]
    pub facts: Option<serde_json::Value>,
    /// What reviewers put in its place.
    #[schema(value_type = Option<Object>)]
    pub corrected_facts: Option<serde_json::Value>,
    #[schema(inline)]
    pub choices: Option<Vec<SchoolRef>>,
    /// How far it is to schools, as reviewers measured it.
    pub distances: Option<Vec<DistanceBody>>,
    pub documents: Option<Vec<PaperDto>>,
    /// Kinds of papers that are asked for and were not handed in.
    pub missing_documents: Vec<String>,
    pub consent: ConsentDto,
    /// The receipt under which twins go together.
    pub household: Option<String>,
    /// Handed in after the window, by leave, until then.
    #[schema(inline)]
    pub late_until: Option<Instant>,
    /// The tier that was verified or, before, that which the rules gave at hand-in.
    pub tier: Option<String>,
    pub tier_name: Option<String>,
    pub batch: Option<i64>,
    pub points: Option<i64>,
    /// The tier at hand-in: where it differs from `tier`, the history says why.
    pub filed_tier: Option<String>,
    /// The school that is offered, once the caller may know.
    #[schema(inline)]
    pub school_id: Option<SchoolRef>,
    /// Until when the offer waits for an answer.
    #[schema(inline)]
    pub offer_expires_at: Option<Instant>,
    /// For staff.
    #[schema(inline)]
    pub reviewer_id: Option<PrincipalRef>,
    #[schema(inline)]
    pub verified_by: Option<PrincipalRef>,
    #[schema(inline)]
    pub rechecked_by: Option<PrincipalRef>,
    /// Until when what was returned may be handed in again.
    #[schema(inline)]
    pub correct_until: Option<Instant>,
    #[schema(inline)]
    pub objected_at: Option<Instant>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub submitted_at: Option<Instant>,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
    /// Its papers were purged after the round; only a mask of the name is left.
    pub purged: bool,
    /// Only on a single application.
    pub why: Option<Reasons>,
}

impl ApplicationDto {
    pub fn of(application: &domain::Application, actor: &Actor, view: View, why: Option<Reasons>, now: Timestamp) -> Self {
        let f = application.facts();
        let c = &f.content;
        let (papers, own) = (view >= View::Papers, view == View::Family);
        let purged = is_purged(c);
        let finding = application.finding();
        // What a family does not know yet is not told by another field either.
        let known = application.state_for(actor) == f.state;
        // Who was rejected has no tier, whatever the rules made of what was declared.
        let tier = f.tier.clone().or_else(|| f.filed_tier.clone()).filter(|_| f.state != domain::State::Ineligible);
        let child = ChildDto {
            name: if papers { c.child.name.clone() } else { masked(c) },
            id_type: (papers && !purged).then(|| c.child.document.kind().into()),
            id_number_masked: (papers && !purged).then(|| c.child.document.masked()),
            sex: (papers && !purged).then(|| c.child.sex.as_str()),
            born_on: (!purged).then(|| if papers { c.child.born_on.to_string() } else { c.child.born_on.format("%Y").to_string() }),
        };
        let guardian = |guardian: &domain::Guardian| GuardianDto {
            name: guardian.name.clone(),
            relation: guardian.relation.into(),
            id_type: guardian.document.kind().into(),
            id_number_masked: guardian.document.masked(),
            phone_masked: guardian.phone.as_ref().map(|phone| mask::phone(phone.expose())),
        };
        let paper = |paper: &domain::Attachment| PaperDto {
            kind: paper.kind.clone(),
            label: document_label(&paper.kind).to_owned(),
            file_id: Ref(paper.file),
        };
        let json = |facts| serde_json::to_value(facts).ok();
        let whole = papers && !purged;
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.round.community),
            round_id: Ref(f.round.id),
            receipt: f.receipt.clone(),
            state: application.state_for(actor).into(),
            allowed_actions: application.allowed_actions(actor, now).into_iter().map(ApplicationAction::from).collect(),
            editable: application.is_editable(actor, now),
            child,
            guardians: whole.then(|| c.guardians.iter().map(guardian).collect()),
            home_id: c.home.filter(|_| whole).map(Ref),
            address: c.address.clone().filter(|_| whole),
            facts: if whole { json(&c.declared) } else { None },
            corrected_facts: if whole { json(&f.corrected) } else { None },
            choices: whole.then(|| c.choices.iter().copied().map(Ref).collect()),
            distances: whole
                .then(|| f.distances.iter().map(|(school, m)| DistanceBody { school_id: Ref(*school), metres: Number(*m) }).collect()),
            documents: whole.then(|| c.documents.iter().map(paper).collect()),
            missing_documents: if whole { application.missing_documents(&finding) } else { vec![] },
            consent: ConsentDto { version: f.consent.version.clone(), given_at: f.consent.given_at.into() },
            household: f.household.clone(),
            late_until: f.late_until.map(Instant),
            tier_name: tier.as_deref().and_then(|code| f.round.rules.tier(code)).map(|tier| tier.name.clone()),
            batch: f.batch.or_else(|| tier.as_deref().and_then(|code| f.round.rules.tier(code)).map(|tier| tier.batch)),
            tier,
            points: f.points,
            filed_tier: f.filed_tier.clone(),
            school_id: application.school_for(actor).map(Ref),
            offer_expires_at: application.offer_expires_at().map(Instant),
            reviewer_id: f.reviewer.filter(|_| !own).map(Ref),
            verified_by: f.verified_by.filter(|_| !own).map(Ref),
            rechecked_by: f.rechecked_by.filter(|_| !own).map(Ref),
            correct_until: f.correct_until.map(Instant),
            objected_at: f.objected_at.map(Instant),
            created_at: f.created_at.into(),
            submitted_at: f.submitted_at.map(Instant),
            ended_at: f.ended_at.filter(|_| known).map(Instant),
            purged,
            why,
        }
    }
}

/// What the rules said, as answers.
pub fn answers(finding: &Finding) -> Vec<RuleAnswer> {
    let answer = |reason: &jiazai_domain::enrolment::rules::Reason| RuleAnswer {
        rule: reason.rule.clone(),
        name: reason.name.clone(),
        batch: reason.batch,
        result: reason.result.as_str(),
        text: reason.text.clone(),
    };
    finding.reasons.iter().map(answer).collect()
}

/// The rules' verdict in a sentence.
pub fn verdict(finding: &Finding) -> String {
    let why = finding.deciding().map(|reason| reason.text.clone()).unwrap_or_default();
    match &finding.verdict {
        Verdict::Eligible { .. } => why,
        Verdict::Ineligible => format!("不符合任何类别。{why}"),
        Verdict::Undecided { missing, .. } => {
            let missing: Vec<&str> = missing.iter().map(|fact| fact.def().label).collect();
            format!("还需填写：{}。{why}", missing.join("、"))
        }
    }
}

/// Something that happened to an application.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentApplicationEvent)]
pub struct ApplicationEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "enrolment_application.submitted")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Null when time or a rule did it; to the family staff are no names.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// What somebody wrote; null for auditors.
    pub note: Option<String>,
}

impl ApplicationEvent {
    pub fn of(mut event: Recorded, who: &Actor, view: View) -> Self {
        // Whoever withdraws before the announcement does not learn what they gave up.
        if view == View::Family
            && event.kind == "enrolment_application.withdrawn"
            && let Some(data) = event.data.as_object_mut()
        {
            data.remove("from");
        }
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.filter(|actor| view != View::Family || *actor == who.id).map(Ref),
            data: event.data,
            note: event.note.filter(|_| view >= View::Papers),
        }
    }
}

/// Leave to hand in late.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatePermit {
    #[schema(inline)]
    pub round_id: RoundRef,
    #[schema(inline)]
    pub applicant_id: PrincipalRef,
    #[schema(inline)]
    pub until: Instant,
    pub reason: String,
    #[schema(inline)]
    pub granted_by: PrincipalRef,
    #[schema(inline)]
    pub granted_at: Instant,
}

impl From<&domain::LatePermit> for LatePermit {
    fn from(permit: &domain::LatePermit) -> Self {
        let f = permit.facts();
        Self {
            round_id: Ref(f.round),
            applicant_id: Ref(f.applicant),
            until: f.until.into(),
            reason: f.reason.clone(),
            granted_by: Ref(f.granted_by),
            granted_at: f.granted_at.into(),
        }
    }
}
