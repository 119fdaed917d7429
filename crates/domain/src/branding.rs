//! What people see of who serves them: name, colours, sender. What an organization does not say, those above it say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An opaque colour, `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// A text that is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour of the form #rrggbb, such as #1a5fb4")]
pub struct InvalidColor;

/// Text must stand out this much from what is behind it (WCAG 2.2, level AA).
pub const READABLE_CONTRAST: f64 = 4.5;

impl Color {
    /// White.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };

    /// Parses `#rrggbb`, in whatever case.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidColor> {
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(InvalidColor)?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self { red, green, blue })
    }

    /// How bright it seems, 0 to 1 (WCAG relative luminance).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// How much two colours differ, 1 (not at all) to 21 (black and white).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever is easier to read on it. One of them always is.
    #[must_use]
    pub fn text_on(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl TryFrom<String> for Color {
    type Error = InvalidColor;
    fn try_from(text: String) -> Result<Self, InvalidColor> {
        Self::parse(&text)
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

/// What one organization says; `None` leaves it to those above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branding {
    /// The name of the product, as its customers know it.
    pub name: Option<String>,
    /// Colour of links and buttons.
    pub accent_color: Option<Color>,
    /// Colour behind them.
    pub background_color: Option<Color>,
    /// Name of the sender of e-mail.
    pub sender_name: Option<String>,
    /// Address of the sender of e-mail.
    pub sender_email: Option<String>,
    /// Where people get help.
    pub support_email: Option<String>,
    /// Whether "powered by" is left out.
    pub hide_powered_by: Option<bool>,
}

/// What holds in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveBranding {
    /// The name of the product.
    pub name: String,
    /// Colour of links and buttons.
    pub accent_color: Color,
    /// Colour behind them.
    pub background_color: Color,
    /// Name of the sender of e-mail.
    pub sender_name: String,
    /// Address of the sender of e-mail; `None`: the installation's own.
    pub sender_email: Option<String>,
    /// Where people get help.
    pub support_email: Option<String>,
    /// Whether "powered by" is left out.
    pub hide_powered_by: bool,
}

/// The product's own name and colours, where nobody says anything else.
const OWN_NAME: &str = "StudioConnect";
const OWN_ACCENT: Color = Color { red: 0x1f, green: 0x4e, blue: 0x9e };

/// What holds for the first of these organizations, each followed by the one above it. Colours come from one and the
/// same organization, for they were chosen together; so do name and address of the sender.
#[must_use]
pub fn effective(chain: &[Branding], may_hide: bool) -> EffectiveBranding {
    fn first<'a, T>(chain: &'a [Branding], field: impl Fn(&'a Branding) -> Option<T>) -> Option<T> {
        chain.iter().find_map(field)
    }
    let painter = chain.iter().find(|b| b.accent_color.is_some() || b.background_color.is_some());
    let sender = chain.iter().find(|b| b.sender_name.is_some() || b.sender_email.is_some());
    let name = first(chain, |b| b.name.clone()).unwrap_or_else(|| OWN_NAME.to_owned());
    EffectiveBranding {
        accent_color: painter.and_then(|b| b.accent_color).unwrap_or(OWN_ACCENT),
        background_color: painter.and_then(|b| b.background_color).unwrap_or(Color::WHITE),
        sender_name: sender.and_then(|b| b.sender_name.clone()).unwrap_or_else(|| name.clone()),
        sender_email: sender.and_then(|b| b.sender_email.clone()),
        support_email: first(chain, |b| b.support_email.clone()),
        hide_powered_by: may_hide && first(chain, |b| b.hide_powered_by).unwrap_or(false),
        name,
    }
}

/// Whether what an organization says can be read: its accent on its background, each the product's own unless said.
///
/// # Errors
/// The contrast that there is, when it is not enough.
pub fn check_contrast(branding: &Branding) -> Result<(), f64> {
    let accent = branding.accent_color.unwrap_or(OWN_ACCENT);
    let contrast = accent.contrast(branding.background_color.unwrap_or(Color::WHITE));
    if contrast >= READABLE_CONTRAST { Ok(()) } else { Err(contrast) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).expect("a colour")
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(color("#1A5FB4").to_string(), "#1a5fb4");
        for text in ["", "1a5fb4", "#fff", "#1a5fb", "#1a5fb4ff", "#gggggg", "red", "#+12345"] {
            assert_eq!(Color::parse(text), Err(InvalidColor), "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 1e-9);
        // Figures of the W3C's own examples: #777777 on white is 4.48, #767676 is 4.54.
        assert!((color("#777777").contrast(Color::WHITE) - 4.48).abs() < 0.01);
        assert!((color("#767676").contrast(Color::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn an_accent_must_be_readable_on_its_background() {
        let paint = |accent, background| Branding {
            accent_color: Some(color(accent)),
            background_color: Some(color(background)),
            ..Branding::default()
        };
        assert_eq!(check_contrast(&Branding::default()), Ok(()));
        assert_eq!(check_contrast(&paint("#767676", "#ffffff")), Ok(()));
        assert!(check_contrast(&paint("#777777", "#ffffff")).is_err());
        assert!(check_contrast(&paint("#1f4e9e", "#101010")).is_err());
    }

    #[test]
    fn what_a_business_does_not_say_its_partner_says() {
        let business = Branding { support_email: Some("help@b.example".into()), ..Branding::default() };
        let partner = Branding {
            name: Some("North".into()),
            accent_color: Some(color("#005500")),
            support_email: Some("help@p.example".into()),
            sender_email: Some("mail@p.example".into()),
            hide_powered_by: Some(true),
            ..Branding::default()
        };
        let platform = Branding {
            background_color: Some(Color::BLACK),
            sender_name: Some("Platform".into()),
            ..Branding::default()
        };
        let chain = [business, partner, platform];
        let found = effective(&chain, true);
        assert_eq!(found.name, "North");
        assert_eq!(found.support_email.as_deref(), Some("help@b.example"));
        assert_eq!((found.accent_color, found.background_color), (color("#005500"), Color::WHITE));
        // The platform's name does not go with the partner's address.
        assert_eq!(
            (found.sender_name.as_str(), found.sender_email.as_deref()),
            ("North", Some("mail@p.example"))
        );
        assert!(found.hide_powered_by);
        assert!(!effective(&chain, false).hide_powered_by, "the plan has a say");
        assert_eq!(effective(&[], true).name, "StudioConnect");
    }

    proptest! {
        #[test]
        fn black_or_white_can_be_read_on_anything(red: u8, green: u8, blue: u8) {
            let paint = Color { red, green, blue };
            prop_assert!(paint.contrast(paint.text_on()) >= READABLE_CONTRAST);
        }
    }
}
