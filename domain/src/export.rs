//! Exports 导出: a list that leaves as a file, whole.
//!
//! What is in it is what the list shows its reader anyway, masks and all. That somebody carried all of it away at once is
//! remembered all the same, before the first row leaves.

use crate::actor::PrincipalId;
use crate::kernel::changed::Event;
use crate::kernel::fault::Fault;
use crate::kernel::text::Line;
use crate::kernel::time::Timestamp;

/// Why somebody takes a list away.
pub type ExportReason = Line<200>;
/// Characters: a reason, and not a keystroke.
pub const REASON_MIN: usize = 4;

/// Who takes which list away, as what and why.
#[derive(Debug, Clone)]
pub struct Taking {
    by: PrincipalId,
    /// The list, by the name that programs know it by.
    list: String,
    form: &'static str,
    reason: Option<ExportReason>,
}

impl Taking {
    /// # Errors
    /// `reason_too_short`, `reason_missing` where the list wants one; the pointer is `/reason`.
    pub fn of(by: PrincipalId, list: &str, form: &'static str, reason: Option<ExportReason>, needed: bool) -> Result<Self, Fault> {
        let fault = |code| Fault { pointer: "/reason".to_owned(), code };
        match &reason {
            None if needed => Err(fault("reason_missing")),
            Some(reason) if reason.chars().count() < REASON_MIN => Err(fault("reason_too_short")),
            _ => Ok(Self { by, list: list.to_owned(), form, reason }),
        }
    }

    /// What is remembered of it, in each community whose rows are in it.
    pub fn event(&self, now: Timestamp) -> Event {
        let event = Event::new("list.exported", Some(self.by), now).with("list", self.list.clone()).with("form", self.form.to_owned());
        event.noting(self.reason.as_ref().map(|reason| reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn take(reason: Option<&str>, needed: bool) -> Result<Taking, &'static str> {
        let reason = reason.map(|text| ExportReason::new(text).expect("a line"));
        Taking::of(PrincipalId::from_uuid(Uuid::from_u128(1)), "list_things", "csv", reason, needed).map_err(|fault| fault.code)
    }

    #[test]
    fn what_wants_a_reason_is_not_taken_without_one() {
        assert_eq!(take(None, true).err(), Some("reason_missing"));
        assert_eq!(take(Some("看看"), false).err(), Some("reason_too_short"));
        assert!(take(Some("年度核查"), true).is_ok() && take(None, false).is_ok());
    }

    #[test]
    fn the_reason_is_a_note_and_not_part_of_what_the_feed_carries() {
        let event = take(Some("年度核查"), true).expect("a taking").event(Timestamp::from_millis(0));
        assert_eq!(event.note.as_deref(), Some("年度核查"));
        assert!(event.data.get("reason").is_none() && event.data.get("list").is_some());
    }
}
