//! Every transcriber, every voice and the embeddings against stand-ins of their vendors: one behaviour, one table of
//! vendors, and every message checked against what the vendor has published.

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod models;
#[cfg(test)]
mod stt;
#[cfg(test)]
mod tts;
#[cfg(test)]
mod vendor_faults;
#[cfg(test)]
mod vendors;
#[cfg(test)]
mod voices;
