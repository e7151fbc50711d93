//! From uploaded bytes to a file that says what it is and nothing else.

use std::fmt;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::Arc;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::{PngDecoder, PngEncoder};
use image::codecs::webp::{WebPDecoder, WebPEncoder};
use image::{DynamicImage, ImageDecoder, ImageError, ImageResult, Limits};
use sha2::{Digest, Sha256};

use super::{FileError, LARGEST, pdf};

const LONGEST_SIDE: u32 = 12_000;
const MOST_PIXELS: u64 = 40_000_000;
/// What a decoder may allocate: 40 megapixels with four channels, and half as much to work with.
const MEMORY: u64 = 256 * 1024 * 1024;
const JPEG_QUALITY: u8 = 85;

/// What a file is, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    Jpeg,
    Png,
    Webp,
    Pdf,
}

impl ContentType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Pdf => "application/pdf",
        }
    }

    /// The type whose signature the bytes begin with; at the very beginning, so that nothing can be two things at once.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Self::Pdf),
            _ => None,
        }
    }
}

impl FromStr for ContentType {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Jpeg, Self::Png, Self::Webp, Self::Pdf].into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// A file that may be kept. Made by [`Files::accept`](super::Files::accept) only.
#[derive(Clone, PartialEq, Eq)]
pub struct CleanFile {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) content_type: ContentType,
    pub(super) sha256: [u8; 32],
    pub(super) pixels: Option<(u32, u32)>,
}

impl fmt::Debug for CleanFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CleanFile({}, {} bytes)", self.content_type.as_str(), self.bytes.len())
    }
}

impl CleanFile {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// Of the content as it is kept, not as it was uploaded.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// In pixels; `None` for a PDF.
    pub fn width(&self) -> Option<u32> {
        self.pixels.map(|(width, _)| width)
    }

    /// In pixels; `None` for a PDF.
    pub fn height(&self) -> Option<u32> {
        self.pixels.map(|(_, height)| height)
    }
}

pub(super) fn clean(upload: Vec<u8>) -> Result<CleanFile, FileError> {
    let found = ContentType::sniff(&upload).ok_or(FileError::UnsupportedType)?;
    if found == ContentType::Pdf {
        pdf::inspect(&upload)?;
        return Ok(finish(upload, ContentType::Pdf, None));
    }
    // Decoders read what strangers wrote; should one of them panic on it, that is the picture's fault.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(found, &upload))).unwrap_or(Err(FileError::Damaged))?;
    drop(upload);
    let pixels = Some((decoded.width(), decoded.height()));
    let (bytes, content_type) = encode(found, decoded)?;
    Ok(finish(bytes, content_type, pixels))
}

fn finish(bytes: Vec<u8>, content_type: ContentType, pixels: Option<(u32, u32)>) -> CleanFile {
    let sha256 = Sha256::digest(&bytes).into();
    CleanFile { bytes: Arc::new(bytes), content_type, sha256, pixels }
}

fn decode(kind: ContentType, upload: &[u8]) -> Result<DynamicImage, FileError> {
    let source = Cursor::new(upload);
    match kind {
        ContentType::Jpeg => pixels(JpegDecoder::new(source)),
        ContentType::Png => pixels(PngDecoder::with_limits(source, limits())),
        ContentType::Webp => pixels(WebPDecoder::new(source)),
        ContentType::Pdf => Err(FileError::UnsupportedType),
    }
}

/// The size is asked before anything is decoded: a few bytes can announce a picture of gigabytes.
fn pixels<D: ImageDecoder>(decoder: ImageResult<D>) -> Result<DynamicImage, FileError> {
    let mut decoder = decoder.map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width > LONGEST_SIDE || height > LONGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(FileError::TooLarge);
    }
    decoder.set_limits(limits()).map_err(fault)?;
    // Notes that cannot be read say nothing about how the camera was held.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(fault)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MEMORY);
    limits
}

fn fault(error: ImageError) -> FileError {
    if matches!(error, ImageError::Limits(_)) { FileError::TooLarge } else { FileError::Damaged }
}

fn encode(kind: ContentType, picture: DynamicImage) -> Result<(Vec<u8>, ContentType), FileError> {
    let mut out = Cursor::new(Vec::new());
    let picture = eight_bits(picture);
    match kind {
        ContentType::Png => picture.write_with_encoder(PngEncoder::new(&mut out)).map_err(fault)?,
        ContentType::Webp => {
            picture.write_with_encoder(WebPEncoder::new_lossless(&mut out)).map_err(fault)?;
            if out.get_ref().len() > LARGEST {
                return encode(ContentType::Jpeg, picture);
            }
        }
        ContentType::Jpeg | ContentType::Pdf => {
            let opaque = if picture.color().has_color() { picture.into_rgb8().into() } else { DynamicImage::from(picture.into_luma8()) };
            opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY)).map_err(fault)?;
        }
    }
    Ok((out.into_inner(), kind))
}

fn eight_bits(picture: DynamicImage) -> DynamicImage {
    match (picture.color().has_color(), picture.color().has_alpha()) {
        (true, true) => picture.into_rgba8().into(),
        (true, false) => picture.into_rgb8().into(),
        (false, true) => picture.into_luma_alpha8().into(),
        (false, false) => picture.into_luma8().into(),
    }
}
