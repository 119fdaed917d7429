//! Log lines: to standard error, as text or JSON. No secrets, no phone numbers, no caller's words at INFO.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::settings::Log;
use crate::config::types::LogFormat;

/// Libraries that tell more at INFO than an operator wants.
const QUIET: [&str; 2] = ["sqlx=warn", "graphile_worker=warn"];

/// Starts logging for the rest of the process.
///
/// # Errors
/// When logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter(&log.level.0)?).with_writer(std::io::stderr);
    if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init()?;
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().try_init()?;
    }
    Ok(())
}

/// The chosen filter over the quiet libraries: what is said explicitly wins.
fn filter(chosen: &str) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::try_new(format!("{},{chosen}", QUIET.join(",")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chatty_libraries_are_quiet_unless_asked_for() {
        let has =
            |chosen: &str, part: &str| filter(chosen).unwrap().to_string().split(',').any(|p| p == part);
        assert!(has("info", "info"));
        assert!(has("info", "sqlx=warn"));
        assert!(has("info,sqlx=debug", "sqlx=debug"));
        assert!(!has("info,sqlx=debug", "sqlx=warn"));
    }
}
