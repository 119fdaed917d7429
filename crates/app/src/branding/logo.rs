//! What may be a logo: a PNG, a WebP or an SVG that is only a drawing. Judged by the content.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Largest logo, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;
/// Longest side, in pixels: a small file may unpack to a giant picture.
const MAX_SIDE: u32 = 4_096;
/// Most elements of a drawing.
const MAX_ELEMENTS: usize = 20_000;

/// What a logo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A PNG.
    Png,
    /// A WebP.
    Webp,
    /// A drawing.
    Svg,
}

impl Kind {
    /// As its name ends.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Svg => "svg",
        }
    }

    /// How it travels.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// Why something can't be a logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Too many bytes.
    #[error("must not be larger than 512 KiB")]
    TooLarge,
    /// None of the three.
    #[error("must be a PNG, a WebP or an SVG")]
    Unknown,
    /// It breaks off, or says impossible things.
    #[error("is damaged")]
    Damaged,
    /// Too many pixels.
    #[error("must not be wider or higher than 4096 pixels")]
    TooWide,
    /// A drawing that could do something.
    #[error("is a drawing with more in it than shapes and text: {0} is not allowed")]
    Active(String),
}

/// Looks at what was sent.
///
/// # Errors
/// Why it can't be a logo.
pub fn examine(body: &[u8]) -> Result<Kind, Unusable> {
    if body.len() > MAX_BYTES {
        return Err(Unusable::TooLarge);
    }
    let (kind, size) = if body.starts_with(b"\x89PNG\r\n\x1a\n") {
        (Kind::Png, png_size(body))
    } else if body.starts_with(b"RIFF") && body.get(8..12) == Some(b"WEBP") {
        (Kind::Webp, webp_size(body))
    } else {
        let text = std::str::from_utf8(body).map_err(|_| Unusable::Unknown)?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if !text.starts_with('<') {
            return Err(Unusable::Unknown);
        }
        examine_drawing(text)?;
        return Ok(Kind::Svg);
    };
    let (width, height) = size.ok_or(Unusable::Damaged)?;
    match (width, height) {
        (0, _) | (_, 0) => Err(Unusable::Damaged),
        (width, height) if width > MAX_SIDE || height > MAX_SIDE => Err(Unusable::TooWide),
        _ => Ok(kind),
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    let part = bytes.get(at..at + count)?;
    Some(part.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

/// A whole PNG begins with its header and ends with its end.
fn png_size(body: &[u8]) -> Option<(u32, u32)> {
    let whole = body.get(12..16) == Some(b"IHDR") && body.ends_with(b"IEND\xae\x42\x60\x82");
    whole.then_some(())?;
    Some((be32(body, 16)?, be32(body, 20)?))
}

fn webp_size(body: &[u8]) -> Option<(u32, u32)> {
    // What the container says it holds must be there.
    let held = usize::try_from(le(body, 4, 4)?).ok()?;
    (held.checked_add(8)? <= body.len()).then_some(())?;
    match body.get(12..16)? {
        b"VP8X" => Some((le(body, 24, 3)? + 1, le(body, 27, 3)? + 1)),
        b"VP8L" => {
            (*body.get(20)? == 0x2f).then_some(())?;
            let bits = le(body, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => {
            (body.get(23..26)? == b"\x9d\x01\x2a").then_some(())?;
            Some((le(body, 26, 2)? & 0x3fff, le(body, 28, 2)? & 0x3fff))
        }
        _ => None,
    }
}

/// Shapes, text, colours, and nothing that loads, runs or animates.
const ELEMENTS: &[&str] = &[
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "defs",
    "title",
    "desc",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "symbol",
    "use",
    "pattern",
    "marker",
];

/// Refuses, rather than mends: a sanitiser that overlooks something is worse than a designer who exports again.
fn examine_drawing(text: &str) -> Result<(), Unusable> {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut elements) = (0usize, 0usize);
    loop {
        match reader.read_event().map_err(|_| Unusable::Damaged)? {
            Event::Start(tag) => {
                examine_tag(&tag, elements == 0)?;
                (depth, elements) = (depth + 1, elements + 1);
            }
            Event::Empty(tag) => {
                examine_tag(&tag, elements == 0)?;
                elements += 1;
            }
            Event::End(_) => depth = depth.checked_sub(1).ok_or(Unusable::Damaged)?,
            Event::DocType(_) => return Err(Unusable::Active("a document type".to_owned())),
            Event::PI(_) => return Err(Unusable::Active("a processing instruction".to_owned())),
            Event::CData(_) => return Err(Unusable::Active("CDATA".to_owned())),
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::Text(_) | Event::GeneralRef(_) => {}
        }
        if elements > MAX_ELEMENTS {
            return Err(Unusable::TooLarge);
        }
    }
    if depth == 0 && elements > 0 { Ok(()) } else { Err(Unusable::Damaged) }
}

fn examine_tag(tag: &BytesStart<'_>, is_root: bool) -> Result<(), Unusable> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    if is_root && name != "svg" {
        return Err(Unusable::Unknown);
    }
    if !ELEMENTS.contains(&name.as_str()) {
        return Err(Unusable::Active(format!("<{}>", name.chars().take(40).collect::<String>())));
    }
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| Unusable::Damaged)?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).to_ascii_lowercase();
        let raw = String::from_utf8_lossy(&attribute.value).into_owned();
        let refused =
            || Unusable::Active(format!("the attribute {}", key.chars().take(40).collect::<String>()));
        if key.starts_with("on") {
            return Err(refused());
        }
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        // Written as entities or escapes a word can't be recognised, and a logo has no need of it.
        if raw.contains(['&', '\\']) {
            return Err(refused());
        }
        let value = raw.to_ascii_lowercase();
        let is_link = key == "href" || key.ends_with(":href") || key == "src";
        if is_link && !value.trim_start().starts_with('#') {
            return Err(refused());
        }
        if value.contains("javascript:") || value.contains("@import") || value.contains("expression(") {
            return Err(refused());
        }
        // Paint and clips may come from the same drawing only.
        let outside = value.match_indices("url(").any(|(at, found)| {
            !value[at + found.len()..].trim_start_matches([' ', '\'', '"']).starts_with('#')
        });
        if outside {
            return Err(refused());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
