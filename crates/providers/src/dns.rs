//! The Domain Name System through the machine's own resolvers. Nothing is kept: who has just entered a record wants it
//! seen.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{RData, RecordType};
use provider_traits::dns::Dns;
use provider_traits::error::ProviderError;

const ID: &str = "dns";
/// A look-up that takes longer has failed; resolvers ask again by themselves meanwhile.
const WITHIN: Duration = Duration::from_secs(8);

/// The machine's resolvers.
#[derive(Clone)]
pub struct SystemDns {
    /// Or why there is none: only checks of domains need it, so a machine without one can do all the rest.
    resolver: Result<TokioResolver, String>,
}

impl SystemDns {
    /// Reads the machine's configuration (`/etc/resolv.conf`). Without one, every question is answered with that.
    #[must_use]
    pub fn open() -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
            let options = builder.options_mut();
            options.cache_size = 0;
            options.timeout = Duration::from_secs(3);
            options.attempts = 2;
            builder.build()
        });
        Self { resolver: resolver.map_err(|error| error.to_string()) }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, ProviderError> {
        // With its dot at the end the name is whole: the machine's search list has no say.
        let resolver = self.resolver.as_ref().map_err(|reason| ProviderError::Unavailable {
            provider: ID,
            reason: format!("this machine has no usable resolver: {reason}"),
        })?;
        let looked_up = resolver.lookup(format!("{name}."), kind);
        match tokio::time::timeout(WITHIN, looked_up).await {
            Ok(Ok(found)) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_elapsed) => {
                let waited_ms = WITHIN.as_millis().try_into().unwrap_or(u64::MAX);
                Err(ProviderError::Timeout { provider: ID, waited_ms })
            }
        }
    }
}

fn unavailable(error: &NetError) -> ProviderError {
    ProviderError::Unavailable { provider: ID, reason: error.to_string() }
}

#[async_trait]
impl Dns for SystemDns {
    async fn texts(&self, name: &str) -> Result<Vec<String>, ProviderError> {
        let records = self.records(name, RecordType::TXT).await?;
        let texts = records.into_iter().filter_map(|record| match record {
            // A text longer than 255 bytes comes in parts that belong together.
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(texts.collect())
    }

    async fn alias(&self, name: &str) -> Result<Option<String>, ProviderError> {
        let records = self.records(name, RecordType::CNAME).await?;
        Ok(records.into_iter().find_map(|record| match record {
            RData::CNAME(alias) => Some(alias.0.to_ascii().trim_end_matches('.').to_ascii_lowercase()),
            _ => None,
        }))
    }

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ProviderError> {
        let (v4, v6) =
            tokio::try_join!(self.records(name, RecordType::A), self.records(name, RecordType::AAAA))?;
        let addresses = v4.into_iter().chain(v6).filter_map(|record| match record {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        });
        Ok(addresses.collect())
    }
}
