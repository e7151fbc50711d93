//! The OpenAPI document: made from the routes, served as JSON and YAML, committed as `openapi.yaml`.

use std::sync::OnceLock;

use actix_web::web::ServiceConfig;
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
only what you have seen. Lists are paged by `cursor`. Details are in Chinese unless `Accept-Language` prefers English.";

/// The document of this build.
pub fn document() -> OpenApi {
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
    bearer.description = Some("An access token from a log-in.".to_owned());
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    let mut api = Api::new("", Some(start));
    app::operations(&mut api);
    // The document was put in two lines above; only `into_document` takes it out.
    api.into_document().unwrap_or_default()
}

const TAGS: &[(&str, &str)] = &[
    ("identity", "Logging in and out, and who I am 登录"),
    ("notices", "Subscription messages and their consents 订阅消息"),
    ("staff", "Accounts of staff and their roles 工作人员"),
    ("registry", "Communities, buildings, homes, people 社区与房屋"),
    ("repair", "Repair tickets from report to rating 报修"),
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
