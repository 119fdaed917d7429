//! The one typed configuration: defaults < file < environment < flags.
//!
//! Nothing else in the workspace reads the environment or a configuration file; every other crate is
//! handed plain values. A setting is declared once, in [`settings`], and from that declaration come its
//! type, its default, its checks, the reference page, the default file and `.env.example`.
//! Secrets are [`secrecy::SecretString`]s and are shown by no message, log line or command.

mod documents;
mod dotenv;
mod error;
mod later;
mod layers;
pub mod mail;
mod places;
mod setting;
pub mod settings;
pub mod types;
mod value;
pub mod vendors;

#[cfg(test)]
mod tests;

pub use documents::{DOCUMENTS, Document};
pub use error::{ConfigError, Problem};
pub use layers::{Layers, Origin};
pub use places::{Chosen, collect};
pub use settings::Config;

use setting::Values;

/// A configuration together with where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    values: Values,
    notes: Vec<String>,
}

impl Loaded {
    /// Reads every layer into one configuration.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with every unknown key and impossible value at once.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let merged = layers.merge(&Config::settings())?;
        let config = Config::read(&merged.values, merged.problems)?;
        Ok(Self { config, values: merged.values, notes: merged.notes })
    }

    /// What a person should know about settings that were accepted: names whose feature is not there yet.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The configuration as a TOML file with a comment of origin on each line; secrets are not shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for section in Config::sections() {
            out.push_str(&section.heading());
            for setting in section.settings {
                let (text, origin) = self.values.get(setting.key);
                let value = match (setting.secret, text.is_empty()) {
                    (true, false) => "\"(set, not shown)\"".to_owned(),
                    (true, true) => "\"\"".to_owned(),
                    (false, _) => setting.as_toml(text),
                };
                out.push_str(&format!("{} = {value}  # {origin}\n", setting.field()));
            }
            out.push('\n');
        }
        out
    }
}
