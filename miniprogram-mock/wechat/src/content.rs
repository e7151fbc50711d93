//! Content security 内容安全: `POST /wxa/msg_sec_check` for words and `POST /wxa/media_check_async` for pictures and sound.
//!
//! What is risky is a table of keywords, which a test adds to; for a picture the test says what will be found. As on the
//! platform, forbidden words come back with errcode 0, and the verdict stands in `result.suggest`.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::gateway::{Call, Success};
use crate::login::Login;
use crate::push::Event;
use crate::random;
use crate::refusal::{CODE_EXPIRED, INVALID_MEDIA_TYPE, INVALID_OPENID, INVALID_SCENE, RISKY_CONTENT, Refusal, WRONG_ARGUMENT};
use crate::subscribe::is_openid;

/// Words that were last seen within this time may be checked for a person; outside of it the platform says 61010.
pub(crate) const SEEN_WITHIN_MS: i64 = 2 * 3_600_000;
const MOST_CHARACTERS: usize = 2500;
pub(crate) const MOST_KEYWORDS: usize = 1000;
const MOST_PLANNED: usize = 1000;
/// The first-generation check that a call without `version` falls back to.
const FIRST_GENERATION: i64 = 1;

/// What the platform thinks of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Suggest {
    Pass,
    Review,
    Risky,
}

impl Suggest {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Pass, Self::Review, Self::Risky].into_iter().find(|suggest| suggest.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Review => "review",
            Self::Risky => "risky",
        }
    }
}

/// A suggestion and what it is about: 100 normal, 10001 advertising, 20001 politics, 20002 porn, 20003 abuse, 20006 crime,
/// 20008 fraud, 20012 vulgar, 20013 copyright, 21000 other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) suggest: Suggest,
    pub(crate) label: i64,
}

pub(crate) const LABELS: &[i64] = &[100, 10001, 20001, 20002, 20003, 20006, 20008, 20012, 20013, 21000];
const CLEAN: Verdict = Verdict { suggest: Suggest::Pass, label: 100 };

pub(crate) struct Content {
    keywords: Vec<(String, Verdict)>,
    /// What will be found in the next pictures.
    planned: VecDeque<Verdict>,
}

/// A picture or sound on its way to its verdict.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) url: String,
    pub(crate) openid: String,
    pub(crate) trace_id: String,
    pub(crate) verdict: Verdict,
}

impl Content {
    pub(crate) fn new() -> Self {
        let keywords = vec![
            ("违禁示例".to_owned(), Verdict { suggest: Suggest::Risky, label: 20006 }),
            ("辱骂示例".to_owned(), Verdict { suggest: Suggest::Risky, label: 20003 }),
            ("广告示例".to_owned(), Verdict { suggest: Suggest::Review, label: 10001 }),
        ];
        Self { keywords, planned: VecDeque::new() }
    }

    /// Adds a keyword; the number there is now, or `None` when there are too many.
    pub(crate) fn teach(&mut self, keyword: String, verdict: Verdict) -> Option<usize> {
        self.keywords.retain(|(known, _)| *known != keyword);
        if self.keywords.len() >= MOST_KEYWORDS {
            return None;
        }
        self.keywords.push((keyword, verdict));
        Some(self.keywords.len())
    }

    /// What will be found in the next so many pictures; false when too many are planned.
    pub(crate) fn plan(&mut self, verdict: Verdict, times: usize) -> bool {
        if self.planned.len() + times > MOST_PLANNED {
            return false;
        }
        self.planned.extend(std::iter::repeat_n(verdict, times));
        true
    }

    /// The worst keyword in a text.
    fn judge(&self, text: &str) -> (Verdict, Option<&str>) {
        let hits = self.keywords.iter().filter(|(keyword, _)| text.contains(keyword.as_str()));
        let worst = hits.max_by_key(|(_, verdict)| verdict.suggest == Suggest::Risky);
        worst.map_or((CLEAN, None), |(keyword, verdict)| (*verdict, Some(keyword)))
    }
}

/// Whose content it is: an openid that was here within two hours.
fn author(login: &mut Login, body: &Map<String, Value>, now_ms: i64) -> Result<String, Refusal> {
    let openid = body.get("openid").and_then(Value::as_str).filter(|openid| is_openid(openid)).ok_or(INVALID_OPENID)?;
    if login.seen_ms(openid).is_none_or(|at| now_ms - at > SEEN_WITHIN_MS) {
        return Err(CODE_EXPIRED);
    }
    Ok(openid.to_owned())
}

fn scene(body: &Map<String, Value>) -> Result<(), Refusal> {
    if body.get("scene").and_then(Value::as_i64).is_some_and(|scene| (1..=4).contains(&scene)) { Ok(()) } else { Err(INVALID_SCENE) }
}

