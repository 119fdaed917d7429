//! The client of the Realtime API against what the vendor has published: its types, and sessions that were recorded.

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod tls;
