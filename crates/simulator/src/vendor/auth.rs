//! Whether a request shows its key, where the vendor looks for it.

use super::request::Request;

/// Where a vendor looks for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// `Authorization: Bearer …`
    Bearer,
    /// `Authorization: Token …`
    Token,
    /// A header of its own, in lower case.
    Header(&'static str),
}

/// What is wrong with the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKey {
    /// There is none in that place.
    Missing,
    /// It is another.
    Wrong,
}

/// Looks for the key. `expected: None` takes any, also none.
///
/// # Errors
/// [`BadKey`].
pub fn check(request: &Request, place: KeyPlace, expected: Option<&str>) -> Result<(), BadKey> {
    let Some(expected) = expected else { return Ok(()) };
    let given = match place {
        KeyPlace::Bearer => request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")),
        KeyPlace::Token => request.header("authorization").and_then(|value| value.strip_prefix("Token ")),
        KeyPlace::Header(name) => request.header(name),
    };
    match given {
        None => Err(BadKey::Missing),
        Some(given) if given != expected => Err(BadKey::Wrong),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_another_vendors_place_is_missing() {
        let headers = vec![("authorization".to_owned(), "Bearer k".to_owned())];
        let request = Request { headers, ..Request::default() };
        assert_eq!(check(&request, KeyPlace::Bearer, Some("k")), Ok(()));
        assert_eq!(check(&request, KeyPlace::Bearer, Some("other")), Err(BadKey::Wrong));
        assert_eq!(check(&request, KeyPlace::Header("x-api-key"), Some("k")), Err(BadKey::Missing));
        assert_eq!(check(&request, KeyPlace::Token, None), Ok(()));
    }
}
