//! Communities over HTTP: which there are, and founding one.

use deserr::Deserr;
use jiazai_domain::actor::Community;
use jiazai_infra::community::{self as store};
use jiazai_infra::db::DbError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{CommunityRef, Text2To40, Text40};
use crate::input::{Faults, Instant, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(create_community, Access::Roles(&[])).refuses(&[code::DUPLICATE]))
        .add(op!(list_communities, Access::Public).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_community, Access::Public));
}

/// A community 社区.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Community)]
pub struct CommunityDto {
    #[schema(inline)]
    pub id: CommunityRef,
    /// Chosen by people and never changed.
    pub code: String,
    pub name: String,
    pub version: i64,
    #[schema(inline)]
    pub created_at: Instant,
}

impl From<store::Community> for CommunityDto {
    fn from(community: store::Community) -> Self {
        Self {
            id: Ref(community.id),
            code: community.code,
            name: community.name,
            version: community.version,
            created_at: community.created_at.into(),
        }
    }
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewCommunity {
    /// Lower-case letters, digits and dashes; unique and never changed. Left out: made from the id.
    #[schema(inline)]
    #[deserr(default)]
    pub code: Option<Text2To40>,
    #[schema(inline)]
    pub name: Text40,
}

/// Found a community
#[utoipa::path(post, path = "/communities", tag = "registry", operation_id = "create_community",
    request_body(content = NewCommunity, example = json!({ "code": "dongtu", "name": "东涂社区" })), responses((status = 201, body = CommunityDto, headers(("ETag" = String)))))]
async fn create_community(call: Call) -> Outcome {
    let body: NewCommunity = call.body()?;
    if let Some(word) = &body.code
        && !word.0.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    {
        let (zh, en) = ("只能含小写字母、数字、横线和下划线", "must be lower-case letters, digits, dashes or underscores");
        return Err(ApiError::fault("/code", "code_format", zh, en));
    }
    call.write(move |tx, cx| {
        cx.actor()?.platform_admin()?;
        let id = tx.new_id();
        let word = body.code.as_ref().map_or_else(|| id.text(), |word| word.0.clone());
        store::insert(tx, id, &word, &body.name.0).map_err(|error| match error {
            DbError::Duplicate => ApiError::new(code::DUPLICATE).because("社区代码已被使用", "The code is taken"),
            other => other.into(),
        })?;
        let made = store::find(tx, id)?.ok_or_else(|| ApiError::new(code::INTERNAL))?;
        Ok(Reply::created(format!("/api/v1/communities/{id}"), &CommunityDto::from(made))?.version(1))
    })
    .await
}

/// List communities
///
/// Oldest first.
#[utoipa::path(get, path = "/communities", tag = "registry", operation_id = "list_communities",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<CommunityDto>)))]
async fn list_communities(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, |tx, _, window| {
        let rows = store::list(tx, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |community| community.id.text(), CommunityDto::from))
    })
    .await
}

/// One community
#[utoipa::path(get, path = "/communities/{id}", tag = "registry", operation_id = "get_community", params(("id" = String, Path)),
    responses((status = 200, body = CommunityDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_community(call: Call, id: At<Community>) -> Outcome {
    call.read_brief(move |tx, _| {
        let community = store::find(tx, id.0)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        let version = community.version;
        Ok(Reply::ok(&CommunityDto::from(community))?.version(version))
    })
    .await
}
