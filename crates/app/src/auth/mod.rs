//! Signing in and out, and who is asking.
//!
//! A session is a family of refresh tokens ([`renew`]); a request carries an access token of fifteen minutes that
//! names its session ([`tokens`]). Who that is, is asked of the database at most every few seconds ([`cache`]).

pub mod account;
pub mod cache;
pub mod devices;
pub(crate) mod guard;
pub mod identify;
pub mod identity;
pub(crate) mod letters;
pub mod operator;
pub mod password_reset;
pub mod passwords;
pub mod renew;
pub mod second_factor;
pub mod sign_in;
pub mod single_sign_on;
pub mod tokens;

pub use self::identify::{csrf_matches, identify, session_of};
pub use self::identity::{Identity, Organization, Person, Principal};
pub use self::renew::{Carried, renew};
pub use self::second_factor::Code;
pub use self::sign_in::{NewSession, Origin, SignIn, sign_in, sign_out};
