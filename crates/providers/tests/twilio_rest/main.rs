//! Twilio's REST API: our client against the stand-in, and the stand-in against Twilio's own description.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod contracts;
