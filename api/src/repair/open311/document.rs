//! The shapes of Open311's answers, for the document. What is sent is built as a tree (`shape`), because XML and JSON share it;
//! the tests hold the one against the other.

#![allow(dead_code)]

use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ArrayBuilder, Content, ObjectBuilder, Response};

/// Lets a refusal have the standard's shape beside ours, which an address without a known format gets.
pub fn own_shape(response: &mut Response) {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let error = ObjectBuilder::new().property("code", text()).property("description", text()).required("code").required("description");
    response.content.insert("application/json".to_owned(), Content::new(Some(ArrayBuilder::new().items(error).build())).into());
    response.content.insert("text/xml".to_owned(), Content::new(Some(text().build())).into());
}

/// Where the standard is spoken.
#[derive(ToSchema)]
#[schema(as = Open311Discovery)]
pub struct Discovery {
    contact: String,
    key_service: String,
    endpoints: Vec<Endpoint>,
}

#[derive(ToSchema)]
#[schema(as = Open311Endpoint)]
pub struct Endpoint {
    specification: String,
    url: String,
    #[schema(rename = "type")]
    kind: String,
    formats: Vec<String>,
}

/// A category of repairs.
#[derive(ToSchema)]
#[schema(as = Open311Service)]
pub struct Service {
    #[schema(example = "lighting")]
    service_code: String,
    service_name: String,
    description: String,
    /// Always false: no service asks for more.
    metadata: bool,
    /// Always `realtime`.
    #[schema(rename = "type")]
    kind: String,
    keywords: String,
    group: String,
}

#[derive(ToSchema)]
#[schema(as = Open311ServiceDefinition)]
pub struct ServiceDefinition {
    service_code: String,
    /// Always empty.
    attributes: Vec<String>,
}

/// A request that was taken.
#[derive(ToSchema)]
#[schema(as = Open311Made)]
pub struct Made {
    service_request_id: String,
    service_notice: String,
    account_id: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = Open311Token)]
pub struct Token {
    service_request_id: String,
    token: String,
}

/// A repair ticket.
#[derive(ToSchema)]
#[schema(as = Open311Request)]
pub struct ServiceRequest {
    service_request_id: String,
    /// `open` or `closed`.
    #[schema(example = "open")]
    status: String,
    status_notes: String,
    service_name: String,
    service_code: String,
    description: String,
    agency_responsible: Option<String>,
    service_notice: String,
    requested_datetime: String,
    updated_datetime: String,
    /// When it is promised to be resolved; null while the clock stands still.
    expected_datetime: Option<String>,
    address: Option<String>,
    /// A home's id.
    address_id: Option<String>,
    zipcode: Option<String>,
    lat: Option<f64>,
    long: Option<f64>,
    media_url: Option<String>,
}

/// Something that happened to a request.
#[derive(ToSchema)]
#[schema(as = Open311Update)]
pub struct RequestUpdate {
    update_id: String,
    service_request_id: String,
    /// `open` or `closed`.
    #[schema(example = "open")]
    status: String,
    /// The ticket's own state.
    #[schema(example = "on_site")]
    external_status_code: Option<String>,
    updated_datetime: String,
    description: Option<String>,
    media_url: Option<String>,
}

/// A report, as a form.
#[derive(ToSchema)]
pub struct Open311RequestForm {
    api_key: String,
    /// The community's id; the key's own community when it is left out.
    #[schema(nullable = false)]
    jurisdiction_id: Option<String>,
    #[schema(example = "lighting")]
    service_code: String,
    /// One of `lat` and `long`, `address_string`, `address_id` says where it is.
    #[schema(nullable = false)]
    lat: Option<f64>,
    #[schema(nullable = false)]
    long: Option<f64>,
    #[schema(nullable = false)]
    address_string: Option<String>,
    /// A home's id.
    #[schema(nullable = false)]
    address_id: Option<String>,
    /// Up to 2,000 characters; its first line becomes the title.
    #[schema(nullable = false)]
    description: Option<String>,
    /// Kept and told on, never fetched.
    #[schema(nullable = false)]
    media_url: Option<String>,
    #[schema(nullable = false)]
    first_name: Option<String>,
    #[schema(nullable = false)]
    last_name: Option<String>,
    #[schema(nullable = false)]
    phone: Option<String>,
    #[schema(nullable = false)]
    email: Option<String>,
    #[schema(nullable = false)]
    account_id: Option<String>,
    #[schema(nullable = false)]
    device_id: Option<String>,
}

/// An update that was taken.
#[derive(ToSchema)]
#[schema(as = Open311Taken)]
pub struct Taken {
    /// Ours: as `servicerequestupdates` lists it.
    update_id: String,
}

/// An update, as a form.
#[derive(ToSchema)]
pub struct Open311UpdateForm {
    api_key: String,
    /// The community's id; the key's own community when it is left out.
    #[schema(nullable = false)]
    jurisdiction_id: Option<String>,
    #[schema(example = "tkt_01h455vb4pex5vsknk084sn02q")]
    service_request_id: String,
    /// The client's own name for the update, up to 200 characters: sent again, it changes nothing more.
    #[schema(nullable = false)]
    update_id: Option<String>,
    /// Read, and not kept: what counts is when it came.
    #[schema(nullable = false)]
    updated_datetime: Option<String>,
    /// `open` or `closed`, where it is to change.
    #[schema(nullable = false)]
    status: Option<String>,
    /// Up to 2,000 characters; 500 where the status changes.
    description: String,
    /// Kept with the words, never fetched.
    #[schema(nullable = false)]
    media_url: Option<String>,
    /// Passed over, as are the names and the telephone: who added something is the client's to know.
    #[schema(nullable = false)]
    email: Option<String>,
}
