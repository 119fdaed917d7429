//! The `Range` header, as far as one recording needs it: a single range of bytes (RFC 9110, section 14).

use std::ops::Range;

/// What part of an object is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it: no range, or one that may be ignored (another unit, several ranges, no range syntax).
    Whole,
    /// These bytes; end exclusive, inside the object and not empty.
    Part(Range<u64>),
    /// A range that begins behind the end.
    Outside,
}

/// Reads a `Range` header for an object of `size` bytes.
#[must_use]
pub(crate) fn asked(header: Option<&str>, size: u64) -> Asked {
    let Some(spec) = header.and_then(|value| value.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let Some((first, last)) = spec.split_once('-') else { return Asked::Whole };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.trim(), last.trim()) {
        ("", "") => return Asked::Whole,
        // The last so many bytes.
        ("", count) => {
            let Some(count) = number(count) else { return Asked::Whole };
            size.saturating_sub(count)..size
        }
        (from, "") => {
            let Some(from) = number(from) else { return Asked::Whole };
            from..size
        }
        (from, to) => {
            let (Some(from), Some(to)) = (number(from), number(to)) else { return Asked::Whole };
            if to < from {
                return Asked::Whole;
            }
            from..size.min(to.saturating_add(1))
        }
    };
    if range.is_empty() { Asked::Outside } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let check = |header: &str, expect: Asked| assert_eq!(asked(Some(header), 100), expect, "{header}");
        check("bytes=0-9", Asked::Part(0..10));
        check("bytes=90-", Asked::Part(90..100));
        check("bytes=90-400", Asked::Part(90..100));
        check("bytes=-10", Asked::Part(90..100));
        check("bytes=-500", Asked::Part(0..100));
        check("bytes=99-99", Asked::Part(99..100));
        check("bytes=100-", Asked::Outside);
        check("bytes=-0", Asked::Outside);
        check("bytes=100-200", Asked::Outside);
        check(&format!("bytes=5-{}", u64::MAX), Asked::Part(5..100));
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_answered_whole() {
        assert_eq!(asked(None, 100), Asked::Whole);
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=9-3", "bytes=a-b", "bytes=0-1,5-6", "lines=1-2"]
        {
            assert_eq!(asked(Some(header), 100), Asked::Whole, "{header}");
        }
    }

    #[test]
    fn an_empty_object_has_no_part() {
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Outside);
    }
}
