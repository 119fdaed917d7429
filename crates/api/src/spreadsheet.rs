//! Tables for spreadsheet programs (CSV, RFC 4180).

use std::borrow::Cow;

/// A cell that a spreadsheet shows and does not run: a text that would be taken for a formula gets an apostrophe before
/// it (OWASP, "CSV injection").
#[must_use]
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    let begins_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_a_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Lines of a table, each cell made harmless.
///
/// # Errors
/// When a line has another number of cells than the first.
pub(crate) fn lines<'a>(rows: impl IntoIterator<Item = Vec<Cow<'a, str>>>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|text| cell(text).into_owned()))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expect) in [
            ("=HYPERLINK(\"http://evil.example\")", "'=HYPERLINK(\"http://evil.example\")"),
            ("+1", "'+1"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("plain", "plain"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expect);
        }
    }

    #[test]
    fn a_cell_can_hold_commas_quotes_and_lines() {
        let row = vec![Cow::from("a,b"), Cow::from("say \"hi\""), Cow::from("two\nlines")];
        let table = lines([row]).expect("a table");
        assert_eq!(String::from_utf8_lossy(&table), "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
    }
}
