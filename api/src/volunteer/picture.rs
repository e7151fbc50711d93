//! What is printed or shown on a screen: QR pictures 二维码, and the page of a certificate.
//!
//! The page is self-contained (no script, no font, no picture from elsewhere), so that it prints as it is shown and can be
//! kept as a PDF by any browser.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use jiazai_domain::volunteer::Certificate;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::error::{ApiError, code};

/// A QR code as SVG with its quiet zone, of medium error correction: a thumb on the screen does not matter.
pub fn qr(content: &str) -> Result<String, ApiError> {
    // What is shown here is short, so it always fits; should it ever not, that is a bug and no panic.
    let picture = QrCode::with_error_correction_level(content, EcLevel::M).map_err(|error| {
        tracing::error!(%error, "a QR code could not be made");
        ApiError::new(code::INTERNAL)
    })?;
    let drawn = picture.render::<svg::Color>().min_dimensions(240, 240).quiet_zone(true).build();
    // Within a page the declaration of a document of its own has no place.
    Ok(drawn.split_once("?>").map_or(drawn.clone(), |(_, svg)| svg.trim_start().to_owned()))
}

/// Text as it stands in HTML, in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn spoken(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} 分钟"),
        (hours, 0) => format!("{hours} 小时"),
        (hours, rest) => format!("{hours} 小时 {rest} 分钟"),
    }
}

const STYLE: &str = "body{font-family:'Songti SC','SimSun','Noto Serif CJK SC',serif;color:#222;background:#fff;margin:0}\
main{max-width:38rem;margin:2rem auto;padding:2.5rem;border:4px double #a33;text-align:center}\
h1{letter-spacing:.3em;font-size:1.7rem;margin:0 0 1.5rem}p{line-height:2;margin:.6rem 0}b{font-size:1.2em}\
.code{font-family:monospace;font-size:1.1rem;letter-spacing:.08em}.stamp{margin-top:1.5rem;text-align:right}\
.void{color:#a33;font-weight:bold;border:2px solid #a33;display:inline-block;padding:.2rem 1rem}\
svg{width:9rem;height:9rem}small{color:#666}@media print{main{margin:0 auto;border-color:#000}}";

/// The page that anybody sees who holds the code. `at` is its own address, which the QR code on it leads to.
pub fn certificate_page(certificate: &Certificate, at: &str) -> Result<HttpResponse, ApiError> {
    let f = certificate.facts();
    let (name, issuer, code) = (escaped(&f.masked_name), escaped(&f.issuer), f.code.to_string());
    let day = |at: jiazai_domain::kernel::time::Timestamp| at.local().format("%Y年%-m月%-d日").to_string();
    let standing = match &f.revoked {
        None => "<p>本证书真实有效。</p>".to_owned(),
        Some(revoked) => format!("<p class=\"void\">本证书已于 {} 作废</p>", day(revoked.at)),
    };
    let page = format!(
        "<!DOCTYPE html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>志愿服务证书 {code}</title><style>{STYLE}</style></head><body><main>\
         <h1>志愿服务证书</h1><p><b>{name}</b></p><p>截至 {issued}，在{issuer}累计志愿服务 <b>{served}</b>（{minutes} 分钟）。</p>{standing}\
         <p class=\"stamp\">{issuer}<br>{issued}</p><p>{qr}</p><p class=\"code\">{code}</p>\
         <p><small>姓名已作部分隐去，请与持证人核对。扫描二维码或输入证书编号即可查验。</small></p></main></body></html>",
        issued = day(f.issued_at),
        served = spoken(f.minutes),
        minutes = f.minutes,
        qr = qr(at)?,
    );
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((VARY, "Accept"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"))
        .body(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_picture_and_nothing_else() {
        let drawn = qr("7K3M9QXA").expect("a picture");
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"), "{drawn}");
    }

    #[test]
    fn nothing_breaks_out_of_the_page() {
        assert_eq!(escaped("<b a='1'>\"&"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
    }

    #[test]
    fn minutes_are_spoken_as_people_speak_them() {
        assert_eq!([45, 120, 125].map(spoken), ["45 分钟", "2 小时", "2 小时 5 分钟"]);
    }
}
