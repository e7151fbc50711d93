//! What an Open311 client sent: its key, its jurisdiction, its filters.
//!
//! What is not known here is passed over: clients of a standard send what other servers want.

use jiazai_domain::actor::CommunityId;
use jiazai_domain::api_key::Scope;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::TicketId;
use jiazai_infra::repair::Asked;

use super::{MOST, WINDOW_S};
use crate::auth::by_key;
use crate::call::Call;
use crate::error::{ApiError, code};

pub fn unknown_jurisdiction() -> ApiError {
    ApiError::new(code::NOT_FOUND)
        .because("没有这个 jurisdiction_id（应为社区编号）", "There is no such jurisdiction_id; it is a community's id")
}

pub fn unknown_service() -> ApiError {
    ApiError::new(code::NOT_FOUND).because("没有这个 service_code", "There is no such service_code")
}

fn wrong(name: &str, zh: &str, en: &str) -> ApiError {
    ApiError::query(name, zh, en)
}

/// The parameters of a request, from wherever they came.
pub struct Given(Vec<(String, String)>);

/// Without a key, or with a good one.
pub async fn perhaps(call: Call) -> Result<(Call, Given), ApiError> {
    let given = Given::query(&call)?;
    match given.key(&call)? {
        None => Ok((call, given)),
        Some(key) => Ok((proven(call, &key, None).await?, given)),
    }
}

/// With a key that has the scope.
pub async fn with_key(call: Call, needs: Scope) -> Result<(Call, Given), ApiError> {
    let given = Given::query(&call)?;
    let key = given.key(&call)?.ok_or_else(keyless)?;
    Ok((proven(call, &key, Some(needs)).await?, given))
}

/// The same of a form; the query counts too, because clients put `jurisdiction_id` there.
pub async fn posted(call: Call, needs: Scope) -> Result<(Call, Given), ApiError> {
    let mut given = Given::query(&call)?;
    let unreadable = || {
        ApiError::new(code::BAD_REQUEST)
            .because("正文应为 application/x-www-form-urlencoded", "The body must be application/x-www-form-urlencoded")
    };
    let form = call.form().ok_or_else(unreadable)?;
    given.0.retain(|(name, _)| !form.iter().any(|(field, _)| field == name));
    given.0.extend(form);
    let key = given.key(&call)?.ok_or_else(keyless)?;
    Ok((proven(call, &key, Some(needs)).await?, given))
}

fn keyless() -> ApiError {
    ApiError::new(code::UNAUTHENTICATED).because("缺少 api_key", "api_key is missing")
}

async fn proven(call: Call, key: &str, needs: Option<Scope>) -> Result<Call, ApiError> {
    let identity = by_key(&call, key, needs).await.map_err(|error| match error.code().status {
        401 => error.because("api_key 无效", "The api_key is not valid"),
        _ => error,
    })?;
    Ok(call.acting_as(identity))
}

/// The last part of the path: what it names, and the format behind the point.
pub fn last_part(call: &Call) -> Option<(String, String)> {
    let (name, format) = call.request.path().rsplit('/').next()?.rsplit_once('.')?;
    Some((name.to_owned(), format.to_owned()))
}

/// What the last part of the path names. Ids and codes need no percent signs; what has some names nothing.
pub fn named_in_path(call: &Call) -> String {
    last_part(call).map(|(name, _)| name).unwrap_or_default()
}

/// A ticket by the id in the path.
pub fn ticket_in_path(call: &Call) -> Result<TicketId, ApiError> {
    named_in_path(call).parse().map_err(|_| ApiError::new(code::NOT_FOUND))
}

impl Given {
    fn query(call: &Call) -> Result<Self, ApiError> {
        let unreadable = |_| ApiError::new(code::QUERY_INVALID).because("查询字符串无法解析", "The query string cannot be read");
        serde_urlencoded::from_str(call.request.query_string()).map(Self).map_err(unreadable)
    }

