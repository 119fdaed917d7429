//! Reading an address that a customer chose, as strictly as the one who connects to it.

use std::net::IpAddr;

use provider_traits::http_sender::AddressRefused;
use reqwest::Url;

use super::Policy;
use super::addresses::special;

/// Longest address in bytes.
const MAX_LENGTH: usize = 2_000;
/// Ports behind which a web server is expected.
const HTTPS_PORTS: [u16; 2] = [443, 8443];
const HTTP_PORTS: [u16; 2] = [80, 8080];
/// Names that stand for nothing in public.
const LOCAL_NAMES: [&str; 7] = ["localhost", "local", "internal", "intranet", "lan", "home.arpa", "onion"];

/// An address that was read and is acceptable as far as one can see.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) host: Host,
    pub(super) port: u16,
}

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

fn refused(reason: impl Into<String>) -> AddressRefused {
    AddressRefused { reason: reason.into() }
}

/// Reads an address.
pub(super) fn read(policy: &Policy, text: &str) -> Result<Target, AddressRefused> {
    if text.len() > MAX_LENGTH {
        return Err(refused(format!("is longer than {MAX_LENGTH} characters")));
    }
    // The parser drops line ends and tabs, and with them what a person would have seen.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("contains spaces or control characters"));
    }
    let mut url = Url::parse(text).map_err(|error| refused(format!("can't be read: {error}")))?;
    match url.scheme() {
        "https" => {}
        "http" if policy.allow_insecure => {}
        "http" => return Err(refused("must begin with https://")),
        _ if policy.allow_insecure => return Err(refused("must begin with https:// or http://")),
        _ => return Err(refused("must begin with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must not contain a user name or a password"));
    }
    if url.fragment().is_some() {
        return Err(refused("must not contain a fragment (#…)"));
    }
    let port = url.port_or_known_default().ok_or_else(|| refused("names no port"))?;
    // A dot at the end means the same name and another text.
    if let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')).map(str::to_owned) {
        url.set_host(Some(&name)).map_err(|_| refused("names no host"))?;
    }
    let host = match url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned()) {
        None => return Err(refused("names no host")),
        Some(host) => match host.parse::<IpAddr>() {
            Ok(address) => Host::Address(address.to_canonical()),
            Err(_) => Host::Name(host),
        },
    };
    let target = Target { url, host, port };
    match &target.host {
        Host::Address(address) => permit(policy, &target, *address)?,
        Host::Name(name) => check_name(policy, &target, name)?,
    }
    Ok(target)
}

fn check_name(policy: &Policy, target: &Target, name: &str) -> Result<(), AddressRefused> {
    // Whether an own network is meant shows when the name is resolved.
    if !policy.allowed_networks.is_empty() {
        return Ok(());
    }
    let is_local =
        |local: &str| name == local || name.strip_suffix(local).is_some_and(|rest| rest.ends_with('.'));
    if name.is_empty() || !name.contains('.') || LOCAL_NAMES.iter().any(|local| is_local(local)) {
        return Err(refused("names a host that only a local network knows; a public name is needed"));
    }
    check_port(target)
}

fn check_port(target: &Target) -> Result<(), AddressRefused> {
    let allowed = if target.url.scheme() == "https" { HTTPS_PORTS } else { HTTP_PORTS };
    if allowed.contains(&target.port) {
        return Ok(());
    }
    Err(refused(format!("names port {}; allowed are {} and {}", target.port, allowed[0], allowed[1])))
}

/// Says no to an address that is neither public nor permitted by the operator, and to ports where a public one
/// is not expected to listen.
pub(super) fn permit(policy: &Policy, target: &Target, address: IpAddr) -> Result<(), AddressRefused> {
    let address = address.to_canonical();
    if policy.allowed_networks.iter().any(|net| net.contains(&address)) {
        return Ok(());
    }
    if let Some(what) = special(address) {
        return Err(refused(format!("leads to an address that is not public ({what})")));
    }
    check_port(target)
}
