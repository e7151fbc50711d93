//! Query parameters and pages.
//!
//! A list answers `{"items", "next_cursor"}`. The cursor is the key of the last item with a keyed hash over it, the
//! operation and the filters: it cannot be made up, and it cannot be used with other filters than it was given for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiazai_domain::kernel::id::{Id, Kind};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::vault::Vault;
use serde::Serialize;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::error::{ApiError, code};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// The query string, taken apart; every parameter is asked for by name, and what nobody asked for is refused.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    asked: Vec<&'static str>,
    /// What else a cursor is bound to: the thing in the path.
    subject: String,
}

impl Params {
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|_| ApiError::new(code::QUERY_INVALID).because("查询字符串无法解析", "The query string cannot be read"))?;
        Ok(Self { pairs, asked: Vec::new(), subject: String::new() })
    }

    /// The parameter's text. Phones send `undefined` and `null` for what is not set; that and nothing mean absent.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        self.asked.push(name);
        let mut values = self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::query(name, "重复出现", "is given twice"));
        }
        match first.map(String::as_str) {
            None | Some("" | "undefined" | "null") => Ok(None),
            Some(value) if value.len() > 2048 => Err(ApiError::query(name, "过长", "is too long")),
            Some(value) => Ok(Some(value.to_owned())),
        }
    }

    pub fn id<K: Kind>(&mut self, name: &'static str) -> Result<Option<Id<K>>, ApiError> {
        self.text(name)?.map(|text| text.parse().map_err(|_| ApiError::query(name, "编号格式不正确", "is not such an id"))).transpose()
    }

    pub fn required_id<K: Kind>(&mut self, name: &'static str) -> Result<Id<K>, ApiError> {
        self.id(name)?.ok_or_else(|| ApiError::query(name, "必填", "is required"))
    }

    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, ApiError> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::query(name, "应为 true 或 false", "must be true or false")),
        }
    }

    /// An instant with its offset.
    pub fn instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let wrong =
            || ApiError::query(name, "应为 RFC 3339 时间，例如 2026-05-01T08:00:00Z", "must be an instant such as 2026-05-01T08:00:00Z");
        self.text(name)?.map(|text| Timestamp::parse(&text).ok_or_else(wrong)).transpose()
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[T], text_of: impl Fn(T) -> &'static str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match words.iter().copied().find(|word| text_of(*word) == text) {
            Some(word) => Ok(Some(word)),
            None => {
                let known = words.iter().map(|word| text_of(*word)).collect::<Vec<_>>().join(", ");
                Err(ApiError::query(name, &format!("应为以下之一：{known}"), &format!("must be one of {known}")))
            }
        }
    }

    /// Binds the cursor to the thing in the path, so that it does not lead on in another thing's list.
    pub fn bind(&mut self, subject: &str) {
        self.subject = subject.to_owned();
    }

    fn limit(&mut self) -> Result<usize, ApiError> {
        match self.text("limit")? {
            None => Ok(20),
            Some(text) => match text.parse::<usize>() {
                Ok(limit @ 1..=100) => Ok(limit),
                _ => Err(ApiError::query("limit", "应为 1 到 100", "must be from 1 to 100")),
            },
        }
    }

    /// Refuses what nobody asked for: a misspelt filter must not silently answer with everything.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.pairs.iter().find(|(key, _)| !self.asked.contains(&key.as_str())) {
            None => Ok(()),
            // Not echoed: a caller may have put anything there.
            Some(_) => Err(ApiError::new(code::QUERY_INVALID).because(
                format!("含有未知参数；可用参数：{}", self.asked.join(", ")),
                format!("An unknown parameter was sent; known are: {}", self.asked.join(", ")),
            )),
        }
    }

    /// `limit` and `cursor`; to be asked for last, because the cursor is bound to all that was asked before.
    pub fn page(mut self, operation: &str, vault: &Vault) -> Result<Window, ApiError> {
        let mut bound = vec![operation.to_owned(), self.subject.clone()];
        let mut filters: Vec<_> =
            self.pairs.iter().filter(|(key, value)| !matches!(key.as_str(), "limit" | "cursor") && !value.is_empty()).collect();
        filters.sort();
        for (key, value) in filters {
            bound.push(format!("{key}={value}"));
        }
        let limit = self.limit()?;
        let cursor = self.text("cursor")?;
        self.finish()?;
        let seal = CursorSeal { bound: bound.join("\n"), key: vault.derive("cursor") };
        let after = cursor.map(|cursor| seal.open(&cursor)).transpose()?;
        Ok(Window { limit, after, seal })
    }
}

