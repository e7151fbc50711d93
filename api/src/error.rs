//! Refusals: every non-2xx answer is an RFC 9457 problem document, made here and nowhere else.
//!
//! A *code* ([`Code`]) is a stable word that programs act on. It brings its HTTP status and its title in two languages.
//! An [`ApiError`] is one occurrence: the code, perhaps a more precise sentence, and what the caller needs to go on
//! (faulty fields, the present state, the allowed actions, when to try again). It never carries a value that the caller
//! sent, a cause, or SQL; causes go to the log under the request id.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use jiazai_domain::actor::Forbidden;
use jiazai_infra::db::DbError;
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub zh: &'static str,
    pub en: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $status:literal $name:literal $zh:literal $en:literal;)+) => {
        $(pub const $constant: &Code = &Code { name: $name, status: $status, zh: $zh, en: $en };)+
        /// Every code there is; the OpenAPI document and `GET /problems/{code}` are made from it.
        pub const ALL: &[&Code] = &[$($constant),+];
    };
}

pub mod code {
    use super::Code;

    codes! {
        MALFORMED_JSON = 400 "malformed_json" "请求正文不是有效的 JSON" "The body is not valid JSON";
        QUERY_INVALID = 400 "query_invalid" "查询参数无效" "A query parameter is invalid";
        CURSOR_INVALID = 400 "cursor_invalid" "翻页游标无效，请从第一页重新查询" "The cursor is invalid; start again from the first page";
        HEADER_INVALID = 400 "header_invalid" "请求头无效" "A request header is invalid";
        BAD_REQUEST = 400 "bad_request" "无法理解该请求" "The request cannot be understood";
        UNAUTHENTICATED = 401 "unauthenticated" "请先登录" "Log in first";
        TOKEN_INVALID = 401 "token_invalid" "登录凭证无效，请重新登录" "The access token is not valid; log in again";
        TOKEN_EXPIRED = 401 "token_expired" "登录已过期，请刷新凭证" "The access token has expired; refresh it";
        SESSION_REVOKED = 401 "session_revoked" "登录已失效，请重新登录" "The session has ended; log in again";
        WECHAT_CODE_INVALID = 401 "wechat_code_invalid" "微信登录凭证无效或已使用，请重试" "The WeChat code is invalid or was used; get a new one";
        CREDENTIALS_INVALID = 401 "credentials_invalid" "用户名、密码或动态码不正确" "User name, password or one-time code is wrong";
        REFRESH_INVALID = 401 "refresh_invalid" "刷新凭证无效，请重新登录" "The refresh token is not valid; log in again";
        REFRESH_REUSED = 401 "refresh_reused" "刷新凭证被重复使用，为安全起见已退出登录" "The refresh token was used before; for safety the session has ended";
        FORBIDDEN = 403 "forbidden" "您没有权限进行此操作" "You may not do this";
        NOT_FOUND = 404 "not_found" "没有找到" "Not found";
        METHOD_NOT_ALLOWED = 405 "method_not_allowed" "不支持该请求方法" "The method is not supported here";
        REQUEST_TIMEOUT = 408 "request_timeout" "请求内容接收超时，请重试" "The body did not arrive in time; try again";
        STATE_CONFLICT = 409 "state_conflict" "当前状态不允许此操作" "The present state does not allow this";
        STALE = 409 "stale" "数据已被他人修改，请刷新后重试" "Somebody else has changed this; reload and try again";
        DUPLICATE = 409 "duplicate" "已存在相同的记录" "This exists already";
        IDEMPOTENCY_IN_FLIGHT = 409 "idempotency_in_flight" "同一请求正在处理中，请稍候" "The same request is still being processed";
        PRECONDITION_FAILED = 412 "precondition_failed" "数据已更新，请刷新后重试" "The version is not the current one; reload and try again";
        PAYLOAD_TOO_LARGE = 413 "payload_too_large" "上传内容过大" "The body is too large";
        UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "不支持该内容类型" "The content type is not supported";
        VALIDATION_FAILED = 422 "validation_failed" "填写的内容有误，请检查" "Some values are not valid";
        UNKNOWN_FIELD = 422 "unknown_field" "含有未知字段" "The body has a field that is not known";
        IDEMPOTENCY_MISMATCH = 422 "idempotency_mismatch" "幂等键已用于内容不同的请求" "The idempotency key was used for a different request";
        PRECONDITION_REQUIRED = 428 "precondition_required" "修改前请提供 If-Match 版本号" "Send If-Match with the version you have seen";
        RATE_LIMITED = 429 "rate_limited" "操作过于频繁，请稍后再试" "Too many requests; try again later";
        ACCOUNT_LOCKED = 429 "account_locked" "密码错误次数过多，账号已暂时锁定" "Too many wrong passwords; the account is locked for a while";
        INTERNAL = 500 "internal" "系统内部错误，请联系管理员并提供请求编号" "Something went wrong on our side; give the request id to support";
        DATABASE_UNAVAILABLE = 503 "database_unavailable" "系统繁忙，请稍后再试" "The database is unavailable; try again shortly";
        WECHAT_THROTTLED = 503 "wechat_throttled" "微信登录繁忙，请一分钟后再试" "WeChat is throttling us; try again in a minute";
        WECHAT_UNAVAILABLE = 503 "wechat_unavailable" "微信服务暂时不可用，请稍后再试" "WeChat is unavailable; try again shortly";
        BUSY = 503 "busy" "系统繁忙，请稍后再试" "The server is busy; try again shortly";
        STORAGE_UNAVAILABLE = 503 "storage_unavailable" "文件存储暂时不可用，请稍后再试" "The file store is unavailable; try again shortly";

        URGED_RECENTLY = 429 "urged_recently" "您刚刚催过单，请稍后再催" "You have urged this ticket just now; wait a while";
        PASSWORD_UNCHANGED = 409 "password_unchanged" "新密码与当前密码相同" "The new password equals the present one";
        SHIFT_FULL = 409 "shift_full" "名额和候补均已满" "The shift and its waiting list are full";
        ALREADY_SIGNED_UP = 409 "already_signed_up" "您已报名该班次" "You have signed up for this shift already";
        TIME_CONFLICT = 409 "time_conflict" "与您已报名的其他班次时间冲突" "You have another shift at the same time";
        NOT_OPEN = 409 "not_open" "当前不能报名" "Signing up is not open";
        HOUSEHOLD_LIMIT = 409 "household_limit" "您家的名额已用完" "Your household has as many places as it may have";
        HOUSEHOLD_UNKNOWN = 403 "household_unknown" "该活动按户限额，请先完成住户认证" "Places are limited by household; have your home confirmed first";
        TOO_MANY_PROPOSALS = 409 "too_many_proposals" "该报名提出的换班申请过多" "This place has been offered for a swap too often";
        TOO_MANY_CERTIFICATES = 429 "too_many_certificates" "今日开具的证书过多，请稍后再试" "You were given many certificates today; wait a while";
        NOT_ELIGIBLE = 403 "not_eligible" "您不符合该活动的报名条件" "You do not meet the conditions of this activity";
        BLOCKED_AFTER_NO_SHOWS = 409 "blocked_after_no_shows" "因多次缺席，暂时不能报名" "You have missed too many shifts and cannot sign up for a while";
        TOO_LATE_TO_CANCEL = 409 "too_late_to_cancel" "已超过最晚取消时间，请联系领队" "It is too late to cancel; talk to the leader";
        OFFER_EXPIRED = 409 "offer_expired" "候补名额已过期" "The offer has expired";
        CAPACITY_IN_USE = 409 "capacity_in_use" "已报名或候补的人数超过新的名额" "More people have a place, or wait, than would fit";
        NOTHING_TO_CERTIFY = 409 "nothing_to_certify" "还没有可以开具证书的志愿时长" "There are no hours to certify yet";
        ALREADY_REVOKED = 409 "already_revoked" "证书已作废" "The certificate was revoked before";
        CANNOT_SWAP = 409 "cannot_swap" "不能换班" "These places cannot be swapped";
        BALANCE_INSUFFICIENT = 409 "balance_insufficient" "积分不足" "There are not enough points";
        BALANCE_TOO_LARGE = 409 "balance_too_large" "积分超过上限" "The account would hold too much";
        ALREADY_REVERSED = 409 "already_reversed" "该笔积分已冲正" "The entry was reversed before";
        ALREADY_SPENT = 409 "already_spent" "积分已被使用，余额不足以冲正" "The points were spent and the balance cannot make up for them";
        NOT_REVERSIBLE = 409 "not_reversible" "该笔积分不能冲正" "The entry cannot be reversed";
        ALREADY_BOUND = 409 "already_bound" "您已绑定或已申请绑定该房屋" "You are bound to this home already, or have asked to be";
        TOO_MANY_PENDING = 409 "too_many_pending" "您有太多事项尚未办结，请等待处理或先撤回" "Too much of yours is still waiting; wait for it, or take some back";
        ROUND_NOT_OPEN = 409 "round_not_open" "当前不在该批次的登记时间内" "The round does not take applications now";
        CHILD_ALREADY_REGISTERED = 409 "child_already_registered" "该儿童在本批次已有登记" "The child is registered in this round already";
        TOO_MANY_DRAFTS = 409 "too_many_drafts" "您在本批次的草稿过多，请先提交或撤回" "You keep too many drafts in this round; hand one in or withdraw it";
        TOO_MANY_APPLICATIONS = 409 "too_many_applications" "您在本批次的登记过多" "You have applied as often in this round as anybody may";
        HOME_LEFT = 409 "home_left" "您已不再绑定登记所用的房屋，不能凭该房屋确认入学" "You speak for the home no longer on which the seat was given";
        TOO_MANY_FILES = 409 "too_many_files" "您上传后未使用的文件过多，请先用在表单中或稍后再传" "Too many of your files belong to nothing yet; use them first, or come back later";
        TOO_LATE = 409 "too_late" "已超过办理时限" "The time for this has passed";
        SEAT_LOCKED = 409 "seat_locked" "该房屋的学位已被其他家庭使用" "The home's seat is another family's in this period";
        SCHOOL_FULL = 409 "school_full" "该校学位已满" "The school has no seat left";
        UNDECIDED = 409 "undecided" "按规则还不能确定类别" "The rules cannot decide with what is known";
        NO_TIER = 409 "no_tier" "按规则不符合任何类别，请作不通过处理" "By the rules there is no tier; reject it instead";
        DRAW_NEEDED = 409 "draw_needed" "同等条件的儿童需要摇号，请先摇号并公开结果" "Children stand alike; make a draw and reveal it first";
        DRAW_EXISTS = 409 "draw_exists" "本批次已有一次摇号，不能再摇" "The round has its draw; there is no second one";
        COMMITMENT_MISMATCH = 409 "commitment_mismatch" "种子与事先公布的哈希不一致" "The seed is not the one whose hash was published";
        SAME_REVIEWER = 403 "same_reviewer" "初审人不能复核" "Whoever verified cannot recheck";
        RELATED_REVIEWER = 403 "related_reviewer" "与申请家庭有关联，须回避" "Whoever is related to the family keeps out";
        CONSENT_REQUIRED = 422 "consent_required" "须先取得监护人同意" "A guardian's consent is asked for first";
        DOCUMENTS_MISSING = 422 "documents_missing" "缺少必需的材料" "Papers that are asked for are missing";
        DIFFERENCE_UNEXPLAINED = 422 "difference_unexplained" "审核结果与提交时告知的不同，请说明原因" "The result is another one than the family was told; say why";
        TOO_EARLY = 409 "too_early" "居民办理的时间尚未结束" "Families may still use the time that this would end";
        OBJECTIONS_PENDING = 409 "objections_pending" "还有未处理完的异议" "An objection is not dealt with yet";
        SEATS_LOWERED = 409 "seats_lowered" "派位之后学位只能增加" "Once seats are allocated, no school's may be lowered";
        TOO_MANY_WEBHOOKS = 409 "too_many_webhooks" "回调地址数量已达上限" "There are as many endpoints as there may be";
        FILE_DAMAGED = 422 "file_damaged" "文件已损坏或无法读取" "The file is damaged or cannot be read";
    }

