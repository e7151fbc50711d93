//! Content security 内容安全 (version 2): words are judged at once, pictures by a push that follows.
//!
//! Forbidden words come back with errcode 0: what counts is `result.suggest`. What cannot be read as a suggestion is no opinion,
//! and the domain holds what nobody has an opinion about.

use std::time::Duration;

use jiazai_domain::content::{Opinion, Suggest};
use serde_json::{Value, json};

use super::{MEDIA, TEXT, Trouble, Wechat, answer};

/// Somebody waits for this answer with their finger on the screen, and without one their words are held for a reviewer, not lost.
const TEXT_WITHIN: Duration = Duration::from_millis(1500);
/// The platform takes 2,500 characters.
pub const LONGEST_TEXT: usize = 2500;

/// Where what is checked will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// A name, a picture of oneself.
    Profile,
    Comment,
    /// A report, an article.
    Forum,
}

impl Scene {
    const fn number(self) -> i64 {
        match self {
            Self::Profile => 1,
            Self::Comment => 2,
            Self::Forum => 3,
        }
    }
}

/// Why a picture was not taken in to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Its author has not been here lately (61010) or is nobody (40003), or it is no picture (40004): another try is no use.
    ForGood(Trouble),
    /// Another try makes sense.
    ForNow(Trouble),
}

/// The platform's opinion in an answer or a push; none when there is none that can be read.
pub fn opinion(body: &Value) -> Option<Opinion> {
    let result = body.get("result")?;
    let suggest: Suggest = result.get("suggest")?.as_str()?.parse().ok()?;
    Some(Opinion { suggest, label: result.get("label").and_then(answer::integer) })
}

impl Wechat {
    /// What the platform thinks of words that this person wrote. Longer ones are judged by their first 2,500 characters.
    ///
    /// # Errors
    /// No opinion: the platform is away, throttles, or does not know the person at the moment (61010: not here for two hours).
    pub async fn check_text(&self, openid: &str, scene: Scene, content: &str) -> Result<Opinion, Trouble> {
        let content: String = content.chars().take(LONGEST_TEXT).collect();
        let body = json!({ "version": 2, "openid": openid, "scene": scene.number(), "content": content });
        let answer = self.post_within(TEXT, "wxa/msg_sec_check", &body, TEXT_WITHIN).await.map_err(|lost| lost.trouble)?;
        let trouble = |reason| Trouble { api: TEXT, errcode: answer.number(), reason };
        if answer.errcode != 0 {
            return Err(trouble("refused"));
        }
        opinion(&answer.body).ok_or_else(|| trouble("an answer without a suggestion"))
    }

    /// Has the platform look at a picture of this person, which it fetches from `url`; the name under which its verdict will come.
    pub async fn check_picture(&self, openid: &str, scene: Scene, url: &str) -> Result<String, NotTaken> {
        let body = json!({ "media_url": url, "media_type": 2, "version": 2, "openid": openid, "scene": scene.number() });
        let answer = self.post_with_token(MEDIA, "wxa/media_check_async", &body).await.map_err(|lost| NotTaken::ForNow(lost.trouble))?;
        let trouble = |reason| Trouble { api: MEDIA, errcode: answer.number(), reason };
        match answer.errcode {
            0 => answer::text(&answer.body, "trace_id").ok_or_else(|| NotTaken::ForNow(trouble("an answer without a trace"))),
            40003 | 40004 | 61010 => Err(NotTaken::ForGood(trouble("refused"))),
            _ => Err(NotTaken::ForNow(trouble("refused"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opinion_is_read_from_the_suggestion_and_from_nothing_else() {
        let of = |body: Value| opinion(&body);
        let risky = Opinion { suggest: Suggest::Risky, label: Some(20006) };
        assert_eq!(of(json!({ "errcode": 0, "result": { "suggest": "risky", "label": 20006 } })), Some(risky));
        assert_eq!(of(json!({ "result": { "suggest": "pass" } })), Some(Opinion { suggest: Suggest::Pass, label: None }));
        for none in [
            json!({}),
            json!({ "errcode": 0 }),
            json!({ "result": {} }),
            json!({ "result": { "suggest": "fine" } }),
            json!({ "result": "pass" }),
        ] {
            assert_eq!(of(none), None);
        }
    }
}
