//! The input types under plain names: the OpenAPI derive reads a generic argument as a schema of its own, which a length or
//! a kind of id is not.

use super::{Number, Ref, Text};

pub type Text16 = Text<1, 16>;
pub type Text20 = Text<1, 20>;
pub type Text32 = Text<1, 32>;
pub type Text40 = Text<1, 40>;
pub type Text60 = Text<1, 60>;
pub type Text64 = Text<1, 64>;
pub type Text256 = Text<1, 256>;
pub type Text500 = Text<1, 500>;
pub type Text512 = Text<1, 512>;
pub type Text2000 = Text<1, 2000>;
pub type AnyText200 = Text<0, 200>;
pub type AnyText500 = Text<0, 500>;
pub type Text2To40 = Text<2, 40>;
pub type Text2To64 = Text<2, 64>;
pub type Text6To6 = Text<6, 6>;

pub type CommunityRef = Ref<jiazai_domain::actor::Community>;
pub type PrincipalRef = Ref<jiazai_domain::actor::Principal>;
pub type HomeRef = Ref<jiazai_domain::registry::HomeIdKind>;
pub type FileRef = Ref<jiazai_domain::kernel::file::File>;
pub type TicketRef = Ref<jiazai_domain::repair::TicketKind>;
pub type EventRef = Ref<jiazai_infra::events::EventKind>;
pub type NoticeRef = Ref<jiazai_infra::notices::NoticeKind>;
pub type CheckRef = Ref<jiazai_domain::content::CheckKind>;

/// From 1 to 5.
pub type Mark = Number<1, 5>;
/// Fen, up to ten million yuan.
pub type ItemFen = Number<0, 1_000_000_000>;
/// Fen, more than nothing.
pub type AmountFen = Number<1, 1_000_000_000>;
/// Seconds, from a minute to ninety days.
pub type PromiseSeconds = Number<60, 7_776_000>;

// Volunteer service and points.
pub type Text5To5 = Text<5, 5>;
pub type ActivityRef = Ref<jiazai_domain::volunteer::ActivityKind>;
pub type ShiftRef = Ref<jiazai_domain::volunteer::ShiftKind>;
pub type SignUpRef = Ref<jiazai_domain::volunteer::SignUpKind>;
pub type GuardianConsentRef = Ref<jiazai_domain::volunteer::GuardianConsentKind>;
pub type SwapRef = Ref<jiazai_domain::volunteer::SwapKind>;
pub type EstateRef = Ref<jiazai_domain::registry::EstateIdKind>;
pub type EntryRef = Ref<jiazai_domain::kernel::ledger::EntryKind>;
pub type TransactionRef = Ref<jiazai_domain::kernel::ledger::TransactionKind>;
pub type PointsPerHour = Number<0, 1000>;
pub type MaxHours = Number<1, 24>;
/// Metres from a home to a school.
pub type WayMetres = Number<0, 100_000>;
/// Metres around a point.
pub type Radius = Number<50, 10_000>;
pub type HouseholdLimit = Number<1, 100>;
/// Seconds, from a minute to three days.
pub type HoldSeconds = Number<60, 259_200>;
pub type Places = Number<1, 100_000>;
pub type LinePlaces = Number<0, 100_000>;
/// Seconds, up to a week.
pub type WeekSeconds = Number<0, 604_800>;
pub type ShiftSeconds = Number<60, 604_800>;
/// Seconds, up to ninety days.
pub type SeasonSeconds = Number<0, 7_776_000>;
pub type Age = Number<0, 150>;
pub type Minutes = Number<0, 1440>;
pub type GrantPoints = Number<1, 1_000_000>;
/// 1 is Monday, 7 is Sunday.
pub type Weekday = Number<1, 7>;
pub type EveryWeeks = Number<1, 4>;
pub type Count = Number<0, 1000>;
pub type Days = Number<0, 3650>;
pub type LastDays = Number<1, 3650>;

pub type Text2048 = Text<1, 2048>;
pub type WebhookRef = Ref<jiazai_domain::webhook::WebhookKind>;
pub type AuditRef = Ref<jiazai_domain::audit::AuditKind>;
pub type DeliveryRef = Ref<jiazai_domain::webhook::DeliveryKind>;
/// Seconds, up to a week.
pub type OldSecretSeconds = Number<0, 604_800>;

pub type ApiKeyRef = Ref<jiazai_domain::api_key::ApiKeyKind>;
pub type PerMinute = Number<1, 100_000>;

// The registry.
pub type AnyText20 = Text<0, 20>;
pub type EstateGroupRef = Ref<jiazai_domain::registry::EstateGroupIdKind>;
pub type GridRef = Ref<jiazai_domain::registry::GridIdKind>;
pub type BuildingRef = Ref<jiazai_domain::registry::BuildingIdKind>;
pub type PersonRef = Ref<jiazai_domain::registry::PersonIdKind>;
pub type FactRef = Ref<jiazai_domain::registry::FactIdKind>;
pub type BindingRef = Ref<jiazai_domain::registry::BindingIdKind>;
pub type DelegationRef = Ref<jiazai_domain::registry::DelegationIdKind>;
/// From nine below the ground to two hundred above.
pub type Floor = Number<-9, 200>;
pub type AnyText1000 = Text<0, 1000>;
pub type VisitRef = Ref<jiazai_domain::registry::VisitIdKind>;
pub type ProposalRef = Ref<jiazai_domain::registry::ProposalIdKind>;

pub type Text200 = Text<1, 200>;
pub type PersonTagRef = Ref<jiazai_domain::registry::PersonTagIdKind>;
pub type ImportRef = Ref<jiazai_domain::registry::ImportIdKind>;
/// Days, up to five years.
pub type ValidDays = Number<1, 1830>;

// School enrolment: applications, draws.
pub type Text50 = Text<1, 50>;
pub type Text1000 = Text<1, 1000>;
pub type ApplicationRef = Ref<jiazai_domain::enrolment::ApplicationKind>;
pub type DrawRef = Ref<jiazai_domain::enrolment::DrawKind>;

// School enrolment: schools and rounds.
pub type SchoolRef = Ref<jiazai_domain::enrolment::SchoolKind>;
pub type RoundRef = Ref<jiazai_domain::enrolment::RoundKind>;
pub type Text80 = Text<1, 80>;
pub type AnyText60 = Text<0, 60>;
pub type AnyText5000 = Text<0, 5000>;
pub type SchoolYear = Number<2000, 2100>;
pub type SeatCount = Number<0, 5000>;
pub type Door = Number<1, 99_999>;
pub type Batch = Number<1, 99>;
pub type ItemPoints = Number<-1000, 1000>;
pub type MaxPoints = Number<1, 1000>;
pub type PerUnit = Number<1, 100_000>;
pub type Years = Number<0, 12>;
pub type Choices = Number<1, 20>;