    /// The code with this name.
    pub fn named(name: &str) -> Option<&'static Code> {
        ALL.iter().copied().find(|code| code.name == name)
    }
}

/// The two languages that residents, staff and integrators read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    Chinese,
    English,
}

impl Language {
    /// Chinese unless English is asked for with a higher weight.
    pub fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut weights = [0f32; 2];
        for choice in wanted.split(',') {
            let mut parts = choice.trim().split(';');
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let slot = match tag.split('-').next() {
                Some("zh") => 0,
                Some("en") => 1,
                _ => continue,
            };
            weights[slot] = weights[slot].max(weight);
        }
        if weights[1] > weights[0] { Self::English } else { Self::Chinese }
    }

    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bilingual {
    pub zh: String,
    pub en: String,
}

/// One faulty value in a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: String,
    pub code: &'static str,
    pub detail: Bilingual,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: Bilingual { zh: zh.into(), en: en.into() } }
    }
}

/// One occurrence of a refusal.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Occurrence>);

#[derive(Debug, Clone)]
struct Occurrence {
    code: &'static Code,
    detail: Option<Bilingual>,
    faults: Vec<Fault>,
    state: Option<&'static str>,
    allowed_actions: Option<Vec<&'static str>>,
    retry_after_s: Option<u64>,
    allow: Option<String>,
}

