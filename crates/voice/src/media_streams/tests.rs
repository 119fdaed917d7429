use super::*;
use proptest::prelude::*;

fn check(text: &str, expect: &Result<Incoming, &'static str>) {
    assert_eq!(&parse(text).map_err(|malformed| malformed.reason), expect, "{text}");
}

fn phone(event: PhoneIn) -> Result<Incoming, &'static str> {
    Ok(Incoming::Phone(event))
}

#[test]
fn messages_of_twilio_are_read() {
    check(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#, &Ok(Incoming::Connected));
    check(
        r#"{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"AAEC"},"streamSid":"MZ1"}"#,
        &phone(PhoneIn::Media { sequence: 3, timestamp_ms: 5, payload: Bytes::from_static(&[0, 1, 2]) }),
    );
    check(
        r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}"#,
        &phone(PhoneIn::Dtmf { digit: '1' }),
    );
    check(
        r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"g1:item:200"}}"#,
        &phone(PhoneIn::Mark { name: "g1:item:200".into() }),
    );
    check(
        r#"{"event":"stop","sequenceNumber":"9","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#,
        &phone(PhoneIn::Stop),
    );
    check(r#"{"event":"something new","streamSid":"MZ1"}"#, &Ok(Incoming::Unknown));
}

#[test]
fn start_names_the_stream_and_carries_the_parameters() {
    let text = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"t\u002d1","n":7}},"streamSid":"MZ1"}"#;
    let Ok(Incoming::Start(start)) = parse(text) else { panic!("a start message") };
    assert_eq!((start.call_sid.as_str(), start.stream_sid.as_str(), start.sequence), ("CA1", "MZ1", 1));
    assert_eq!(start.parameter("token"), Some("t-1"));
    assert_eq!(start.parameter("n"), Some("7"));
    assert!(start.is_telephone_audio());
}

#[test]
fn what_is_plain_is_taken_however_it_is_written() {
    check(
        r#"{"event":"media","sequenceNumber":3,"media":{"timestamp":5,"payload":"\/\/8"}}"#,
        &phone(PhoneIn::Media { sequence: 3, timestamp_ms: 5, payload: Bytes::from_static(&[255, 255]) }),
    );
    check(r#"{"event":"dtmf","dtmf":{"digit":"a"}}"#, &phone(PhoneIn::Dtmf { digit: 'A' }));
    check(
        r#"{"event":"media","media":{"track":"outbound","timestamp":"1","payload":"AAEC"}}"#,
        &Ok(Incoming::Unknown),
    );
}

#[test]
fn what_makes_no_sense_is_malformed_with_a_reason() {
    let json = "not the JSON of a media message";
    for text in ["", "{", "hello", "[]", "17", r#"{"event":5}"#, "{}", r#"{"event":"media","media":[]}"#] {
        check(text, &Err(json));
    }
    check(r#"{"event":"media"}"#, &Err("media without media"));
    check(
        r#"{"event":"media","media":{"timestamp":"x","payload":"AAEC"}}"#,
        &Err("media without a timestamp"),
    );
    check(
        r#"{"event":"media","media":{"timestamp":"-5","payload":"AAEC"}}"#,
        &Err("media without a timestamp"),
    );
    check(r#"{"event":"media","media":{"timestamp":"5","payload":"%%"}}"#, &Err("audio is not base64"));
    check(r#"{"event":"media","media":{"timestamp":"5","payload":""}}"#, &Err("media without audio"));
    check(r#"{"event":"mark"}"#, &Err("mark without a mark"));
    check(r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#, &Err("dtmf without a key"));
    check(r#"{"event":"dtmf","dtmf":{"digit":"x"}}"#, &Err("dtmf without a key"));
    check(r#"{"event":"start"}"#, &Err("start without start"));
    check(r#"{"event":"start","start":{"callSid":"CA1"}}"#, &Err("start without streamSid or callSid"));
}

#[test]
fn sizes_are_bounded() {
    let media = |bytes: usize| {
        let payload = base64_simd::STANDARD.encode_to_string(vec![0_u8; bytes]);
        format!(r#"{{"event":"media","media":{{"timestamp":"5","payload":"{payload}"}}}}"#)
    };
    assert!(matches!(parse(&media(MAX_PAYLOAD_BYTES)), Ok(Incoming::Phone(PhoneIn::Media { .. }))));
    check(&media(MAX_PAYLOAD_BYTES + 3), &Err("audio too long"));
    check(&media(60_000), &Err("message too long"));
    let name = "m".repeat(MAX_MARK_BYTES + 1);
    check(&format!(r#"{{"event":"mark","mark":{{"name":"{name}"}}}}"#), &Err("name of the mark too long"));
}

fn written(out: &PhoneOut, stream_sid: &str) -> String {
    let mut buffer = "left over".to_owned();
    write_outgoing(out, stream_sid, &mut buffer);
    buffer
}

#[test]
fn messages_are_written_exactly_as_twilio_takes_them() {
    assert_eq!(
        written(&PhoneOut::Media { payload: Bytes::from_static(&[0, 1, 2]) }, "MZ1"),
        r#"{"event":"media","streamSid":"MZ1","media":{"payload":"AAEC"}}"#
    );
    assert_eq!(
        written(&PhoneOut::Mark { name: "g3:1240".into() }, "MZ1"),
        r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"g3:1240"}}"#
    );
    assert_eq!(written(&PhoneOut::Clear, "MZ1"), r#"{"event":"clear","streamSid":"MZ1"}"#);
    assert_eq!(
        written(&PhoneOut::Processed { sequence: 17 }, "MZ1"),
        r#"{"event":"processed","sequenceNumber":"17"}"#
    );
}

proptest! {
    #[test]
    fn any_text_is_answered_without_panic(text in ".*") {
        let _ = parse(&text);
    }

    #[test]
    fn any_json_of_the_known_shape_is_answered_without_panic(
        event in "media|mark|dtmf|start|stop|connected|[a-z]*",
        key in "media|mark|dtmf|start|payload",
        value in r#"null|[0-9]{1,30}|-1|1e400|"[ -!#-\[\]-~]{0,40}"|\{\}|\{"payload":"[A-Za-z0-9+/=]{0,40}","timestamp":"[0-9]{0,25}"\}"#,
    ) {
        let _ = parse(&format!(r#"{{"event":"{event}","{key}":{value},"sequenceNumber":{value}}}"#));
    }

    #[test]
    fn audio_comes_back_as_it_was_written(payload in proptest::collection::vec(any::<u8>(), 1..2_000), sid in "\\PC{0,40}") {
        let text = written(&PhoneOut::Media { payload: payload.clone().into() }, &sid);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(value["streamSid"].as_str(), Some(sid.as_str()));
        let with_time = text.replacen(r#""media":{"#, r#""media":{"timestamp":"0","#, 1);
        let Ok(Incoming::Phone(PhoneIn::Media { payload: read, .. })) = parse(&with_time) else {
            return Err(TestCaseError::fail("not read back"));
        };
        prop_assert_eq!(read.to_vec(), payload);
    }

    #[test]
    fn names_of_marks_are_escaped(name in any::<String>()) {
        let value: serde_json::Value = serde_json::from_str(&written(&PhoneOut::Mark { name: name.clone() }, "MZ1")).expect("JSON");
        prop_assert_eq!(value["mark"]["name"].as_str(), Some(name.as_str()));
    }
}
