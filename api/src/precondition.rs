//! What a request says about the version that its caller has seen: `If-Match` before a change, `If-None-Match` before reading again
//! (RFC 9110, 13.1).

use actix_web::http::header::{HeaderMap, IF_MATCH};

use crate::error::{ApiError, code};

/// The versions that `If-Match` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Any,
    OneOf(Vec<i64>),
}

impl Expected {
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(IF_MATCH) else { return Ok(Self::Any) };
        let text = value.to_str().map_err(|_| bad_header("If-Match"))?;
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        // If-Match compares strongly, so a weak tag matches nothing, like a tag that this server never made.
        let tags = tags(text).ok_or_else(|| bad_header("If-Match"))?;
        Ok(Self::OneOf(tags.iter().filter(|tag| !tag.weak).filter_map(|tag| tag.inner.parse().ok()).collect()))
    }

    /// Whether a change of this version is what the caller expects.
    pub fn is(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

/// An entity tag (RFC 9110, 8.8.3), without its quotes.
struct Tag<'t> {
    weak: bool,
    inner: &'t str,
}

/// A list of tags between commas; a comma may stand within a tag as well. None: it is no such list.
fn tags(text: &str) -> Option<Vec<Tag<'_>>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    loop {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (inner, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        found.push(Tag { weak, inner });
        match behind.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return behind.trim().is_empty().then_some(found),
        }
    }
}

/// If-None-Match compares weakly, so `W/"3"` matches version 3 as well. What is no tag matches nothing.
pub fn none_match(seen: &str, version: i64) -> bool {
    let same = |tag: &Tag| tag.inner.parse() == Ok(version);
    seen.trim() == "*" || tags(seen).is_some_and(|tags| tags.iter().any(same))
}

/// The refusal of a header that cannot be read.
pub fn bad_header(name: &str) -> ApiError {
    ApiError::new(code::HEADER_INVALID).because(format!("请求头 {name} 无效"), format!("The header {name} is not valid"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn expected(value: &str) -> Result<Expected, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_str(value).expect("a header value"));
        Expected::of(&headers)
    }

    #[test]
    fn if_match_compares_strongly_and_if_none_match_weakly() {
        assert!(expected("\"3\", \"4\"").expect("tags").is(4));
        assert!(!expected("W/\"3\"").expect("tags").is(3));
        assert!(expected("*").expect("any").is(9));
        assert!(expected("\"a,b\" ,\"3\"").expect("a comma within a tag").is(3));
        for bad in ["3", "\"3", "\"3\"4", "\"3\",", "\"3\" \"4\"", "W/3", ""] {
            assert!(expected(bad).is_err(), "{bad}");
        }
        assert!(none_match("W/\"3\"", 3) && none_match("\"2\",\"3\"", 3) && !none_match("\"30\"", 3));
    }
}
