//! What log-in speaks.

use std::collections::HashMap;

use deserr::Deserr;
use jiazai_domain::actor::{Grant, PrincipalId, PrincipalKind};
use jiazai_domain::api_key::{ApiKeyId, Scope};
use jiazai_domain::kernel::mask;
use jiazai_infra::api_key;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity as store;
use jiazai_infra::vault::Vault;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, code};
use crate::input::named::{CommunityRef, PrincipalRef, Text16, Text64, Text256};
use crate::input::{Faults, Ref};

/// A code from `wx.login` or from the phone number button.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Login {
    #[schema(inline)]
    pub code: Text256,
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct StaffLogin {
    #[schema(inline)]
    pub username: Text64,
    #[schema(inline)]
    pub password: Password,
    /// The six digits of the one-time code, for accounts that have one.
    #[schema(inline)]
    #[deserr(default)]
    pub totp: Option<Text16>,
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Refresh {
    #[schema(inline)]
    pub refresh_token: Text256,
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Logout {
    #[schema(inline)]
    #[deserr(default)]
    pub refresh_token: Option<Text256>,
}

/// A password as it was typed: not trimmed, spaces and all.
pub struct Password(pub String);

impl Deserr<Faults> for Password {
    fn deserialize_from_value<V: deserr::IntoValue>(value: deserr::Value<V>, at: deserr::ValuePointerRef) -> Result<Self, Faults> {
        let text = crate::input::string(value, at)?;
        match text.chars().count() {
            0 => crate::input::fault(at, "blank", "不能为空", "must not be blank"),
            1..=128 => Ok(Self(text)),
            _ => crate::input::fault(at, "too_long", "最多 128 个字", "must have at most 128 characters"),
        }
    }
}

impl utoipa::PartialSchema for Password {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Password)))
            .min_length(Some(1))
            .max_length(Some(128))
            .into()
    }
}
impl ToSchema for Password {}

/// A log-in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionDto {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds that the access token is good for.
    pub expires_in: i64,
    /// Spend it at `/auth/refresh` for the next one.
    pub refresh_token: String,
    pub principal: Principal,
}

/// A role, in a community or on the whole platform.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoleDto {
    #[schema(example = "dispatcher")]
    pub role: &'static str,
    /// Absent: the whole platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub community_id: Option<CommunityRef>,
}

impl From<&Grant> for RoleDto {
    fn from(grant: &Grant) -> Self {
        Self { role: grant.role.as_str(), community_id: grant.community.map(Ref) }
    }
}

/// Who somebody is to this system.
#[derive(Debug, Serialize, ToSchema)]
pub struct Principal {
    #[schema(inline)]
    pub id: PrincipalRef,
    /// `resident`, `staff` or `client`.
    #[schema(example = "resident")]
    pub kind: &'static str,
    pub display_name: String,
    pub roles: Vec<RoleDto>,
    /// The bound phone number, all but its first three and last two digits hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "138******78")]
    pub phone_masked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
}

impl Principal {
    pub fn load(tx: &mut Tx, vault: &Vault, id: PrincipalId) -> Result<Self, ApiError> {
        let principal = store::principal(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        let grants = store::grants_of(tx, id)?;
        let phone = masked_phone(tx, vault, id)?;
        let scopes = match principal.kind {
            PrincipalKind::Client => {
                api_key::find(tx, ApiKeyId::from_uuid(id.uuid()))?.map(|key| key.scopes.iter().map(Scope::to_string).collect())
            }
            PrincipalKind::Resident | PrincipalKind::Staff => None,
        };
        Ok(Self {
            id: Ref(id),
            kind: principal.kind.as_str(),
            display_name: principal.display_name,
            roles: grants.iter().map(RoleDto::from).collect(),
            phone_masked: phone,
            scopes,
        })
    }
}

/// As [`masked_phone`], for a page of rows.
pub fn masked_phones(tx: &mut Tx, vault: &Vault, ids: impl Iterator<Item = PrincipalId>) -> Result<HashMap<PrincipalId, String>, DbError> {
    let mut ids: Vec<PrincipalId> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let phones = store::phones_of(tx, vault, &ids)?;
    Ok(phones.into_iter().map(|(id, phone)| (id, mask::phone(phone.expose()))).collect())
}

/// The bound phone number as others may see it.
pub fn masked_phone(tx: &mut Tx, vault: &Vault, id: PrincipalId) -> Result<Option<String>, DbError> {
    Ok(store::phone_of(tx, vault, id)?.map(|phone| mask::phone(phone.expose())))
}