impl ApiError {
    pub fn new(code: &'static Code) -> Self {
        let retry_after_s = (code.status == 503).then_some(2);
        Self(Box::new(Occurrence { code, detail: None, faults: vec![], state: None, allowed_actions: None, retry_after_s, allow: None }))
    }

    /// Says more precisely what is wrong, in both languages; never with a value that was sent.
    pub fn because(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.0.detail = Some(Bilingual { zh: zh.into(), en: en.into() });
        self
    }

    pub fn invalid(faults: Vec<Fault>) -> Self {
        // A caller who only sent too much hears that in the code itself.
        let only_unknown = faults.iter().all(|fault| fault.code == code::UNKNOWN_FIELD.name);
        let mut error = Self::new(if only_unknown { code::UNKNOWN_FIELD } else { code::VALIDATION_FAILED });
        error.0.faults = faults;
        error
    }

    /// One faulty field.
    pub fn fault(pointer: &str, code: &'static str, zh: &str, en: &str) -> Self {
        Self::invalid(vec![Fault::new(pointer, code, zh, en)])
    }

    /// Tells of other faulty fields too, where it is about fields at all.
    pub fn beside(self, mut found: Vec<Fault>) -> Self {
        if ![code::VALIDATION_FAILED, code::UNKNOWN_FIELD].contains(&self.0.code) {
            return self;
        }
        found.extend(self.0.faults);
        Self::invalid(found)
    }