pub(crate) fn msg_sec_check(content: &mut Content, login: &mut Login, call: &Call<'_>) -> Result<Success, Refusal> {
    let body = call.json()?;
    let text = body.get("content").and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(WRONG_ARGUMENT)?;
    if text.chars().count() > MOST_CHARACTERS {
        return Err(WRONG_ARGUMENT);
    }
    // Escaped Chinese is not understood, so whatever it says passes unseen.
    let unread = call.body_has(b"\\u");
    let (verdict, keyword) = if unread { (CLEAN, None) } else { content.judge(text) };
    if body.get("version").and_then(Value::as_i64).unwrap_or(FIRST_GENERATION) == FIRST_GENERATION {
        // No longer kept up to date, and another way to say no.
        return match verdict.suggest {
            Suggest::Risky => Err(RISKY_CONTENT),
            _ => Ok(Success::ok(json!({"errcode": 0, "errmsg": "ok"}))
                .meaning("旧版文字检查（缺少 version）：通过 · the old text check, because `version` is missing: passed".to_owned())),
        };
    }
    scene(&body)?;
    let openid = author(login, &body, call.now_ms)?;
    let Verdict { suggest, label } = verdict;
    let mut by_keyword = json!({"strategy": "keyword", "errcode": 0});
    if let Some(keyword) = keyword {
        by_keyword =
            json!({"strategy": "keyword", "errcode": 0, "suggest": suggest.name(), "label": label, "keyword": keyword, "level": 90});
    }
    let meaning =
        format!("检查 {openid} 的文字（{0} 字）：{1} {label} · words of {openid} checked: {1}", text.chars().count(), suggest.name());
    let answer = json!({
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": suggest.name(), "label": label},
        // An item may hold its strategy alone.
        "detail": [{"strategy": "content_model", "errcode": 0, "suggest": suggest.name(), "label": label, "prob": 90}, by_keyword],
        "trace_id": trace_id(call.now_ms),
    });
    Ok(Success::ok(answer).meaning(meaning))
}

pub(crate) fn media_check_async(content: &mut Content, login: &mut Login, call: &Call<'_>) -> Result<Success, Refusal> {
    let body = call.json()?;
    let url = body.get("media_url").and_then(Value::as_str).unwrap_or_default();
    if !(url.starts_with("http://") || url.starts_with("https://")) || url.len() > 2048 {
        return Err(WRONG_ARGUMENT);
    }
    if !body.get("media_type").and_then(Value::as_i64).is_some_and(|kind| kind == 1 || kind == 2) {
        return Err(INVALID_MEDIA_TYPE);
    }
    scene(&body)?;
    let openid = author(login, &body, call.now_ms)?;
    let trace_id = trace_id(call.now_ms);
    let verdict = content.planned.pop_front().unwrap_or(CLEAN);
    let meaning = format!("收下 {openid} 的图片，稍后推送结果 · a picture of {openid} taken in, the verdict follows by push");
    let media = Media { url: url.to_owned(), openid, trace_id: trace_id.clone(), verdict };
    Ok(Success::ok(json!({"errcode": 0, "errmsg": "ok", "trace_id": trace_id})).meaning(meaning).looking_at(media))
}

/// The verdict as it is pushed; `fetched` is false when the picture could not be had.
pub(crate) fn verdict_event(media: &Media, appid: &str, fetched: bool, errcode: Option<i64>) -> Event {
    let errcode = errcode.unwrap_or(if fetched { 0 } else { -1008 });
    let mut fields = Map::new();
    fields.insert("appid".into(), appid.into());
    fields.insert("trace_id".into(), media.trace_id.clone().into());
    fields.insert("version".into(), 2.into());
    fields.insert("errcode".into(), errcode.into());
    fields.insert("errmsg".into(), if errcode == 0 { "ok" } else { "download failed" }.into());
    if errcode == 0 {
        let Verdict { suggest, label } = media.verdict;
        fields.insert("result".into(), json!({"suggest": suggest.name(), "label": label}));
        fields.insert(
            "detail".into(),
            json!([{"strategy": "content_model", "errcode": 0, "suggest": suggest.name(), "label": label, "prob": 90}]),
        );
    }
    Event { openid: media.openid.clone(), name: "wxa_media_check".into(), fields, nested_in: None }
}

/// The first group is the second of the call in hex, as in the ids of requests.
fn trace_id(now_ms: i64) -> String {
    format!("{:08x}-{}-{}", now_ms / 1000, random::hex::<8>(), random::hex::<8>())
}
