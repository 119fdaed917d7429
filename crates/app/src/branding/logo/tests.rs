use super::*;

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut body = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    body.extend(width.to_be_bytes());
    body.extend(height.to_be_bytes());
    body.extend(b"\x08\x06\0\0\0\0\0\0\0\0\0\0\0IEND\xae\x42\x60\x82");
    body
}

fn webp(chunk: &[u8]) -> Vec<u8> {
    let mut body = b"RIFF".to_vec();
    body.extend(u32::try_from(chunk.len() + 4).expect("small").to_le_bytes());
    body.extend(b"WEBP");
    body.extend(chunk);
    body
}

fn svg(inside: &str) -> Result<Kind, Unusable> {
    examine(
        format!("<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\">{inside}</svg>").as_bytes(),
    )
}

#[test]
fn pictures_are_known_by_their_content() {
    assert_eq!(examine(&png(200, 60)), Ok(Kind::Png));
    assert_eq!(examine(&webp(b"VP8X\x0a\0\0\0\0\0\0\0\xc7\0\0\x3b\0\0")), Ok(Kind::Webp));
    assert_eq!(examine(&webp(b"VP8L\x08\0\0\0\x2f\xc7\xc0\x0e\0\0\0\0")), Ok(Kind::Webp));
    assert_eq!(examine(&webp(b"VP8 \x0c\0\0\0\0\0\0\x9d\x01\x2a\xc8\0\x3c\0\0\0")), Ok(Kind::Webp));
    assert_eq!(svg("<path d=\"M0 0h10v10z\" fill=\"#123456\"/>"), Ok(Kind::Svg));
    for body in [b"".as_slice(), b"GIF89a", b"\xff\xd8\xff\xe0", b"hello", b"<html></html>", b"<?php ?>"] {
        assert!(examine(body).is_err(), "{body:?}");
    }
}

#[test]
fn damaged_and_giant_pictures_are_refused() {
    assert_eq!(examine(&png(0, 60)), Err(Unusable::Damaged));
    assert_eq!(examine(&png(200, 60)[..30]), Err(Unusable::Damaged));
    assert_eq!(examine(&png(50_000, 60)), Err(Unusable::TooWide));
    assert_eq!(examine(b"RIFF\xff\xff\xff\xffWEBPVP8X"), Err(Unusable::Damaged));
    assert_eq!(examine(&vec![0; MAX_BYTES + 1]), Err(Unusable::TooLarge));
    assert_eq!(examine(b"<svg><g></svg>"), Err(Unusable::Damaged));
    assert_eq!(examine(b"<svg>"), Err(Unusable::Damaged));
}

#[test]
fn a_drawing_may_refer_to_itself() {
    let inside = "<defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"red\"/></linearGradient></defs>\
                  <rect fill=\"url(#a)\" width=\"5\" height=\"5\"/><use href=\"#a\"/><text style=\"fill:url('#a')\">A &amp; B</text>";
    assert_eq!(svg(inside), Ok(Kind::Svg));
}

#[test]
fn a_drawing_that_could_do_something_is_refused() {
    for inside in [
        "<script>alert(1)</script>",
        "<SCRIPT/>",
        "<style>@import url(//evil.example)</style>",
        "<foreignObject><body/></foreignObject>",
        "<image href=\"https://evil.example/x.png\"/>",
        "<a href=\"https://evil.example\"/>",
        "<animate attributeName=\"href\"/>",
        "<set/>",
        "<rect onload=\"alert(1)\"/>",
        "<rect ONCLICK=\"alert(1)\"/>",
        "<use href=\"https://evil.example#a\"/>",
        "<use xlink:href=\"data:image/svg+xml,x\"/>",
        "<use href=\"&#x6a;avascript:alert(1)\"/>",
        "<rect fill=\"url(https://evil.example)\"/>",
        "<rect style=\"fill:url( 'http://evil.example')\"/>",
        "<rect style=\"fill:u\\72l(//evil.example)\"/>",
        "<![CDATA[<script/>]]>",
        "<?xml-stylesheet href=\"x\"?>",
        "<svg:script/>",
        "<iframe/>",
    ] {
        let found = svg(inside);
        assert!(matches!(found, Err(Unusable::Active(_) | Unusable::Damaged)), "{inside}: {found:?}");
    }
    let entities = b"<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>";
    assert!(matches!(examine(entities), Err(Unusable::Active(_))));
}