    /// The faulty fields; the refusal itself when it is about something else.
    pub fn into_faults(self) -> Result<Vec<Fault>, Self> {
        if [code::VALIDATION_FAILED, code::UNKNOWN_FIELD].contains(&self.0.code) { Ok(self.0.faults) } else { Err(self) }
    }

    /// Names the faulty field of a refusal that has a code of its own: every 422 says where.
    pub fn at(mut self, pointer: &str) -> Self {
        let Occurrence { code, detail, .. } = &*self.0;
        let said = detail.clone().unwrap_or_else(|| Bilingual { zh: code.zh.to_owned(), en: code.en.to_owned() });
        self.0.faults = vec![Fault { pointer: pointer.to_owned(), code: code.name, detail: said }];
        self
    }

    pub fn query(parameter: &str, zh: &str, en: &str) -> Self {
        Self::new(code::QUERY_INVALID).because(format!("参数 {parameter}：{zh}"), format!("Parameter {parameter}: {en}"))
    }

    /// The resource's state and what the caller may do in it instead.
    pub fn in_state(mut self, state: &'static str, allowed_actions: Vec<&'static str>) -> Self {
        self.0.state = Some(state);
        self.0.allowed_actions = Some(allowed_actions);
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds.max(1));
        self
    }

    pub fn allow(mut self, methods: &str) -> Self {
        self.0.allow = Some(methods.to_owned());
        self
    }

    /// What is wrong, as one text: for shapes that have no place for more.
    pub fn sentence(&self, language: Language) -> String {
        let Occurrence { code, detail, faults, .. } = &*self.0;
        let said = detail.as_ref().map_or(language.pick(code.zh, code.en), |text| language.pick(&text.zh, &text.en)).to_owned();
        let each = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.pointer.trim_start_matches('/'), language.pick(&fault.detail.zh, &fault.detail.en)));
        std::iter::once(said).chain(each).collect::<Vec<_>>().join("; ")
    }

    /// Seconds until another try makes sense.
    pub fn wait_s(&self) -> Option<u64> {
        self.0.retry_after_s
    }

    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// The answer, in the caller's language.
    pub fn render(&self, language: Language, request_id: &str) -> HttpResponse {
        let Occurrence { code, detail, faults, state, allowed_actions, retry_after_s, allow } = &*self.0;
        let problem = Problem {
            kind: format!("/problems/{}", code.name),
            title: language.pick(code.zh, code.en).to_owned(),
            status: code.status,
            detail: match detail {
                Some(text) => language.pick(&text.zh, &text.en).to_owned(),
                None => language.pick(code.zh, code.en).to_owned(),
            },
            code: code.name.to_owned(),
            request_id: request_id.to_owned(),
            errors: (!faults.is_empty()).then(|| {
                faults
                    .iter()
                    .map(|fault| FieldProblem {
                        pointer: fault.pointer.clone(),
                        code: fault.code.to_owned(),
                        detail: language.pick(&fault.detail.zh, &fault.detail.en).to_owned(),
                    })
                    .collect()
            }),
            state: state.map(str::to_owned),
            allowed_actions: allowed_actions.as_ref().map(|actions| actions.iter().map(|a| (*a).to_owned()).collect()),
        };
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = retry_after_s {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = allow {
            response.insert_header((actix_web::http::header::ALLOW, methods.as_str()));
        }
        if code.status == 401 {
            response.insert_header((WWW_AUTHENTICATE, challenge(code)));
        }
        // The document is made of strings and numbers; writing it cannot fail.
        response.body(serde_json::to_vec(&problem).unwrap_or_default())
    }
}

