//! The language models: one suite of behaviour for all vendors, against strict stand-ins.

#[cfg(test)]
mod awkward;
#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod contracts;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod vendors;
