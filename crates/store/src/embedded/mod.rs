//! x
/// port
pub(crate) const PORT: u16 = 5432;
