//! The document's side of an operation: what its own annotations leave out because it follows from its shape, and who may call it.

use std::collections::BTreeMap;

use actix_web::http::Method;
use jiazai_domain::actor::Role;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Deprecated, Header, Object, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema};

use super::{Access, Limit, NewOp, Programs};
use crate::bulk;
use crate::error::{Code, code};
use crate::input::id_pattern;

/// Adds to the document what the operation's own annotations leave out because it follows from its shape.
pub(super) fn describe(document: &mut OpenApi, path: &str, new: &NewOp, mut operation: Operation, schemas: Vec<(String, RefOr<Schema>)>) {
    let components = document.components.get_or_insert_with(Default::default);
    components.schemas.extend(schemas);

    let mut refuses: Vec<&'static Code> = vec![code::INTERNAL, code::DATABASE_UNAVAILABLE];
    refuses.extend(&new.refuses);
    if new.op.limit != Limit::None {
        refuses.push(code::RATE_LIMITED);
    }
    let parameters = operation.parameters.get_or_insert_with(Vec::new);
    for parameter in parameters.iter_mut() {
        let RefOr::T(parameter) = parameter else { continue };
        if let (Some(pattern), Some(RefOr::T(Schema::Object(text)))) = (id_pattern_of(&parameter.name), &mut parameter.schema)
            && parameter.parameter_in == ParameterIn::Query
        {
            text.pattern = Some(pattern);
        }
        if parameter.name == "If-Match" {
            parameter.schema = Some(tags().into());
        }
    }
    if path.contains('{') {
        refuses.push(code::NOT_FOUND);
    }
    if parameters.iter().any(|p| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Query)) || new.method == Method::GET {
        refuses.push(code::QUERY_INVALID);
    }
    if operation.request_body.is_some() && !new.op.form {
        refuses.extend([
            code::REQUEST_TIMEOUT,
            code::MALFORMED_JSON,
            code::PAYLOAD_TOO_LARGE,
            code::UNSUPPORTED_MEDIA_TYPE,
            code::VALIDATION_FAILED,
            code::UNKNOWN_FIELD,
        ]);
    }
    let bearer = SecurityRequirement::new::<_, [String; 0], String>("bearer", []);
    operation.security = Some(match new.op.access {
        Access::Public => vec![SecurityRequirement::default()],
        Access::Perhaps => vec![SecurityRequirement::default(), bearer],
        _ => vec![bearer],
    });
    if !matches!(new.op.access, Access::Public | Access::Perhaps) {
        refuses.push(code::UNAUTHENTICATED);
    }
    if !matches!(new.op.access, Access::Public) {
        refuses.extend([code::TOKEN_INVALID, code::TOKEN_EXPIRED, code::SESSION_REVOKED, code::FORBIDDEN]);
        if let Programs::With(scope) = new.op.programs.filter(new.op.access) {
            say(&mut operation.description, format!("API keys: scope `{scope}`."));
        }
    }
    say(&mut operation.description, callers(new.op.access));
    if let Some(list) = new.op.list {
        let open = new.op.programs.filter(new.op.access) != Programs::None;
        bulk::describe(&mut operation.description, &mut operation.responses, list, open);
        refuses.push(code::QUERY_INVALID);
    }
    if let Some(ending) = &new.op.ending {
        operation.deprecated = Some(Deprecated::True);
        say(&mut operation.description, ending.words());
    }
    if new.op.keyed {
        parameters.push(
            header_parameter(
                "Idempotency-Key",
                false,
                ObjectBuilder::new().schema_type(Type::String).pattern(Some(KEY_PATTERN)).build(),
                "Makes a repeat harmless: the stored answer is sent again. 1 to 255 characters.",
            )
            .into(),
        );
        refuses.extend([code::IDEMPOTENCY_MISMATCH, code::IDEMPOTENCY_IN_FLIGHT, code::HEADER_INVALID]);
    }
    let acts = new.method == Method::POST && path.contains("}/") || new.method == Method::DELETE;
    if new.op.conditional || acts {
        parameters.push(header_parameter("If-Match", new.op.conditional, tags(), "The version last seen, as in `ETag`.").into());
        refuses.extend([code::PRECONDITION_FAILED, code::HEADER_INVALID]);
        if new.op.conditional {
            refuses.push(code::PRECONDITION_REQUIRED);
        }
    }

    let mut by_status: BTreeMap<u16, Vec<&'static Code>> = BTreeMap::new();
    for code in refuses {
        let known = by_status.entry(code.status).or_default();
        if !known.contains(&code) {
            known.push(code);
        }
    }
    for (status, codes) in by_status {
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| problem_response(status, &codes).into());
        if path.starts_with("/open311/")
            && let Some(RefOr::T(response)) = operation.responses.responses.get_mut(&status.to_string())
        {
            crate::repair::own_shape(response);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            response.description = if status == "201" { "Created" } else { "OK" }.to_owned();
        }
        response.headers.insert("X-Request-Id".to_owned(), header("Names this request in our log.", Type::String).into());
        if new.op.ending.is_some() {
            let (since, gone) = ("Since when not to build on it: `@` and seconds since 1970.", "From when on it may be gone.");
            response.headers.insert("Deprecation".to_owned(), header(since, Type::String).into());
            response.headers.insert("Sunset".to_owned(), header(gone, Type::String).into());
        }
        if status.starts_with('2') {
            if new.op.limit != Limit::None {
                response
                    .headers
                    .insert("RateLimit".to_owned(), header("What is left of the quota, as structured fields.", Type::String).into());
                response
                    .headers
                    .insert("RateLimit-Policy".to_owned(), header("The quotas that count, as structured fields.", Type::String).into());
            }
            if status == "201" && !response.headers.contains_key("Location") {
                response.headers.insert("Location".to_owned(), header("Where the new thing is.", Type::String).into());
            }
        }
    }
    let item = document.paths.paths.entry(path.to_owned()).or_default();
    let slot = match new.method {
        Method::POST => &mut item.post,
        Method::PUT => &mut item.put,
        Method::DELETE => &mut item.delete,
        _ => &mut item.get,
    };
    *slot = Some(operation);
}

