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

/// From 1 to 5.
pub type Mark = Number<1, 5>;
/// Fen, up to ten million yuan.
pub type ItemFen = Number<0, 1_000_000_000>;
/// Fen, more than nothing.
pub type AmountFen = Number<1, 1_000_000_000>;
/// Seconds, from a minute to ninety days.
pub type PromiseSeconds = Number<60, 7_776_000>;