impl Params {
    /// The whole list: neither `limit` nor `cursor` is known then. The seal is for the cursors that the list itself makes.
    pub fn whole(self, operation: &str, vault: &Vault) -> Result<CursorSeal, ApiError> {
        let bound = format!("{operation}\n{}\n\n", self.subject);
        self.finish()?;
        Ok(CursorSeal { bound, key: vault.derive("cursor") })
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub struct Window {
    /// 1 to 100.
    pub limit: usize,
    /// The key of the last item of the page before; none on the first page.
    pub after: Option<String>,
    pub seal: CursorSeal,
}

impl Window {
    /// Makes a page of the rows that were found by asking for one more than `limit`.
    pub fn page<R, T>(self, mut rows: Vec<R>, key: impl Fn(&R) -> String, show: impl FnMut(R) -> T) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = match rows.last() {
            Some(last) if more => Some(self.seal.seal(&key(last))),
            _ => None,
        };
        Page { items: rows.into_iter().map(show).collect(), next_cursor }
    }

    /// How many rows to ask for, to know whether there are more.
    pub fn fetch(&self) -> i64 {
        self.limit as i64 + 1
    }
}

/// Signs cursors for one operation with its filters.
#[derive(Debug, Clone)]
pub struct CursorSeal {
    bound: String,
    key: [u8; 32],
}

const TAG: usize = 16;

impl CursorSeal {
    pub fn seal(&self, key: &str) -> String {
        let mut bytes = self.tag(key).to_vec();
        bytes.extend_from_slice(key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn open(&self, cursor: &str) -> Result<String, ApiError> {
        let invalid = || ApiError::new(code::CURSOR_INVALID);
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let (tag, key) = bytes.split_at_checked(TAG).ok_or_else(invalid)?;
        let key = std::str::from_utf8(key).map_err(|_| invalid())?;
        if bool::from(self.tag(key).ct_eq(tag)) { Ok(key.to_owned()) } else { Err(invalid()) }
    }

    fn tag(&self, key: &str) -> [u8; TAG] {
        use hmac::{Hmac, KeyInit, Mac};
        // HMAC takes a key of any length, so this cannot fail.
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.key).expect("HMAC takes any key");
        mac.update(self.bound.as_bytes());
        mac.update(&[0]);
        mac.update(key.as_bytes());
        let mut tag = [0; TAG];
        tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::from_hex(&"7".repeat(64)).expect("a key")
    }

    fn window(query: &str) -> Result<Window, ApiError> {
        let mut params = Params::parse(query)?;
        params.text("state")?;
        params.page("list", &vault())
    }

    #[test]
    fn a_cursor_leads_on_with_the_same_filters_only() {
        let cursor = window("state=open").expect("a window").seal.seal("tkt_1");
        let after = |query: String| window(&query).map(|w| w.after);
        assert_eq!(after(format!("cursor={cursor}&state=open&limit=5")).expect("the same filters"), Some("tkt_1".to_owned()));
        assert_eq!(after(format!("cursor={cursor}&state=closed")).expect_err("other filters").code(), code::CURSOR_INVALID);
        assert_eq!(after(format!("cursor={cursor}x&state=open")).expect_err("forged").code(), code::CURSOR_INVALID);
        assert_eq!(after("cursor=AAAA".to_owned()).expect_err("short").code(), code::CURSOR_INVALID);
    }

    #[test]
    fn unknown_and_wild_parameters_are_refused() {
        for query in ["limit=0", "limit=101", "limit=ten", "statee=open", "state=a&state=b"] {
            assert_eq!(window(query).expect_err(query).code(), code::QUERY_INVALID, "{query}");
        }
        assert!(window("state=&limit=100").is_ok());
    }

    #[test]
    fn a_page_knows_whether_there_is_another() {
        let page = window("limit=2").expect("a window").page(vec![1, 2, 3], |n| n.to_string(), |n| n * 10);
        assert_eq!(page.items, [10, 20]);
        assert!(page.next_cursor.is_some());
        assert!(window("limit=2").expect("a window").page(vec![1, 2], |n| n.to_string(), |n| n).next_cursor.is_none());
    }

    proptest::proptest! {
        #[test]
        fn a_query_of_any_text_is_read_or_refused(query in ".{0,200}") {
            if let Ok(window) = window(&query) {
                assert!((1..=100).contains(&window.limit));
            }
        }

        #[test]
        fn a_cursor_opens_to_what_was_sealed_and_nothing_else_opens(key in ".{0,60}", forged in ".{0,80}", at in 0_usize..200, flip in 1_u8..64) {
            let seal = window("").expect("a window").seal;
            let cursor = seal.seal(&key);
            assert_eq!(seal.open(&cursor).ok().as_deref(), Some(key.as_str()));
            assert!(forged == cursor || seal.open(&forged).is_err());
            // Any other letter in any place.
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let mut bytes = cursor.clone().into_bytes();
            let at = at % bytes.len();
            let old = LETTERS.iter().position(|letter| *letter == bytes[at]).expect("a letter of base64");
            bytes[at] = LETTERS[old ^ usize::from(flip)];
            assert!(seal.open(&String::from_utf8(bytes).expect("ASCII")).is_err());
        }
    }
}
