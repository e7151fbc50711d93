//! Identity documents 证件: a type and a number in that type's form.
//!
//! Forms are checked as far as they are public and stable: length, alphabet, and the check character where there is one.
//! Nobody is turned away because an issuing office has a new letter: `other` takes any line.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::kernel::idcard::{IdNumberFault, ResidentIdNumber, Sex};
use crate::kernel::mask;
use crate::kernel::text::line;
use crate::kernel::time::Date;

crate::words! {
    /// What sort of paper says who somebody is.
    DocumentType {
        /// 居民身份证 (GB 11643); children have a number from birth registration on.
        ResidentId = "resident_id",
        /// 港澳居民来往内地通行证: H or M and eight digits.
        HkMacaoPermit = "hk_macao_permit",
        /// 台湾居民来往大陆通行证: eight digits.
        TaiwanPermit = "taiwan_permit",
        /// 港澳台居民居住证: a GB 11643 number of region 81, 82 or 83.
        HkMacaoTaiwanResidence = "hk_macao_taiwan_residence",
        /// 外国人永久居留身份证: eighteen characters beginning with 9 (since 2023), or three letters and twelve digits.
        ForeignPermanentResidence = "foreign_permanent_residence",
        /// 护照
        Passport = "passport",
        /// 出生医学证明, for newborns who have no number yet: a letter and nine digits.
        BirthCertificate = "birth_certificate",
        Other = "other",
    }
}

/// Why a text is no number of a document of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFault {
    ResidentId(IdNumberFault),
    Format,
}

impl From<DocumentFault> for &'static str {
    fn from(fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::ResidentId(fault) => fault.code(),
            DocumentFault::Format => "document_format",
        }
    }
}

/// A document. `Debug` and `Serialize` show the mask; [`expose`](Self::expose) is the only way to the number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Document {
    kind: DocumentType,
    number: String,
    /// What a GB 11643 number says of its holder.
    told: Option<(Date, Sex)>,
}

impl Document {
    /// Reads a number that somebody gave. Blanks are taken away, full-width characters and lower case are mended.
    ///
    /// # Errors
    /// [`DocumentFault`], the first rule of the type that is broken.
    pub fn new(kind: DocumentType, text: &str, today: Date) -> Result<Self, DocumentFault> {
        let document = Self::restore(kind, text)?;
        match document.told {
            Some((born_on, _)) if born_on > today => Err(DocumentFault::ResidentId(IdNumberFault::Future)),
            _ => Ok(document),
        }
    }

    /// From what was remembered: everything but the comparison with today.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn restore(kind: DocumentType, text: &str) -> Result<Self, DocumentFault> {
        use DocumentType as T;
        if text.len() > 256 {
            return Err(DocumentFault::Format);
        }
        if kind == T::Other {
            let number = line(text, 40).map_err(|_| DocumentFault::Format)?;
            return Ok(Self { kind, number, told: None });
        }
        let number: String = text.chars().filter(|c| !c.is_whitespace()).map(half_width).map(|c| c.to_ascii_uppercase()).collect();
        let mut told = None;
        let mut by_standard = |number: &str| -> Result<(), DocumentFault> {
            let read: ResidentIdNumber = number.parse().map_err(DocumentFault::ResidentId)?;
            told = Some((read.born_on(), read.sex()));
            Ok(())
        };
        let fits = match kind {
            T::ResidentId => by_standard(&number).map(|()| true)?,
            T::HkMacaoTaiwanResidence => by_standard(&number).map(|()| ["81", "82", "83"].iter().any(|r| number.starts_with(r)))?,
            T::ForeignPermanentResidence if number.starts_with('9') => by_standard(&number).map(|()| true)?,
            T::ForeignPermanentResidence => shape(&number, 3, 12),
            T::HkMacaoPermit => number.starts_with(['H', 'M']) && shape(&number, 1, 8),
            T::TaiwanPermit => shape(&number, 0, 8),
            T::BirthCertificate => shape(&number, 1, 9),
            T::Passport => {
                (5..=17).contains(&number.len())
                    && number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
                    && number.bytes().any(|b| b.is_ascii_digit())
            }
            T::Other => true,
        };
        if fits { Ok(Self { kind, number, told }) } else { Err(DocumentFault::Format) }
    }

    pub fn kind(&self) -> DocumentType {
        self.kind
    }

    pub fn expose(&self) -> &str {
        &self.number
    }

    pub fn masked(&self) -> String {
        mask::resident_id(&self.number)
    }

    /// The birth date that the number itself holds.
    pub fn born_on(&self) -> Option<Date> {
        self.told.map(|(born_on, _)| born_on)
    }

    /// The sex that the number itself holds.
    pub fn sex(&self) -> Option<Sex> {
        self.told.map(|(_, sex)| sex)
    }
}

