//! Operations that come to an end 停用: said once where the operation is added, told to every caller.
//!
//! `Deprecation` (RFC 9745) says since when an operation should not be built upon any more, `Sunset` (RFC 8594) from when on it
//! may be gone, and `Link` what takes its place. All three stand on every answer, refusals too, because whoever is affected may
//! see nothing else; the document has `deprecated: true` and the same in words. What is promised about the time between the two
//! is in `docs/api.md`.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, HttpDate};
use jiazai_domain::kernel::time::Timestamp;

/// Days that callers have at least to move on.
const NOTICE_DAYS: i64 = 180;

/// When an operation comes to its end, and where to go instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    since: Timestamp,
    gone: Timestamp,
    /// The path of the operation that takes its place.
    successor: Option<&'static str>,
}

impl Ending {
    /// Two instants, RFC 3339.
    ///
    /// # Panics
    /// With instants that are none, or with less notice than is promised: a mistake of whoever wrote it, found by every start.
    pub fn of(since: &str, gone: &str, successor: Option<&'static str>) -> Self {
        let at = |text: &str| Timestamp::parse(text).unwrap_or_else(|| panic!("{text} is no instant"));
        let ending = Self { since: at(since), gone: at(gone), successor };
        assert!(ending.gone >= ending.since.plus_seconds(NOTICE_DAYS * 86_400), "{NOTICE_DAYS} days of notice are promised");
        ending
    }

    /// Tells whoever reads this answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let sunset = HttpDate::from(UNIX_EPOCH + Duration::from_millis(self.gone.millis().unsigned_abs()));
        let fields = [
            ("deprecation", Some(format!("@{}", self.since.millis() / 1000))),
            ("sunset", Some(sunset.to_string())),
            ("link", self.link()),
        ];
        for (name, value) in fields {
            if let Some(Ok(value)) = value.map(|text| HeaderValue::from_str(&text)) {
                // A list has a `Link` of its own.
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }

    fn link(&self) -> Option<String> {
        self.successor.map(|path| format!("<{path}>; rel=\"successor-version\""))
    }

    /// The same for the document.
    pub fn words(&self) -> String {
        let (since, gone) = (self.since.to_string(), self.gone.to_string());
        let instead = self.successor.map(|path| format!(" Use `{path}` instead.")).unwrap_or_default();
        format!("Deprecated since {}; may be gone from {} on.{instead}", &since[..10], &gone[..10])
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, test as web};

    use super::*;
    use crate::call::{Call, Outcome};
    use crate::manners;
    use crate::reply::Reply;
    use crate::route::{Access, Api, mount};

    /// An old way
    #[utoipa::path(get, path = "/old", operation_id = "old_way", responses((status = 200, description = "Done")))]
    async fn old_way(_: Call) -> Outcome {
        Ok(Reply::nothing().into_response())
    }

    /// A way that stays
    #[utoipa::path(get, path = "/new", operation_id = "new_way", responses((status = 200, description = "Done")))]
    async fn new_way(_: Call) -> Outcome {
        Ok(Reply::nothing().into_response())
    }

    fn routes(api: &mut Api) {
        let ending = Ending::of("2026-12-01T00:00:00Z", "2027-06-30T23:59:59Z", Some("/new"));
        api.add(crate::op!(old_way, Access::Public).ends(ending)).add(crate::op!(new_way, Access::Public));
    }

    // The wiring itself, from the route to the outermost layer. There is no application behind it, so what is answered is a
    // refusal: the headers stand on that as well.
    #[actix_web::test]
    async fn every_answer_of_what_comes_to_an_end_says_so_and_no_other_does() {
        let serve = |config: &mut actix_web::web::ServiceConfig| {
            let mut api = Api::new("", None);
            routes(&mut api);
            mount(config, api);
        };
        let app = web::init_service(App::new().wrap(from_fn(manners::polish)).configure(serve)).await;
        let answer = |path: &str| web::TestRequest::get().uri(path).to_request();
        let old = web::call_service(&app, answer("/old")).await;
        let field = |name: &str| old.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(field("deprecation").as_deref(), Some("@1796083200"));
        assert_eq!(field("sunset").as_deref(), Some("Wed, 30 Jun 2027 23:59:59 GMT"));
        assert_eq!(field("link").as_deref(), Some("</new>; rel=\"successor-version\""));
        let new = web::call_service(&app, answer("/new")).await;
        assert!(["deprecation", "sunset", "link"].iter().all(|name| new.headers().get(*name).is_none()));
    }

    #[test]
    fn the_document_marks_it_and_says_when_and_what_instead() {
        let mut api = Api::new("", Some(utoipa::openapi::OpenApi::default()));
        routes(&mut api);
        let document = serde_json::to_value(api.into_document()).expect("JSON");
        let old = &document["paths"]["/old"]["get"];
        assert_eq!(old["deprecated"], true);
        let words = old["description"].as_str().unwrap_or_default();
        assert!(words.contains("Deprecated since 2026-12-01; may be gone from 2027-06-30 on. Use `/new` instead."), "{words}");
        for status in ["200", "500"] {
            let headers = &old["responses"][status]["headers"];
            assert!(headers["Deprecation"].is_object() && headers["Sunset"].is_object(), "{status}: {headers}");
        }
        let new = &document["paths"]["/new"]["get"];
        assert!(new.get("deprecated").is_none() && new["responses"]["200"]["headers"].get("Deprecation").is_none(), "{new}");
    }

    #[test]
    #[should_panic(expected = "days of notice")]
    fn nothing_ends_without_the_notice_that_is_promised() {
        let _ = Ending::of("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", None);
    }
}
