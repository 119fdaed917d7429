//! The telephone network, by the account of the configuration.

use anyhow::Context as _;
use providers::twilio::rest::{TwilioRest, TwilioSettings};

use crate::config::Config;

/// Twilio, whether or not there is an account.
///
/// # Errors
/// When an address is none, or the certificates that this machine trusts can't be read.
pub(super) fn network(config: &Config) -> anyhow::Result<TwilioRest> {
    let twilio = &config.twilio;
    Ok(TwilioRest::new(TwilioSettings {
        account_sid: twilio.account_sid.as_ref().map(|sid| sid.0.clone()),
        // A key without its secret is none.
        api_key: twilio.api_key.clone().filter(|_| twilio.api_secret.is_some()),
        secret: twilio.api_secret.clone().or_else(|| twilio.auth_token.clone()),
        base_url: twilio.api_url.as_str().parse().context("twilio.api_url is not an address")?,
        calls_per_second: twilio.calls_per_second,
        http: super::speech::vendor_http()?,
    }))
}
