//! A Domain Name System whose records a test enters.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use provider_traits::dns::Dns;
use provider_traits::error::ProviderError;

/// Records by name.
#[derive(Default)]
pub(crate) struct FakeDns {
    texts: Mutex<BTreeMap<String, Vec<String>>>,
    aliases: Mutex<BTreeMap<String, String>>,
    addresses: Mutex<BTreeMap<String, Vec<IpAddr>>>,
    silent: Mutex<bool>,
}

impl FakeDns {
    pub(crate) fn say(&self, name: &str, text: &str) {
        self.texts.lock().unwrap().insert(name.to_owned(), vec![text.to_owned()]);
    }

    pub(crate) fn alias_to(&self, name: &str, target: &str) {
        self.aliases.lock().unwrap().insert(name.to_owned(), target.to_owned());
    }

    pub(crate) fn lead_to(&self, name: &str, address: &str) {
        self.addresses.lock().unwrap().insert(name.to_owned(), vec![address.parse().unwrap()]);
    }

    /// Takes everything back.
    pub(crate) fn forget(&self) {
        self.texts.lock().unwrap().clear();
        self.aliases.lock().unwrap().clear();
        self.addresses.lock().unwrap().clear();
    }

    pub(crate) fn be_silent(&self, silent: bool) {
        *self.silent.lock().unwrap() = silent;
    }

    fn answer<T>(&self, value: T) -> Result<T, ProviderError> {
        if *self.silent.lock().unwrap() {
            return Err(ProviderError::Timeout { provider: "dns", waited_ms: 8_000 });
        }
        Ok(value)
    }
}

#[async_trait::async_trait]
impl Dns for FakeDns {
    async fn texts(&self, name: &str) -> Result<Vec<String>, ProviderError> {
        self.answer(self.texts.lock().unwrap().get(name).cloned().unwrap_or_default())
    }

    async fn alias(&self, name: &str) -> Result<Option<String>, ProviderError> {
        self.answer(self.aliases.lock().unwrap().get(name).cloned())
    }

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ProviderError> {
        self.answer(self.addresses.lock().unwrap().get(name).cloned().unwrap_or_default())
    }
}
