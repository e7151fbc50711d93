//! `/app/`: the browser build of the mini-program, served by the demo so that `cargo run` alone shows something to click.
//!
//! Files are read when asked for, so a fresh build shows at once. `demo.json` tells the page where WeChat's stand-in
//! listens: there the page plays the phone. Never in production, where WeChat delivers the client and a page that hands
//! out log-in codes has no place.

use std::path::{Path, PathBuf};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::error::{ApiError, code};

/// Where the build is when the server was started in the source tree; `JIAZAI_APP_DIR` names another folder.
const BUILD: &str = "miniprogram-mock/app/dist/build/h5";

const NOT_BUILT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>家在</title><body style=\"font:16px/1.7 sans-serif;margin:3em\">\
<h1>家在</h1><p>网页版尚未构建。The browser version is not built yet:</p>\
<pre>cd miniprogram-mock/app &amp;&amp; npm install &amp;&amp; npm run build</pre>";

/// The page itself needs the simulator's port, and pictures that it has fetched with a token.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
connect-src 'self' blob: data: http://127.0.0.1:* http://localhost:*; base-uri 'self'; frame-ancestors 'none'";

pub struct DemoApp {
    folder: PathBuf,
    simulator: Option<String>,
}

impl DemoApp {
    /// `simulator`: the base address of WeChat's stand-in, if this process runs one.
    pub fn new(simulator: Option<String>) -> Self {
        let folder = std::env::var_os("JIAZAI_APP_DIR").map_or_else(|| PathBuf::from(BUILD), PathBuf::from);
        Self { folder, simulator }
    }
}

pub fn routes(config: &mut ServiceConfig, demo: Data<DemoApp>) {
    config
        .app_data(demo)
        .route("/app", web::get().to(|| async { HttpResponse::MovedPermanently().insert_header((LOCATION, "/app/")).finish() }))
        .route("/app/demo.json", web::get().to(about))
        .route("/app/{path:.*}", web::get().to(file));
}

async fn about(demo: Data<DemoApp>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({"simulator": demo.simulator}))
}

async fn file(request: HttpRequest, demo: Data<DemoApp>) -> Result<HttpResponse, ApiError> {
    let asked = request.match_info().query("path");
    let name = if asked.is_empty() { "index.html" } else { asked };
    let path = beneath(&demo.folder, name).ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let Ok(bytes) = tokio::fs::read(&path).await else {
        if name == "index.html" {
            return Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(NOT_BUILT));
        }
        return Err(ApiError::new(code::NOT_FOUND));
    };
    // The build puts a hash of the content into the names below `assets/`.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .content_type(content_type(&path))
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(bytes))
}

/// The file of that name, or nothing if the name could lead elsewhere.
fn beneath(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    name.split('/').all(plain).then(|| folder.join(name))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_served() {
        let folder = Path::new("build");
        assert_eq!(beneath(folder, "assets/index-1a_b.js"), Some(folder.join("assets/index-1a_b.js")));
        for name in ["", "../secret", "assets/../../secret", "/etc/passwd", "assets//x", ".env", "a\\b", "assets/%2e%2e"] {
            assert_eq!(beneath(folder, name), None, "{name}");
        }
    }
}
