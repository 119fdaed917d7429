use super::*;

fn refused(document: &str) -> u32 {
    match parse(document) {
        Err(error) => error.code,
        Ok(verbs) => panic!("accepted {document}: {verbs:?}"),
    }
}

#[test]
fn answer_of_an_inbound_call_is_understood() {
    let document = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Response>
          <Connect action="/api/voice/after">
            <Stream url="wss://voice.example.com/api/voice/media">
              <Parameter name="token" value="a&amp;b"/>
            </Stream>
          </Connect>
          <Say voice="Polly.Joanna">Sorry, we &lt;lost&gt; you. <break time="1s"/> Please call&#32;again.</Say>
          <Hangup/>
        </Response>"#;
    let verbs = parse(document).expect("valid TwiML");
    let expected = [
        Verb::ConnectStream {
            action: Some(Action { url: "/api/voice/after".into(), get: false }),
            stream: Stream {
                url: "wss://voice.example.com/api/voice/media".into(),
                name: String::new(),
                status_callback: None,
                parameters: vec![("token".into(), "a&b".into())],
            },
        },
        Verb::Say {
            text: "Sorry, we <lost> you. Please call again.".into(),
            voice: "Polly.Joanna".into(),
            times: 1,
        },
        Verb::Hangup,
    ];
    assert_eq!(verbs, expected);
}

#[test]
fn every_verb_of_a_fallback_is_understood() {
    let document = r##"<Response><Pause length="2"/><Gather numDigits="1" action="/g" actionOnEmptyResult="true">
        <Say>Press one.</Say></Gather><Record action="/r" maxLength="120" playBeep="true" finishOnKey="#"/>
        <Dial action="/d" timeout="20"><Number>+15135550199</Number></Dial><Dial>+15135550198</Dial>
        <Redirect method="GET">/again</Redirect><Reject reason="busy"/></Response>"##;
    let verbs = parse(document).expect("valid TwiML");
    assert_eq!(verbs.len(), 7);
    assert_eq!(
        verbs[4],
        Verb::Dial {
            action: None,
            targets: vec!["+15135550198".into()],
            conference: None,
            number_status: None
        }
    );
    assert_eq!(verbs[5], Verb::Redirect(Action { url: "/again".into(), get: true }));
    assert_eq!(parse("<Response/>"), Ok(vec![]));
}

#[test]
fn document_that_is_not_xml_is_a_parse_failure() {
    for document in [
        "",
        "hello",
        "{\"error\":\"internal\"}",
        "<Response><Say>Hi</Response>",
        "<Response><Say>Fish & chips</Say></Response>",
        "<Response><Say>&nope;</Say></Response>",
        "<Response/><Response/>",
        "<html><body>500</body></html>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>",
        "<Response><Say>Hi</Say>",
    ] {
        assert_eq!(refused(document), 12100, "{document}");
    }
}

#[test]
fn document_outside_the_schema_is_refused() {
    for inside in [
        "<Speak>Hi</Speak>",
        "<say>Hi</say>",
        "<Say speed=\"2\">Hi</Say>",
        "<Say><Pause/></Say>",
        "words",
        "<Hangup>now</Hangup>",
        "<Pause length=\"soon\"/>",
        "<Reject reason=\"bored\"/>",
        "<Connect/>",
        "<Connect><Stream url=\"wss://a.test/x\"/><Stream url=\"wss://a.test/y\"/></Connect>",
        "<Connect><Stream url=\"wss://a.test/x\" track=\"both_tracks\"/></Connect>",
        "<Connect><Stream url=\"wss://a.test/x\"><Parameter name=\"a\"/></Stream></Connect>",
        "<Gather><Dial>+15135550100</Dial></Gather>",
    ] {
        assert_eq!(refused(&format!("<Response>{inside}</Response>")), 12200, "{inside}");
    }
}

#[test]
fn stream_address_must_be_secure_unless_it_is_this_machine() {
    let document = |url: &str| format!("<Response><Connect><Stream url=\"{url}\"/></Connect></Response>");
    for url in ["", "https://a.test/x", "ws://a.test/x", "/relative", "ws://127.0.0.1.a.test/x"] {
        assert_eq!(refused(&document(url)), 31922, "{url}");
    }
    for url in ["wss://a.test/x", "ws://127.0.0.1:3000/x", "ws://localhost:3000/x", "ws://[::1]:3000/x"] {
        assert!(parse(&document(url)).is_ok(), "{url}");
    }
}

#[test]
fn limits_of_size_hold() {
    assert_eq!(refused("<Response><Say></Say></Response>"), 13520);
    assert_eq!(refused(&format!("<Response><Say>{}</Say></Response>", "a".repeat(4097))), 13521);
    assert_eq!(refused(&format!("<Response>{}</Response>", " ".repeat(70_000))), 11750);
    assert_eq!(refused("<Response><Redirect/></Response>"), 11100);
    assert_eq!(refused("<Response><Dial/></Response>"), 13223);
}
