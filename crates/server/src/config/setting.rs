//! The declaration of settings: one macro makes the structs, the table and the reading.

use std::collections::BTreeMap;

use super::error::Problem;
use super::layers::Origin;
use super::value::{SettingValue, Shape};

/// What is known of one setting apart from its type.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Dotted name in the file.
    pub key: &'static str,
    /// The name in the environment that the product's documents use, when there is one.
    pub known_env: Option<&'static str>,
    /// The default, as text; empty means not set.
    pub default: &'static str,
    /// What it means, one line of text per line of documentation.
    pub doc: &'static [&'static str],
    /// The smallest and the largest value, as text.
    pub within: Option<(&'static str, &'static str)>,
    /// How the file writes it.
    pub shape: Shape,
    /// Whether it must never be shown.
    pub secret: bool,
    /// Whether it may stay unset.
    pub optional: bool,
    /// What is allowed.
    pub type_allows: fn() -> String,
}

impl Setting {
    /// The last part of the key.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, field)| field)
    }

    /// The name in the environment that every setting has: `STUDIOCONNECT_SECTION_FIELD`.
    #[must_use]
    pub fn prefixed_env(&self) -> String {
        format!("{}{}", super::layers::ENV_PREFIX, self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// The name that documents show: the known one, else the prefixed one.
    #[must_use]
    pub fn shown_env(&self) -> String {
        self.known_env.map_or_else(|| self.prefixed_env(), str::to_owned)
    }

    /// What is allowed, with the range, to follow "allowed is".
    #[must_use]
    pub fn allowed(&self) -> String {
        let of_type = (self.type_allows)();
        match self.within {
            Some((low, high)) => format!("{of_type} from {low} to {high}"),
            None => of_type,
        }
    }

    /// A value of this setting as TOML writes it.
    #[must_use]
    pub fn as_toml(&self, text: &str) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self.shape {
            Shape::Bare if !text.is_empty() => text.to_owned(),
            Shape::Bare | Shape::Text => quoted(text),
            Shape::List => {
                let words: Vec<String> =
                    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(quoted).collect();
                format!("[{}]", words.join(", "))
            }
        }
    }
}

/// A group of settings with a common beginning of their keys.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// `server`, or empty for keys that stand alone.
    pub name: &'static str,
    /// What the section is about.
    pub doc: &'static [&'static str],
    /// Its settings.
    pub settings: &'static [Setting],
}

impl Section {
    /// The section's line in a TOML file; nothing for keys that stand alone.
    #[must_use]
    pub fn heading(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!("[{}]\n", self.name) }
    }
}

/// The merged layers: for each key its text and where that came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(pub(super) BTreeMap<&'static str, (String, Origin)>);

impl Values {
    /// The text of a setting and its origin.
    ///
    /// # Panics
    /// For a key that is in no table: the merge puts every setting in.
    #[must_use]
    pub(super) fn get(&self, key: &str) -> (&str, &Origin) {
        let (text, origin) = self.0.get(key).expect("the merge fills in every setting of the table");
        (text, origin)
    }

    /// The typed value of a setting, or a problem added to the list.
    pub(super) fn read<T: SettingValue>(&self, setting: &Setting, problems: &mut Vec<Problem>) -> Option<T> {
        let (text, _) = self.get(setting.key);
        let parsed = T::parse(text);
        if parsed.is_none() {
            problems.push(self.refusal(setting));
        }
        parsed
    }

    /// As [`Values::read`], for a setting with a smallest and a largest value.
    pub(super) fn read_within<T: SettingValue + PartialOrd>(
        &self,
        setting: &Setting,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let value: T = self.read(setting, problems)?;
        let (low, high) = setting.within.expect("read_within is used for settings with a range");
        let bound = |text| T::parse(text).expect("a test parses every bound");
        if (bound(low)..=bound(high)).contains(&value) {
            return Some(value);
        }
        problems.push(self.refusal(setting));
        None
    }

    fn refusal(&self, setting: &Setting) -> Problem {
        let (text, origin) = self.get(setting.key);
        let shown = match (setting.secret, text.is_empty()) {
            (_, true) => "is empty".to_owned(),
            (true, false) => "has a value that is not shown".to_owned(),
            (false, false) => format!("is {text:?}"),
        };
        Problem(format!("{} ({origin}) {shown}; allowed is {}", setting.key, setting.allowed()))
    }
}

/// Declares the sections: for each a struct with its fields, the table of its settings and its reading.
/// `field: Type = "default", env "NAME", within "low" "high";` where `env` and `within` may be left out.
macro_rules! settings {
    (@env) => { None };
    (@env $env:literal) => { Some($env) };
    (@within) => { None };
    (@within $low:literal $high:literal) => { Some(($low, $high)) };
    (@read $kind:ty, $values:ident, $setting:expr, $problems:ident) => { $values.read::<$kind>($setting, $problems) };
    (@read $kind:ty, $values:ident, $setting:expr, $problems:ident, $low:literal) => { $values.read_within::<$kind>($setting, $problems) };
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident in $name:literal, prefix $prefix:literal {
            $(
                $(#[doc = $doc:literal])+
                $field:ident : $kind:ty = $default:literal $(, env $env:literal)? $(, within $low:literal $high:literal)? ;
            )+
        }
    )+) => {$(
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone)]
        pub struct $section {
            $( $(#[doc = $doc])+ pub $field: $kind, )+
        }

        impl $section {
            pub(super) const SECTION: Section = Section {
                name: $name,
                doc: &[$($section_doc),+],
                settings: &[$(
                    Setting {
                        key: concat!($prefix, stringify!($field)),
                        known_env: settings!(@env $($env)?),
                        default: $default,
                        doc: &[$($doc),+],
                        within: settings!(@within $($low $high)?),
                        shape: <$kind as SettingValue>::SHAPE,
                        secret: <$kind as SettingValue>::SECRET,
                        optional: <$kind as SettingValue>::OPTIONAL,
                        type_allows: <$kind as SettingValue>::allowed,
                    },
                )+],
            };

            /// Reads every field before giving up, so that all problems are told at once.
            pub(super) fn read(values: &Values, problems: &mut Vec<Problem>) -> Option<Self> {
                let mut table = Self::SECTION.settings.iter();
                $( let $field = settings!(
                    @read $kind, values, table.next().expect("one entry per field"), problems $(, $low)?
                ); )+
                Some(Self { $( $field: $field?, )+ })
            }
        }
    )+};
}
pub(super) use settings;
