//! Server-sent events out of the bytes of a body. Bounded, unlike the published parsers: what a vendor sends is a
//! stranger's.

/// The largest event.
const MAX_EVENT: usize = 1 << 20;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; empty when it has none.
    pub(super) name: String,
    /// What it carries.
    pub(super) data: String,
}

/// An event that is larger than any vendor's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line that is not complete.
    line: Vec<u8>,
    /// A line ended with a carriage return, so a line feed now belongs to it.
    after_return: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl Events {
    /// Takes bytes and appends what they complete.
    pub(super) fn take(&mut self, bytes: &[u8], to: &mut Vec<Event>) -> Result<(), TooLarge> {
        for &byte in bytes {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    to.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(TooLarge);
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field.trim_start_matches('\u{feff}') {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            // Comments (no field), ids and times to reconnect after: nobody reconnects to an answer.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let (mut events, mut found) = (Events::default(), Vec::new());
        for piece in pieces {
            events.take(piece, &mut found).unwrap();
        }
        found.into_iter().map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn the_rules_of_the_format_hold() {
        for (bytes, expect) in [
            ("data: a\n\n", vec![("", "a")]),
            ("data:a\r\n\r\ndata: b\r\r", vec![("", "a"), ("", "b")]),
            ("event: x\ndata: a\ndata: b\n\n", vec![("x", "a\nb")]),
            ("\u{feff}data: a\n\n", vec![("", "a")]),
            (": ping\n\nid: 1\nretry: 3\n\ndata\n\n", vec![("", "")]),
            ("event: x\n\ndata:  a\n\n", vec![("", " a")]),
            ("data: whole\n\ndata: half\n", vec![("", "whole")]),
        ] {
            let found = all(&[bytes.as_bytes()]);
            let found: Vec<_> = found.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect();
            assert_eq!(found, expect, "{bytes:?}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut events = Events::default();
        let block = [b'x'; 64 * 1024];
        let mut takes = std::iter::repeat_with(|| events.take(&block, &mut Vec::new())).take(20);
        assert!(takes.any(|took| took == Err(TooLarge)));
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_makes_no_difference(cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let text = "event: é\r\ndata: {\"a\": \"ü\"}\r\n\r\n: c\r\ndata: x\ndata: y\n\n".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[text]));
        }
    }
}
