//! How a business's letters look.

use domain::branding::{Color, EffectiveBranding, READABLE_CONTRAST};
use serde::Serialize;

/// How a business's letters look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brand {
    /// The name at the top.
    pub name: String,
    /// The line at the top, quotes and buttons.
    pub accent: Color,
    /// What can be read on it.
    pub text_on_accent: Color,
    /// Behind name and logo.
    pub background: Color,
    /// The name, where there is no logo: the accent where that can be read on the background, else black or white.
    pub name_color: Color,
    /// Where the logo is: the only thing that a letter fetches.
    pub logo: Option<String>,
    /// Where people get help.
    pub support_email: Option<String>,
    /// Whether the product is named at the end.
    pub powered_by: bool,
}

impl Brand {
    /// Of what holds for a business, with its logo's address.
    #[must_use]
    pub fn of(branding: &EffectiveBranding, logo: Option<String>) -> Self {
        let (accent, background) = (branding.accent_color, branding.background_color);
        let is_readable = accent.contrast(background) >= READABLE_CONTRAST;
        Self {
            name: branding.name.clone(),
            accent,
            text_on_accent: accent.text_on(),
            background,
            name_color: if is_readable { accent } else { background.text_on() },
            logo,
            support_email: branding.support_email.clone(),
            powered_by: !branding.hide_powered_by,
        }
    }
}