    /// The parameter, if it is there and says something.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(wrong(name, "重复出现", "is given twice")),
            (Some(""), _) | (None, _) => Ok(None),
            (Some(value), None) if value.len() > 16_384 => Err(wrong(name, "过长", "is too long")),
            (Some(value), None) => Ok(Some(value)),
        }
    }

    /// What the client shows, in the place that the standard has for it or in the usual one.
    fn key(&self, call: &Call) -> Result<Option<String>, ApiError> {
        if let Some(key) = self.one("api_key")? {
            return Ok(Some(key.to_owned()));
        }
        let header = call.request.headers().get(actix_web::http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|text| text.trim().split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        Ok(bearer.map(|(_, token)| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    /// The community that is meant: the one that is named, or the key's own.
    pub fn jurisdiction(&self, call: &Call) -> Result<CommunityId, ApiError> {
        let own = call.actor().ok().map(|who| who.grants.iter().find_map(|grant| grant.community));
        let asked: Option<CommunityId> =
            self.one("jurisdiction_id")?.map(|text| text.parse().map_err(|_| unknown_jurisdiction())).transpose()?;
        match (asked, own) {
            // Another community's key sees nothing of this one, not even that it is there.
            (Some(asked), Some(Some(own))) if asked != own => Err(unknown_jurisdiction()),
            (Some(asked), _) => Ok(asked),
            (None, Some(Some(own))) => Ok(own),
            (None, _) => Err(wrong("jurisdiction_id", "必填", "is required")),
        }
    }

    fn number(&self, name: &'static str, otherwise: i64) -> Result<i64, ApiError> {
        match self.one(name)?.map(str::parse::<i64>) {
            None => Ok(otherwise),
            Some(Ok(n @ 1..=MOST)) => Ok(n),
            Some(_) => Err(wrong(name, "应为 1 到 1000", "must be from 1 to 1000")),
        }
    }

    /// How many, and how many before them.
    pub fn page(&self) -> Result<(i64, i64), ApiError> {
        let (page, size) = (self.number("page", 1)?, self.number("page_size", MOST)?);
        Ok((size, (page - 1) * size))
    }

    pub fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        // `+` in a query is a space to everybody who decodes it; clients forget.
        let parsed = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        let at = parsed.map_err(|_| wrong(name, "应为带时区的 ISO 8601 时间", "must be an ISO 8601 date and time with a zone"))?;
        Ok(Some(Timestamp::from_millis(at.timestamp_millis())))
    }

    /// From when to when.
    pub fn span(&self, now: Timestamp, otherwise_s: i64) -> Result<(Timestamp, Timestamp), ApiError> {
        let to = self.moment("end_date")?;
        let from = self.moment("start_date")?;
        let end = to.unwrap_or(now);
        Ok((from.unwrap_or_else(|| end.plus_seconds(-otherwise_s)), end))
    }

    fn several(&self, name: &'static str) -> Result<Vec<&str>, ApiError> {
        let all: Vec<&str> =
            self.one(name)?.map(|text| text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()).unwrap_or_default();
        if all.len() > 100 { Err(wrong(name, "至多 100 个", "is at most 100 of them")) } else { Ok(all) }
    }

    /// All tickets of a community.
    pub fn everything(community: CommunityId) -> Asked {
        Asked {
            community,
            ids: vec![],
            categories: vec![],
            open: None,
            from: None,
            to: None,
            changed_from: None,
            changed_to: None,
            limit: MOST,
            offset: 0,
        }
    }

    /// What a list of requests is narrowed to.
    pub fn requests(&self, community: CommunityId, now: Timestamp) -> Result<Asked, ApiError> {
        let ids = self.several("service_request_id")?;
        let known = ids.iter().map(|text| text.parse().map_err(|_| ApiError::new(code::NOT_FOUND)));
        let statuses = self.several("status")?;
        let is = |word: &str| statuses.iter().any(|status| status.eq_ignore_ascii_case(word));
        if statuses.iter().any(|status| !["open", "closed"].iter().any(|word| status.eq_ignore_ascii_case(word))) {
            return Err(wrong("status", "应为 open 或 closed", "must be open or closed"));
        }
        let (limit, offset) = self.page()?;
        let (changed_from, changed_to) = (self.moment("updated_after")?, self.moment("updated_before")?);
        let (from, to) = (self.moment("start_date")?, self.moment("end_date")?);
        // The standard's window, unless the client says which it wants; ids are wanted whenever they are of.
        let bounded = from.is_some() || changed_from.is_some() || !ids.is_empty();
        let from = if bounded { from } else { Some(to.unwrap_or(now).plus_seconds(-WINDOW_S)) };
        Ok(Asked {
            ids: known.collect::<Result<_, _>>()?,
            categories: self.several("service_code")?.into_iter().map(str::to_owned).collect(),
            open: if is("open") == is("closed") { None } else { Some(is("open")) },
            from,
            to,
            changed_from,
            changed_to,
            limit,
            offset,
            ..Self::everything(community)
        })
    }
}
