//! `POST /wxa/getwxacodeunlimit`: a mini-program code 小程序码 for a page and a scene.
//!
//! The platform's round picture is its own secret; here it is an ordinary QR code of `page?scene=…`, so that a test and a
//! person with a phone can read what the real one would have opened.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{EcLevel, QrCode};
use serde_json::Value;

use crate::gateway::{Call, Success};
use crate::refusal::{INVALID_ARGS, INVALID_PAGE, INVALID_SCENE, Refusal, SCENE_LENGTH};

const MOST_SCENE: usize = 32;
const QUIET: u32 = 4;

fn may_stand_in_a_scene(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'()*+,/:;=?@-._~".contains(&byte)
}

pub(crate) fn getwxacodeunlimit(call: &Call<'_>) -> Result<Success, Refusal> {
    let body = call.json()?;
    let scene = body.get("scene").and_then(Value::as_str).filter(|scene| !scene.is_empty()).ok_or(INVALID_SCENE)?;
    if scene.len() > MOST_SCENE {
        return Err(SCENE_LENGTH);
    }
    if !scene.bytes().all(may_stand_in_a_scene) {
        return Err(INVALID_SCENE);
    }
    let page = match body.get("page") {
        None | Some(Value::Null) => "",
        // Which pages were released is not known here, so any well-formed one exists.
        Some(Value::String(page)) if !page.starts_with('/') && !page.contains('?') => page,
        Some(_) => return Err(INVALID_PAGE),
    };
    let version = body.get("env_version").and_then(Value::as_str).unwrap_or("release");
    let width = body.get("width").map_or(Some(430), Value::as_u64).filter(|width| (280..=1280).contains(width)).ok_or(INVALID_ARGS)?;
    if !["release", "trial", "develop"].contains(&version) {
        return Err(INVALID_ARGS);
    }
    let picture = drawn(&format!("{page}?scene={scene}"), u32::try_from(width).unwrap_or(430)).ok_or(INVALID_ARGS)?;
    let meaning = format!("画一个小程序码，扫码打开 {page}（scene={scene}） · a mini-program code that opens {page}");
    Ok(Success::picture(picture).meaning(meaning))
}

/// A PNG of `width` pixels, or the next smaller number of whole modules.
fn drawn(content: &str, width: u32) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(content, EcLevel::M).ok()?;
    let modules = u32::try_from(code.width()).ok()?;
    let scale = (width / (modules + 2 * QUIET)).max(1);
    let colors = code.to_colors();
    let picture = GrayImage::from_fn(width, width, |x, y| {
        let (column, row) = ((x / scale).wrapping_sub(QUIET), (y / scale).wrapping_sub(QUIET));
        let dark = column < modules && row < modules && colors[(row * modules + column) as usize] == qrcode::Color::Dark;
        Luma([if dark { 0 } else { 255 }])
    });
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner())
}