fn half_width(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// So many letters, then so many digits, and nothing else.
fn shape(number: &str, letters: usize, digits: usize) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == letters + digits
        && bytes[..letters].iter().all(u8::is_ascii_uppercase)
        && bytes[letters..].iter().all(u8::is_ascii_digit)
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.masked())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use DocumentType as T;
    use proptest::prelude::*;

    use super::*;

    fn read(kind: T, text: &str) -> Result<String, DocumentFault> {
        Document::new(kind, text, "2026-11-21".parse().expect("a date")).map(|d| d.expose().to_owned())
    }

    #[test]
    fn each_type_has_its_own_form() {
        assert_eq!(read(T::ResidentId, " 11010519491231002x"), Ok("11010519491231002X".to_owned()));
        assert_eq!(read(T::ResidentId, "１１０１０５１９４９１２３１００２Ｘ"), Ok("11010519491231002X".to_owned()));
        assert_eq!(read(T::ResidentId, "110105194912310021"), Err(DocumentFault::ResidentId(IdNumberFault::Checksum)));
        assert_eq!(read(T::HkMacaoPermit, "h12345678"), Ok("H12345678".to_owned()));
        assert_eq!(read(T::HkMacaoPermit, "K12345678"), Err(DocumentFault::Format));
        assert_eq!(read(T::TaiwanPermit, "1234 5678"), Ok("12345678".to_owned()));
        assert_eq!(read(T::TaiwanPermit, "1234567"), Err(DocumentFault::Format));
        assert_eq!(read(T::HkMacaoTaiwanResidence, "11010519491231002X"), Err(DocumentFault::Format));
        assert_eq!(read(T::ForeignPermanentResidence, "ABC123456789012"), Ok("ABC123456789012".to_owned()));
        assert_eq!(read(T::Passport, "e12345678"), Ok("E12345678".to_owned()));
        assert_eq!(read(T::Passport, "PASSPORT"), Err(DocumentFault::Format));
        assert_eq!(read(T::BirthCertificate, "P330123456"), Ok("P330123456".to_owned()));
        assert_eq!(read(T::Other, "军官证 007"), Ok("军官证 007".to_owned()));
        assert_eq!(read(T::Other, " "), Err(DocumentFault::Format));
    }

    #[test]
    fn only_a_number_by_the_standard_tells_birth_date_and_sex() {
        let card = Document::restore(T::ResidentId, "11010519491231002X").expect("a card");
        assert_eq!((card.born_on().map(|d| d.to_string()), card.sex()), (Some("1949-12-31".to_owned()), Some(Sex::Female)));
        let passport = Document::restore(T::Passport, "E12345678").expect("a passport");
        assert_eq!((passport.born_on(), passport.sex()), (None, None));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_document_panic_and_none_is_shown_whole(kind in prop::sample::select(T::ALL.to_vec()), text in "\\PC{0,24}|[A-Z0-9]{5,19}") {
            if let Ok(document) = Document::restore(kind, &text) {
                prop_assert!(document.masked() != document.expose() || document.expose().chars().all(|c| c == '*'));
                prop_assert_eq!(Document::restore(kind, document.expose()), Ok(document));
            }
        }
    }
}
