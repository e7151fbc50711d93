//! Sign-ups, swaps, hours and certificates.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::volunteer as domain;
use jiazai_infra::events::Recorded;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{
    ActivityRef, AnyText500, CommunityRef, DelegationRef, EventRef, GuardianConsentRef, Minutes, PrincipalRef, ShiftRef, SignUpRef,
    SwapRef, Text20, Text32, Text500,
};
use crate::input::{Day, Faults, Instant, Ref};

crate::spoken! {
    /// Where a sign-up stands.
    SignUpState = domain::State {
        Confirmed = "confirmed", Waitlisted = "waitlisted", Offered = "offered", Present = "present", Done = "done",
        Credited = "credited", Cancelled = "cancelled", Absent = "absent", Expired = "expired",
    }
}

crate::spoken! {
    /// What may be done with a sign-up.
    SignUpAction = domain::Action {
        Offer = "offer", AcceptOffer = "accept-offer", Expire = "expire", Cancel = "cancel", CallOff = "call-off", CheckIn = "check-in",
        CheckOut = "check-out", MarkAbsent = "mark-absent", Settle = "settle", Swap = "swap",
    }
}

crate::spoken! {
    /// Where a swap stands.
    SwapState = domain::SwapState {
        Proposed = "proposed", Agreed = "agreed", Refused = "refused", Withdrawn = "withdrawn", Expired = "expired",
    }
}

crate::spoken! {
    /// What may be done with a swap.
    SwapAction = domain::SwapAction { Agree = "agree", Refuse = "refuse", Withdraw = "withdraw", Expire = "expire" }
}

crate::spoken! {
    /// Whether a guardian's word holds.
    ConsentState = domain::ConsentState { Given = "given", Withdrawn = "withdrawn" }
}

crate::spoken! {
    /// What may be done with a guardian's word.
    ConsentAction = domain::ConsentAction { Withdraw = "withdraw" }
}

crate::spoken! {
    /// Whether a certificate is good.
    CertificateState = domain::CertificateState { Issued = "issued", Revoked = "revoked" }
}

crate::spoken! {
    /// What may be done with a certificate.
    CertificateAction = domain::CertificateAction { Revoke = "revoke" }
}

/// Somebody asks for a place.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewSignUp {
    /// The post, where the shift has several.
    #[schema(inline)]
    #[deserr(default)]
    pub post: Option<Text20>,
    /// By which delegation, in the name of whom it is for.
    #[schema(inline)]
    #[deserr(default)]
    pub delegation_id: Option<DelegationRef>,
}

/// Where somebody is, as `wx.getLocation` tells it (GCJ-02).
#[derive(Debug, Clone, Copy, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Location {
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
}

/// The code that the leader shows, and where the volunteer is.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct CheckIn {
    #[schema(inline)]
    pub code: Text32,
    /// Required where the activity has a `spot`.
    #[deserr(default)]
    pub location: Option<Location>,
}

/// The code that the leader shows by then, and where the volunteer is.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ShownCode {
    #[schema(inline)]
    pub code: Text32,
    /// Required where the activity has a `spot`.
    #[deserr(default)]
    pub location: Option<Location>,
}

/// What a leader has found, where it differs from what the code says.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Settle {
    #[schema(inline)]
    #[deserr(default)]
    pub minutes: Option<Minutes>,
    /// Required with `minutes`.
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// Why, if there is anything to say.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Why {
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// Why.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct WhyRevoked {
    #[schema(inline)]
    pub reason: Text500,
}