fn challenge(code: &Code) -> HeaderValue {
    // RFC 6750 §3.1: only a token that was sent can be an invalid one; a wrong password is not.
    let token_was_bad = [self::code::TOKEN_INVALID, self::code::TOKEN_EXPIRED, self::code::SESSION_REVOKED].contains(&code);
    HeaderValue::from_static(if token_was_bad { r#"Bearer error="invalid_token""# } else { "Bearer" })
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.name)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Only reached when the middleware that knows language and request id was not; the shape is the same.
    fn error_response(&self) -> HttpResponse {
        self.render(Language::default(), "")
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Duplicate => Self::new(code::DUPLICATE),
            DbError::Stale => Self::new(code::STALE),
            error if error.is_temporary() => {
                tracing::warn!(%error, "database unavailable");
                Self::new(code::DATABASE_UNAVAILABLE)
            }
            error => {
                tracing::error!(%error, "database error");
                Self::new(code::INTERNAL)
            }
        }
    }
}

impl From<Forbidden> for ApiError {
    fn from(_: Forbidden) -> Self {
        Self::new(code::FORBIDDEN)
    }
}

/// An RFC 9457 problem document: what every answer outside 2xx and 304 looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where this kind of problem is explained, relative to the server.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/not_found")]
    pub kind: String,
    /// The kind of problem in a few words, in the caller's language.
    pub title: String,
    /// The HTTP status, repeated.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong this time, in the caller's language. Not for programs.
    pub detail: String,
    /// The word that programs act on.
    #[schema(example = "not_found", pattern = "^[a-z0-9_]+$")]
    pub code: String,
    /// Quote this to support; the log has it.
    pub request_id: String,
    /// Every faulty value of the body (422 only).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<FieldProblem>>,
    /// The state that stood in the way (409, where there is one).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<String>,
    /// What this caller may do in that state (409, where there is one).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub allowed_actions: Option<Vec<String>>,
}

/// One faulty value.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// JSON Pointer into the request body.
    #[schema(example = "/child/id_number")]
    pub pointer: String,
    #[schema(example = "too_long", pattern = "^[a-z0-9_]+$")]
    pub code: String,
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_meaning_and_a_client_or_server_status() {
        for (i, code) in code::ALL.iter().enumerate() {
            assert!((400..=599).contains(&code.status), "{}", code.name);
            assert!(code.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", code.name);
            assert!(code::ALL[i + 1..].iter().all(|other| other.name != code.name), "{} twice", code.name);
        }
    }

    #[test]
    fn chinese_is_spoken_unless_english_is_preferred() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(value).expect("a header value"));
            Language::of(&headers)
        };
        assert_eq!(Language::of(&HeaderMap::new()), Language::Chinese);
        assert_eq!(of("en"), Language::English);
        assert_eq!(of("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(of("en-GB;q=0.9, zh;q=0.1"), Language::English);
        assert_eq!(of("fr;;q=x,,"), Language::Chinese);
    }
}
