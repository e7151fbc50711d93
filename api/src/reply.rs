//! What a command answers: a status, a few headers, JSON. Made inside the transaction, so that it can be stored with
//! the effect for a repeat of the same request.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// An answer, before it becomes HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: ReplyHeaders,
    pub body: Vec<u8>,
}

/// The headers that belong to the answer itself and not to one transmission of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHeaders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Reply {
    /// 200 with the resource.
    pub fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        let mut text = Vec::with_capacity(1024);
        serde_json::to_writer(&mut text, body).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            ApiError::new(crate::error::code::INTERNAL)
        })?;
        Ok(Self { status: 200, headers: ReplyHeaders::default(), body: text })
    }

    /// 201 with the resource and where it is.
    pub fn created(location: String, body: &impl Serialize) -> Result<Self, ApiError> {
        let mut reply = Self::ok(body)?;
        reply.status = 201;
        reply.headers.location = Some(location);
        Ok(reply)
    }

    /// 204.
    pub fn nothing() -> Self {
        Self { status: 204, headers: ReplyHeaders::default(), body: vec![] }
    }

    /// The version of the resource, which becomes its `ETag`.
    pub fn version(mut self, version: i64) -> Self {
        self.headers.version = Some(version);
        self
    }

    pub fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        if let Some(version) = self.headers.version {
            response.insert_header((ETAG, format!("\"{version}\"")));
        }
        if let Some(location) = self.headers.location {
            response.insert_header((LOCATION, location));
        }
        if let Some(link) = self.headers.link {
            response.insert_header((LINK, link));
        }
        if self.body.is_empty() {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, "application/json"));
        response.body(self.body)
    }
}
