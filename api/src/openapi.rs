//! The OpenAPI document: made from the routes, served as JSON and YAML, committed as `openapi.yaml`.

use std::sync::OnceLock;

use actix_web::web::ServiceConfig;
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app;
use crate::error::{FieldProblem, Problem};
use crate::route::Api;

const DESCRIPTION: &str = "\
The backend of a neighbourhood: residents report and register, staff answer within promised times, partners connect.\n\n\
Every refusal is a problem document (RFC 9457) whose `code` programs act on; `GET /problems/{code}` explains it. \
Send `Idempotency-Key` with a POST to make repeating it harmless, `If-Match` with the `ETag` you have seen to change \
only what you have seen. Lists are paged by `cursor`. In a query, an empty value, `null` and `undefined` count as absent: that is what \
mini-program wrappers send; a JSON body that is empty counts as `{}`. Details are in Chinese unless `Accept-Language` prefers English.";

/// The document of this build.
pub fn document() -> OpenApi {
    tidy(untidied())
}

/// As it comes from the derives: the fields of each shape in the order in which they were declared.
pub fn untidied() -> OpenApi {
    let mut start = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("家在 jiazai")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .contact(Some(ContactBuilder::new().name(Some("家在")).build()))
                .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
                .build(),
        )
        .servers(Some([utoipa::openapi::Server::new("/")]))
        .tags(Some(TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())))
        .build();
    let components = start.components.get_or_insert_with(Default::default);
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema()), (FieldProblem::name().into_owned(), FieldProblem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("An access token from a log-in, or an API key.".to_owned());
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    let mut api = Api::new("", Some(start));
    app::operations(&mut api);
    // The document was put in two lines above; only `into_document` takes it out.
    api.into_document().unwrap_or_default()
}

/// Mends what the derives cannot say: whoever generates a client from the document should find one name for each shape.
fn tidy(document: OpenApi) -> OpenApi {
    let Ok(mut value) = serde_json::to_value(&document) else { return document };
    let schemas = value.pointer("/components/schemas").and_then(Value::as_object);
    let spoken: Vec<String> = schemas.map(|map| map.keys().cloned().collect()).unwrap_or_default();
    let mut asked = Vec::new();
    if let Some(paths) = value.get("paths") {
        bodies(paths, &mut asked);
    }
    if let Some(schemas) = value.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        // What a page lists is named like everything else.
        for (name, page) in schemas.iter_mut() {
            let item = name.strip_prefix("Page_").filter(|item| spoken.iter().any(|known| known == item));
            if let (Some(item), Some(slot)) = (item, page.pointer_mut("/properties/items/items")) {
                *slot = json!({ "$ref": format!("#/components/schemas/{item}") });
            }
        }
        // A body with a field that nobody knows is refused.
        let mut i = 0;
        while let Some(name) = asked.get(i).cloned() {
            i += 1;
            let Some(schema) = schemas.get_mut(&name) else { continue };
            if schema.get("type") == Some(&json!("object")) && !name.ends_with("Form") {
                schema["additionalProperties"] = json!(false);
            }
            refs(schema, &mut asked);
        }
    }
    // What an answer may hold as null it always holds; what it may leave out is declared as never null.
    if let Some(schemas) = value.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (_, schema) in schemas.iter_mut().filter(|(name, _)| !asked.contains(name)) {
            require_nullable(schema);
        }
    }
    merge(&mut value);
    let mut text = value.to_string();
    for name in spoken.iter().filter(|name| name.ends_with("Dto")) {
        let plain = name.trim_end_matches("Dto");
        text = text.replace(&format!("\"{name}\":"), &format!("\"{plain}\":"));
        text = text.replace(&format!("#/components/schemas/{name}\""), &format!("#/components/schemas/{plain}\""));
    }
    serde_json::from_str(&text).unwrap_or(document)
}

