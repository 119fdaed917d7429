//! Who is asking, and for which organization.

pub mod credentials;
pub mod tenant;