/// A sign-up 报名.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerSignUp)]
pub struct SignUpDto {
    #[schema(inline)]
    pub id: SignUpRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub activity_id: ActivityRef,
    pub activity_title: String,
    #[schema(inline)]
    pub shift_id: ShiftRef,
    /// The post's name; null where the shift has only one.
    pub post: Option<String>,
    #[schema(inline)]
    pub starts_at: Instant,
    #[schema(inline)]
    pub ends_at: Instant,
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    /// For those who lead; null for the volunteer.
    pub resident_name: Option<String>,
    pub state: SignUpState,
    /// What the caller may do now.
    pub allowed_actions: Vec<SignUpAction>,
    /// Whose turn it is, counted from 1; only for those who wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub position: Option<i64>,
    /// An offer is good before this instant.
    #[schema(inline)]
    pub offered_until: Option<Instant>,
    #[schema(inline)]
    pub checked_in_at: Option<Instant>,
    /// They came after the start.
    pub late: bool,
    #[schema(inline)]
    pub checked_out_at: Option<Instant>,
    pub minutes: Option<i64>,
    pub points: Option<i64>,
    #[schema(inline)]
    pub signed_up_at: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

/// What a sign-up is shown with.
pub struct Shown<'a> {
    pub title: &'a str,
    pub post: Option<&'a str>,
    pub name: Option<&'a str>,
    pub position: Option<i64>,
    /// What the caller may do now.
    pub allowed: Vec<domain::Action>,
}

impl SignUpDto {
    pub fn of(sign_up: &domain::SignUp, with: &Shown, who: &Actor) -> Self {
        let f = sign_up.facts();
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.community),
            activity_id: Ref(f.occasion.activity),
            activity_title: with.title.to_owned(),
            shift_id: Ref(f.shift),
            post: with.post.map(str::to_owned),
            starts_at: f.occasion.starts_at.into(),
            ends_at: f.occasion.ends_at.into(),
            resident_id: Ref(f.resident),
            resident_name: with.name.filter(|_| f.resident != who.id).map(str::to_owned),
            state: f.state.into(),
            allowed_actions: with.allowed.iter().copied().map(SignUpAction::from).collect(),
            position: with.position,
            offered_until: f.offered_until.map(Instant),
            checked_in_at: f.checked_in_at.map(Instant),
            late: sign_up.is_late(),
            checked_out_at: f.checked_out_at.map(Instant),
            minutes: f.minutes,
            points: f.points,
            signed_up_at: f.signed_up_at.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// Something that happened to a sign-up or a shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct VolunteerEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "volunteer_sign_up.confirmed")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Null when time or a rule did it.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// What somebody wrote.
    pub note: Option<String>,
}

impl From<Recorded> for VolunteerEvent {
    fn from(event: Recorded) -> Self {
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.map(Ref),
            data: event.data,
            note: event.note,
        }
    }
}

/// A guardian's word.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewGuardianConsent {
    /// The account of the minor.
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    /// Which text was agreed to.
    #[schema(inline)]
    pub text_version: Text32,
}

/// A guardian's word 监护人同意 that a minor may take part in an activity.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GuardianConsent)]
pub struct GuardianConsentDto {
    #[schema(inline)]
    pub id: GuardianConsentRef,
    pub version: i64,
    pub state: ConsentState,
    /// What the caller may do now.
    pub allowed_actions: Vec<ConsentAction>,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub activity_id: ActivityRef,
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    #[schema(inline)]
    pub guardian_id: PrincipalRef,
    #[schema(example = "2026-01")]
    pub text_version: String,
    #[schema(inline)]
    pub agreed_at: Instant,
    #[schema(inline)]
    pub withdrawn_at: Option<Instant>,
}

impl GuardianConsentDto {
    pub fn of(consent: &domain::GuardianConsent, who: &Actor) -> Self {
        Self {
            id: Ref(consent.id),
            version: consent.version,
            state: consent.state().into(),
            allowed_actions: consent.allowed_actions(who).into_iter().map(ConsentAction::from).collect(),
            community_id: Ref(consent.community),
            activity_id: Ref(consent.activity),
            resident_id: Ref(consent.minor),
            guardian_id: Ref(consent.guardian),
            text_version: consent.text_version.clone(),
            agreed_at: consent.agreed_at.into(),
            withdrawn_at: consent.withdrawn_at.map(Instant),
        }
    }
}

