//! Media Streams messages: any text is answered without a panic, within the size limits; what was taken as
//! audio can be written again and reads back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voice::media_streams::{Incoming, parse, write_outgoing};
use voice::phone::{MAX_PAYLOAD_BYTES, PhoneIn, PhoneOut};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Ok(message) = parse(&text) else { return };
    let mut buffer = String::new();
    match message {
        Incoming::Phone(PhoneIn::Media { payload, .. }) => {
            assert!(!payload.is_empty() && payload.len() <= MAX_PAYLOAD_BYTES + 2);
            write_outgoing(&PhoneOut::Media { payload: payload.clone() }, "MZ1", &mut buffer);
            let again = buffer.replacen(r#""media":{"#, r#""media":{"timestamp":"0","#, 1);
            let Ok(Incoming::Phone(PhoneIn::Media { payload: read, .. })) = parse(&again) else {
                panic!("what was written is not read back");
            };
            assert_eq!(read, payload);
        }
        Incoming::Phone(PhoneIn::Mark { name }) => {
            write_outgoing(&PhoneOut::Mark { name: name.clone() }, "MZ1", &mut buffer);
            assert_eq!(parse(&buffer), Ok(Incoming::Phone(PhoneIn::Mark { name })));
        }
        Incoming::Start(start) => {
            write_outgoing(&PhoneOut::Clear, &start.stream_sid, &mut buffer);
            assert!(serde_json::from_str::<serde_json::Value>(&buffer).is_ok());
        }
        Incoming::Phone(PhoneIn::Dtmf { digit }) => {
            assert!(matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D'));
        }
        _ => {}
    }
});