/// Who may call it, in words.
fn callers(access: Access) -> String {
    let one_of = |roles: &[Role]| roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ");
    match access {
        Access::Public => "Open to everybody; an identity is not looked at.".to_owned(),
        Access::Perhaps => "Open to everybody; an identity that is sent counts.".to_owned(),
        Access::Anyone => "For everybody who has logged in.".to_owned(),
        Access::Residents => "For residents.".to_owned(),
        Access::Staff => "For staff.".to_owned(),
        Access::Roles(roles) => format!("For staff with one of the roles {}.", one_of(roles)),
        Access::ResidentsOr(roles) => format!("For residents, and staff with one of the roles {}.", one_of(roles)),
    }
}

/// Adds a paragraph to what is said of an operation.
pub fn say(description: &mut Option<String>, words: String) {
    *description = Some(match description.take() {
        Some(text) => format!("{text}\n\n{words}"),
        None => words,
    });
}

fn problem_response(status: u16, codes: &[&'static Code]) -> utoipa::openapi::Response {
    let words = codes.iter().map(|code| format!("`{}` {}", code.name, code.en)).collect::<Vec<_>>().join("; ");
    let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
    if let Some(first) = codes.first() {
        content.example = Some(serde_json::json!({
            "type": format!("/problems/{}", first.name),
            "title": first.zh,
            "status": status,
            "detail": first.zh,
            "code": first.name,
            "request_id": "0191c2f4a7c07b1e8d2f3a4b5c6d7e8f",
        }));
    }
    let mut response = ResponseBuilder::new().description(words).content("application/problem+json", content).build();
    let extra: &[(&str, &str, Type)] = match status {
        401 => &[("WWW-Authenticate", "The scheme to authenticate with.", Type::String)],
        429 | 503 => &[("Retry-After", "Seconds until another try makes sense.", Type::Integer)],
        _ => &[],
    };
    for (name, text, kind) in extra {
        response.headers.insert((*name).to_owned(), header(text, kind.clone()).into());
    }
    response
}

fn header(description: &str, kind: Type) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(kind).build());
    header.description = Some(description.to_owned());
    header
}

fn header_parameter(name: &str, required: bool, schema: Object, description: &str) -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(if required { Required::True } else { Required::False })
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// What `If-Match` may be.
fn tags() -> Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(TAGS_PATTERN)).examples(["\"1\""]).build()
}

/// 1 to 255 characters of printed ASCII without blanks at its ends. The lengths stand in the pattern alone: who generates values
/// from a document takes a pattern and a length for two wishes of which one will do.
const KEY_PATTERN: &str = "^[!-~]([ -~]{0,253}[!-~])?$";
/// `*`, or entity tags (RFC 9110, 8.8.3) separated by commas.
const TAGS_PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$"#;

/// The pattern of an id that stands in a query, by the parameter's name.
fn id_pattern_of(parameter: &str) -> Option<String> {
    use jiazai_domain::{actor, enrolment, registry};
    Some(match parameter {
        "community_id" => id_pattern::<actor::Community>(),
        "assignee" | "resident_id" | "visitor_id" => id_pattern::<actor::Principal>(),
        "home_id" => id_pattern::<registry::HomeIdKind>(),
        "building_id" => id_pattern::<registry::BuildingIdKind>(),
        "grid_id" => id_pattern::<registry::GridIdKind>(),
        "estate_id" => id_pattern::<registry::EstateIdKind>(),
        "group_id" => id_pattern::<registry::EstateGroupIdKind>(),
        "round_id" => id_pattern::<enrolment::RoundKind>(),
        _ => return None,
    })
}
