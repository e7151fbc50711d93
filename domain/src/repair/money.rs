//! Values that a worker and a reporter put to each other: a quote 报价 and a rating 评价.

use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;

use super::Comment;

pub const MAX_QUOTE_ITEMS: usize = 20;
/// Ten million yuan, in fen: no repair costs that, and sums of such amounts stay far from overflow.
pub const MAX_QUOTE_FEN: i64 = 1_000_000_000;

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteItem {
    pub name: String,
    /// Fen, not negative.
    pub amount_fen: i64,
}

/// A price, item by item, that adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    items: Vec<QuoteItem>,
    amount_fen: i64,
}

impl Quote {
    /// # Errors
    /// All faults: `/items` (none, too many), `/items/0/name`, `/items/0/amount_fen`, `/amount_fen` (not the sum of the
    /// items, or not within 1 fen to ten million yuan).
    pub fn new(amount_fen: i64, items: Vec<QuoteItem>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        faults.require(!items.is_empty(), "/items", "empty");
        faults.require(items.len() <= MAX_QUOTE_ITEMS, "/items", "too_many");
        let mut checked = Vec::with_capacity(items.len().min(MAX_QUOTE_ITEMS));
        let mut sum = 0i64;
        for (i, item) in items.into_iter().take(MAX_QUOTE_ITEMS).enumerate() {
            let amount_fits = (0..=MAX_QUOTE_FEN).contains(&item.amount_fen);
            faults.require(amount_fits, &format!("/items/{i}/amount_fen"), "out_of_range");
            sum = sum.saturating_add(item.amount_fen);
            let name = faults.take(&format!("/items/{i}/name"), line(&item.name, 60));
            checked.extend(name.map(|name| QuoteItem { name, amount_fen: item.amount_fen }));
        }
        if (1..=MAX_QUOTE_FEN).contains(&amount_fen) {
            faults.require(amount_fen == sum, "/amount_fen", "not_the_sum");
        } else {
            faults.add("/amount_fen", "out_of_range");
        }
        faults.into_result(Some(Self { items: checked, amount_fen }))
    }

    /// From what was remembered.
    pub fn restore(items: Vec<QuoteItem>) -> Self {
        let amount_fen = items.iter().fold(0i64, |sum, item| sum.saturating_add(item.amount_fen));
        Self { items, amount_fen }
    }

    pub fn items(&self) -> &[QuoteItem] {
        &self.items
    }

    pub fn amount_fen(&self) -> i64 {
        self.amount_fen
    }
}

/// Three marks from 1 to 5, as residents know them: overall, speed of arrival, service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    pub(super) overall: i64,
    pub(super) speed: i64,
    pub(super) service: i64,
    pub(super) comment: Option<String>,
}

impl Rating {
    /// # Errors
    /// All faults: each mark outside 1 to 5, and the comment's.
    pub fn new(overall: i64, speed: i64, service: i64, comment: Option<&str>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        for (pointer, mark) in [("/overall", overall), ("/speed", speed), ("/service", service)] {
            faults.require((1..=5).contains(&mark), pointer, "out_of_range");
        }
        let comment = faults.take("/comment", Comment::optional(comment));
        faults.into_result(comment.map(|comment| Self::restore(overall, speed, service, comment.map(Comment::into_string))))
    }

    /// From what was remembered.
    pub fn restore(overall: i64, speed: i64, service: i64, comment: Option<String>) -> Self {
        Self { overall, speed, service, comment }
    }

    pub fn overall(&self) -> i64 {
        self.overall
    }

    pub fn speed(&self) -> i64 {
        self.speed
    }

    pub fn service(&self) -> i64 {
        self.service
    }

    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }
}
