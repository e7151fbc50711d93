//! Checking a draw document 验证: the same answer whether it comes from the database, a newspaper or a parent's disk.

use serde::{Serialize, Serializer};

use super::order::{commitment, ring_order, roster_hash, sealed_order};
use super::{MAX_INTERVAL, MAX_PUBLIC_NUMBERS_CHARS, MAX_ROSTER, MAX_SEED_CHARS, Method, is_receipt};

/// Everything that is public about a draw, as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrawDocument {
    pub method: Method,
    pub roster_hash: String,
    /// Hexadecimal SHA-256 of the seed; nothing for a ring.
    pub commitment: Option<String>,
    pub seed: Option<String>,
    /// Where the public numbers come from and how many digits they have, where that was published with the roster.
    pub public_source: Option<String>,
    pub public_digits: Option<i64>,
    pub public_numbers: Option<String>,
    pub start: Option<i64>,
    pub interval: Option<i64>,
    pub roster: Vec<String>,
    pub order: Vec<String>,
}

/// Why a document is not valid. Serialises as its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    RosterEmpty,
    RosterTooLong,
    /// This line, counted from 1, is no receipt.
    ReceiptMalformed(usize),
    /// This line does not come after the one before it: out of order, or twice.
    RosterNotAscending(usize),
    RosterHashDiffers,
    CommitmentMissing,
    /// Nothing was revealed yet.
    NotRevealed,
    SeedDiffers,
    SeedMalformed,
    /// Not as many digits as the source has that was published before.
    PublicNumbersDiffer,
    StartOutOfRange,
    IntervalOutOfRange,
    OrderLength {
        expected: usize,
        found: usize,
    },
    /// The first place, counted from 1, that holds another receipt than it should.
    OrderDiffers(usize),
}