/// Whose place somebody would like instead of their own.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ProposeSwap {
    /// The other volunteer's sign-up, which they have told.
    #[schema(inline)]
    pub with: SignUpRef,
}

/// A swap 换班.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerSwap)]
pub struct SwapDto {
    #[schema(inline)]
    pub id: SwapRef,
    pub version: i64,
    pub state: SwapState,
    /// What the caller may do now.
    pub allowed_actions: Vec<SwapAction>,
    /// The sign-up of who proposed.
    #[schema(inline)]
    pub own: SignUpRef,
    /// The sign-up of who was asked.
    #[schema(inline)]
    pub other: SignUpRef,
    /// Whether the caller proposed it.
    pub mine: bool,
    #[schema(inline)]
    pub proposed_at: Instant,
    /// It can be agreed to before this instant.
    #[schema(inline)]
    pub until: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

impl SwapDto {
    pub fn of(swap: &domain::Swap, who: &Actor) -> Self {
        let f = swap.facts();
        Self {
            id: Ref(f.id),
            version: f.version,
            state: f.state.into(),
            allowed_actions: swap.allowed_actions(who).into_iter().map(SwapAction::from).collect(),
            own: Ref(f.own),
            other: Ref(f.other),
            mine: f.proposer == who.id,
            proposed_at: f.proposed_at.into(),
            until: f.until.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// Hours served.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoursDto {
    pub minutes: i64,
    /// Where they were served.
    pub by_community: Vec<CommunityMinutes>,
}

/// Minutes served in one community.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommunityMinutes {
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub minutes: i64,
}

/// A certificate to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewCertificate {
    /// Whose hours are certified; may be left out by those who have served in one community only.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
}

/// A certificate 证书, as anybody who has the code sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerCertificate)]
pub struct CertificateDto {
    #[schema(example = "7K3M-9QXA-0R4T-WZ5H")]
    pub code: String,
    pub version: i64,
    pub state: CertificateState,
    /// What the caller may do now; nothing on the page that is open to everybody, which does not ask who looks.
    pub allowed_actions: Vec<CertificateAction>,
    /// False once it was revoked.
    pub valid: bool,
    #[schema(example = "王*四")]
    pub name_masked: String,
    pub minutes: i64,
    /// Rounded down to tenths.
    pub hours: f64,
    /// The community that vouches for it.
    pub issuer: String,
    #[schema(inline)]
    pub issued_at: Instant,
    #[schema(inline)]
    pub revoked_at: Option<Instant>,
}

impl CertificateDto {
    /// `who` is whoever looks; anybody may.
    pub fn of(certificate: &domain::Certificate, who: Option<&Actor>) -> Self {
        let f = certificate.facts();
        Self {
            code: f.code.to_string(),
            version: f.version,
            state: certificate.state().into(),
            allowed_actions: certificate.allowed_actions(who).into_iter().map(CertificateAction::from).collect(),
            valid: certificate.is_valid(),
            name_masked: f.masked_name.clone(),
            minutes: f.minutes,
            hours: (f.minutes / 6) as f64 / 10.0,
            issuer: f.issuer.clone(),
            issued_at: f.issued_at.into(),
            revoked_at: f.revoked.as_ref().map(|revoked| revoked.at.into()),
        }
    }
}

/// Whether I am named in the ranking.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RankingConsent {
    pub agreed: bool,
}

crate::spoken! {
    /// What a ranking goes by.
    RankingBy = domain::RankingBy { Minutes = "minutes", Points = "points" }
}

/// Somebody in the ranking, who has agreed to be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ranked {
    pub rank: usize,
    pub name_masked: String,
    pub minutes: i64,
    /// What their service has earned; only in a ranking by points.
    pub points: Option<i64>,
    /// Whether it is the caller.
    pub me: bool,
}

/// The ranking of a community.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ranking {
    /// The first day that counts.
    #[schema(inline)]
    pub since: Day,
    pub items: Vec<Ranked>,
}