/// Adds the properties that may be null to those that are required.
fn require_nullable(schema: &mut Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let null = json!("null");
    let is_null = |kind: Option<&Value>| match kind {
        Some(Value::Array(kinds)) => kinds.contains(&null),
        Some(kind) => *kind == null,
        None => false,
    };
    let nullable = |property: &Value| {
        is_null(property.get("type"))
            || property.get("oneOf").and_then(Value::as_array).is_some_and(|forms| forms.iter().any(|form| is_null(form.get("type"))))
    };
    let found: Vec<Value> = properties.iter().filter(|(_, property)| nullable(property)).map(|(name, _)| json!(name)).collect();
    let mut required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    required.extend(found.into_iter().filter(|name| !schema["required"].as_array().is_some_and(|known| known.contains(name))));
    if !required.is_empty() {
        schema["required"] = Value::Array(required);
    }
}

/// The names of the schemas that JSON bodies have.
fn bodies(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, inner)| if key == "requestBody" { refs(inner, names) } else { bodies(inner, names) })
        }
        Value::Array(items) => items.iter().for_each(|inner| bodies(inner, names)),
        _ => {}
    }
}

/// The names of the schemas that are referred to, each once.
fn refs(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| match inner {
            Value::String(at) if key == "$ref" => {
                let name = at.rsplit('/').next().unwrap_or_default().to_owned();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            other => refs(other, names),
        }),
        Value::Array(items) => items.iter().for_each(|inner| refs(inner, names)),
        _ => {}
    }
}

/// The derive describes an inline field by `allOf: [the schema, an object with the description]`, and no string is an
/// object: the description belongs to the schema itself.
fn merge(value: &mut Value) {
    if let Some([schema, Value::Object(extra)]) = value.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
        && extra.get("type") == Some(&json!("object"))
        && !extra.contains_key("properties")
    {
        let mut merged = schema.clone();
        if let Value::Object(merged) = &mut merged {
            merged.extend(extra.iter().filter(|(key, _)| *key != "type").map(|(key, inner)| (key.clone(), inner.clone())));
        }
        *value = merged;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(merge),
        Value::Array(items) => items.iter_mut().for_each(merge),
        _ => {}
    }
}

const TAGS: &[(&str, &str)] = &[
    ("identity", "Logging in and out, and who I am 登录"),
    ("notices", "Subscription messages and their consents 订阅消息"),
    ("content", "What is held until somebody has looked at it 内容审核"),
    ("wechat", "What WeChat's servers ask and tell us 微信推送"),
    ("staff", "Accounts of staff and their roles 工作人员"),
    ("api_keys", "Keys of client programs 接口密钥"),
    ("registry", "Communities, buildings, homes, people 社区与房屋"),
    ("repair", "Repair tickets from report to rating 报修"),
    ("volunteer", "Activities, shifts, sign-ups, hours and certificates 志愿服务"),
    ("enrolment", "Schools, enrolment rounds, applications and draws 入学登记"),
    ("points", "Points and the ledger that they stand in 积分"),
    ("events", "What has happened, to be followed 事件流"),
    ("webhooks", "Endpoints that are told of what happens 回调"),
    ("audit", "Who did and saw what 审计"),
    ("open311", "Open311 GeoReport v2 over repair tickets, for city applications 城市服务接口"),
    ("files", "Photos and documents 附件"),
    ("meta", "State machines and dictionaries 元数据"),
    ("operations", "For operators and monitoring 运维"),
];

static JSON: OnceLock<String> = OnceLock::new();
static YAML: OnceLock<String> = OnceLock::new();

/// Made when first asked for: starting should not wait for it.
pub fn json() -> &'static str {
    // A document made of our own types always has a JSON and a YAML form; a test asks for both.
    JSON.get_or_init(|| document().to_json().unwrap_or_default())
}

pub fn yaml() -> &'static str {
    YAML.get_or_init(|| document().to_yaml().unwrap_or_default())
}

/// `/docs`: Swagger UI with all its files in the binary. It reads the document from `/openapi.json`.
pub fn serve_docs(config: &mut ServiceConfig) {
    config.service(actix_web::web::redirect("/docs", "/docs/"));
    config.service(SwaggerUi::new("/docs/{_:.*}").config(Config::new(["/openapi.json"]).try_it_out_enabled(true)));
}