impl Reason {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RosterEmpty => "roster_empty",
            Self::RosterTooLong => "roster_too_long",
            Self::ReceiptMalformed(_) => "receipt_malformed",
            Self::RosterNotAscending(_) => "roster_not_ascending",
            Self::RosterHashDiffers => "roster_hash_differs",
            Self::CommitmentMissing => "commitment_missing",
            Self::NotRevealed => "not_revealed",
            Self::SeedDiffers => "seed_differs",
            Self::SeedMalformed => "seed_malformed",
            Self::PublicNumbersDiffer => "public_numbers_differ",
            Self::StartOutOfRange => "start_out_of_range",
            Self::IntervalOutOfRange => "interval_out_of_range",
            Self::OrderLength { .. } => "order_length",
            Self::OrderDiffers(_) => "order_differs",
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::RosterEmpty => "名册为空".to_owned(),
            Self::RosterTooLong => format!("名册超过 {MAX_ROSTER} 行"),
            Self::ReceiptMalformed(line) => format!("名册第 {line} 行不是有效的回执号"),
            Self::RosterNotAscending(line) => format!("名册第 {line} 行没有按升序排列，或与上一行重复"),
            Self::RosterHashDiffers => "名册与公布的名册哈希不一致".to_owned(),
            Self::CommitmentMissing => "没有公布种子的哈希".to_owned(),
            Self::NotRevealed => "尚未公开摇号参数".to_owned(),
            Self::SeedDiffers => "种子与事先公布的哈希不一致".to_owned(),
            Self::SeedMalformed => "种子或公共数字为空、过长或含有控制字符".to_owned(),
            Self::PublicNumbersDiffer => "公共数字与事先公布的来源和位数不符".to_owned(),
            Self::StartOutOfRange => "起始号不在名册之内".to_owned(),
            Self::IntervalOutOfRange => format!("间隔数不在 1 到 {MAX_INTERVAL} 之间"),
            Self::OrderLength { expected, found } => format!("结果应有 {expected} 行，实有 {found} 行"),
            Self::OrderDiffers(place) => format!("结果第 {place} 位与计算不符"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

/// Computes the draw again and names everything that does not agree; nothing when it is valid.
pub fn verify(document: &DrawDocument) -> Vec<Reason> {
    let mut reasons = roster(&document.roster);
    // Published hashes are read in either case; what we write is lower.
    if !document.roster_hash.eq_ignore_ascii_case(&roster_hash(&document.roster)) {
        reasons.push(Reason::RosterHashDiffers);
    }
    let expected = match document.method {
        Method::Ring => ring(document, &mut reasons),
        Method::SealedSeed => sealed(document, &mut reasons),
    };
    if let Some(expected) = expected {
        if expected.len() != document.order.len() {
            reasons.push(Reason::OrderLength { expected: expected.len(), found: document.order.len() });
        }
        if let Some(place) = expected.iter().zip(&document.order).position(|(a, b)| a != b) {
            reasons.push(Reason::OrderDiffers(place + 1));
        }
    }
    reasons
}

/// What is wrong with a roster itself; the first malformed and the first misplaced line stand for all.
pub(super) fn roster(roster: &[String]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if roster.is_empty() {
        reasons.push(Reason::RosterEmpty);
    }
    if roster.len() > MAX_ROSTER {
        reasons.push(Reason::RosterTooLong);
    }
    if let Some(at) = roster.iter().position(|receipt| !is_receipt(receipt)) {
        reasons.push(Reason::ReceiptMalformed(at + 1));
    }
    if let Some(at) = roster.windows(2).position(|pair| pair[0] >= pair[1]) {
        reasons.push(Reason::RosterNotAscending(at + 2));
    }
    reasons
}

fn ring(document: &DrawDocument, reasons: &mut Vec<Reason>) -> Option<Vec<String>> {
    let (Some(start), Some(interval)) = (document.start, document.interval) else {
        reasons.push(Reason::NotRevealed);
        return None;
    };
    let wrong = ring_inputs(start, interval, document.roster.len());
    let sound = wrong.is_empty() && document.roster.len() <= MAX_ROSTER;
    reasons.extend(wrong);
    sound.then(|| ring_order(&document.roster, start, interval))
}

fn sealed(document: &DrawDocument, reasons: &mut Vec<Reason>) -> Option<Vec<String>> {
    if document.commitment.is_none() {
        reasons.push(Reason::CommitmentMissing);
    }
    let Some(seed) = &document.seed else {
        reasons.push(Reason::NotRevealed);
        return None;
    };
    let public_numbers = document.public_numbers.as_deref().unwrap_or("");
    if !sealed_inputs(seed, public_numbers) {
        reasons.push(Reason::SeedMalformed);
        return None;
    }
    let digits = |n: i64| public_numbers.len() as i64 == n && public_numbers.bytes().all(|b| b.is_ascii_digit());
    if document.public_digits.is_some_and(|n| !digits(n)) {
        reasons.push(Reason::PublicNumbersDiffer);
    }
    if document.commitment.as_ref().is_some_and(|c| !c.eq_ignore_ascii_case(&commitment(seed))) {
        reasons.push(Reason::SeedDiffers);
    }
    (document.roster.len() <= MAX_ROSTER).then(|| sealed_order(&document.roster, seed, public_numbers))
}

pub(super) fn ring_inputs(start: i64, interval: i64, numbers: usize) -> Vec<Reason> {
    let mut wrong = Vec::new();
    if start < 1 || start > numbers as i64 {
        wrong.push(Reason::StartOutOfRange);
    }
    if !(1..=MAX_INTERVAL).contains(&interval) {
        wrong.push(Reason::IntervalOutOfRange);
    }
    wrong
}

/// A seed, and public numbers if any, that are one line: two spellings of the same message would give two orders.
pub(super) fn sealed_inputs(seed: &str, public_numbers: &str) -> bool {
    let fits = |text: &str, max| text.chars().count() <= max && !text.chars().any(char::is_control);
    !seed.is_empty() && fits(seed, MAX_SEED_CHARS) && fits(public_numbers, MAX_PUBLIC_NUMBERS_CHARS)
}
