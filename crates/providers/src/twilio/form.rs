//! The `application/x-www-form-urlencoded` bodies of webhooks.
//!
//! Names and values are kept as bytes, because the signature covers exactly what was sent; they become
//! text only when a field is read.

use std::borrow::Cow;

/// Longest body that is looked at. A webhook of Twilio has about 2 kB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most fields of a body. A webhook of Twilio has about 40.
pub const MAX_FIELDS: usize = 512;

/// Why a body is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The body is longer than [`MAX_BODY_BYTES`].
    #[error("the form is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    /// The body has more than [`MAX_FIELDS`] fields.
    #[error("the form has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A field that the webhook can't do without is absent or makes no sense.
    #[error("the form has no usable {field}")]
    Field {
        /// The field's name.
        field: &'static str,
    },
}

/// The fields of a form in the order they were sent, repeated names included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Form {
    /// Parses a body. Broken percent escapes stand for themselves, as browsers have it.
    ///
    /// # Errors
    /// When the body is over one of the limits; any other bytes are a form.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(FormError::TooLong);
        }
        let mut fields = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == MAX_FIELDS {
                return Err(FormError::TooManyFields);
            }
            let equals = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = match equals {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            fields.push((decode(name), decode(value)));
        }
        Ok(Self { fields })
    }

    /// The first value of `name` as text (bytes that are no UTF-8 become U+FFFD), unless it is absent or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.fields
            .iter()
            .find(|(field, _)| field == name.as_bytes())
            .map(|(_, value)| String::from_utf8_lossy(value))
            .filter(|value| !value.is_empty())
    }

    /// All fields, as sent.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Form {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let fields =
            pairs.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        Self { fields: fields.collect() }
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, tail @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = tail;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(byte),
        }
    }
    out
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A digit of base 16 fits a byte.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expect: &[(&str, &str)]) {
        let expect: Form = expect.iter().copied().collect();
        assert_eq!(Form::parse(body.as_bytes()), Ok(expect), "{body:?}");
    }

    #[test]
    fn bodies_are_read_as_browsers_write_them() {
        check("", &[]);
        check("&&", &[]);
        check("From=%2B15135550142&To=%2b1+2", &[("From", "+15135550142"), ("To", "+1 2")]);
        check("CallerName=&Flag", &[("CallerName", ""), ("Flag", "")]);
        check("a=1&a=2&a=1", &[("a", "1"), ("a", "2"), ("a", "1")]);
        check("a=b=c", &[("a", "b=c")]);
        check("=x", &[("", "x")]);
        check("city=K%C3%B6ln", &[("city", "Köln")]);
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        check("a=100%", &[("a", "100%")]);
        check("a=%4", &[("a", "%4")]);
        check("a=%zz%41", &[("a", "%zzA")]);
        check("a=%%41", &[("a", "%A")]);
    }

    #[test]
    fn first_of_repeated_names_is_read_and_empty_counts_as_absent() {
        let form = Form::parse(b"To=1&To=2&From=").expect("a form");
        assert_eq!(form.get("To").as_deref(), Some("1"));
        assert_eq!(form.get("From"), None);
        assert_eq!(form.get("to"), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_for_the_signature_and_replaced_for_reading() {
        let form = Form::parse(b"From=%ff%fe").expect("a form");
        assert_eq!(form.fields().next(), Some((&b"From"[..], &[0xff, 0xfe][..])));
        assert_eq!(form.get("From").as_deref(), Some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn oversized_forms_are_refused() {
        assert_eq!(Form::parse(&vec![b'a'; MAX_BODY_BYTES + 1]), Err(FormError::TooLong));
        assert!(Form::parse(&vec![b'a'; MAX_BODY_BYTES]).is_ok());
        assert_eq!(Form::parse("a=1&".repeat(MAX_FIELDS + 1).as_bytes()), Err(FormError::TooManyFields));
        assert!(Form::parse("a=1&".repeat(MAX_FIELDS).as_bytes()).is_ok());
    }

    fn encode(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn encoded_pairs_come_back(pairs in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..8)) {
            let body: Vec<String> =
                pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            let form = Form::parse(body.join("&").as_bytes()).expect("within the limits");
            let fields: Vec<_> = form.fields().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            prop_assert_eq!(fields, pairs);
        }

        #[test]
        fn any_bytes_are_answered_without_panic(body: Vec<u8>) {
            let _ = Form::parse(&body);
        }
    }
}
