//! TwiML: what Twilio is told to do with a call, as XML made by a writer.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Longest document Twilio takes from a webhook, in bytes (its error 11750).
pub const MAX_BYTES: usize = 64 * 1024;

/// Longest text of one `<Say>` that every kind of voice takes, in characters (Polly's limit, the lowest).
const MAX_SAY_CHARS: usize = 3_000;

/// Longest name and value of a `<Parameter>` together, in characters.
const MAX_PARAMETER_CHARS: usize = 500;

/// Why no document can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// It would be longer than Twilio takes.
    #[error("the TwiML is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A stream parameter is longer than Twilio passes on.
    #[error("the stream parameter is longer than {MAX_PARAMETER_CHARS} characters")]
    ParameterTooLong,
    /// The writer failed.
    #[error("the TwiML could not be written")]
    Write,
}

/// An instruction. They are carried out one after the other; when none is left the call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Connects the call's audio to a WebSocket, both ways, until the stream ends.
    ConnectStream {
        /// Asked for what follows when the stream is over.
        action: String,
        /// `wss://…`; Twilio drops a query.
        url: String,
        /// Come back in `start.customParameters`.
        parameters: Vec<(String, String)>,
    },
    /// Speaks.
    Say {
        /// Plain text.
        text: String,
    },
    /// Records the caller after a tone, until a pause, `#` or the limit.
    Record {
        /// Asked for what follows when something was recorded; otherwise the next verb follows.
        action: String,
        /// Longest recording in seconds.
        max_length_s: u32,
    },
    /// Waits.
    Pause {
        /// For so many seconds.
        seconds: u32,
    },
    /// Plays a file.
    Play {
        /// Its address; audio of one of the kinds that Twilio takes.
        url: String,
    },
    /// Speaks and waits for keys; when none is pressed the next verb follows.
    Gather {
        /// Asked for what follows, told the keys.
        action: String,
        /// It is enough when so many were pressed.
        digits: u32,
        /// How long to wait for the first when all is said, in seconds.
        timeout_s: u32,
        /// What is said meanwhile: only [`Verb::Say`] and [`Verb::Pause`].
        inside: Vec<Verb>,
    },
    /// Rings a telephone.
    Dial {
        /// E.164 number.
        to: String,
        /// The number shown; Twilio's default (the caller's) when `None`.
        caller_id: Option<String>,
        /// How long it rings, in seconds.
        timeout_s: u32,
        /// Asked for what follows, told how it went.
        action: String,
        /// Told when somebody answers.
        answered: Option<String>,
    },
    /// Enters a conference. It begins with whoever does not wait, and ends for everybody when one leaves.
    Conference {
        /// Our name for it.
        name: String,
        /// Asked for what follows when it is over.
        action: String,
        /// Whoever waits hears what this address answers until somebody comes; `None`: does not wait.
        wait: Option<String>,
    },
    /// Ends the call.
    Hangup,
}

/// Makes the document. Characters that XML can't carry are left out; long texts are spoken in pieces.
///
/// # Errors
/// When a limit of Twilio is exceeded.
pub fn render(verbs: &[Verb]) -> Result<String, TwimlError> {
    for verb in verbs {
        let Verb::ConnectStream { parameters, .. } = verb else { continue };
        if parameters.iter().any(|(n, v)| n.chars().count() + v.chars().count() > MAX_PARAMETER_CHARS) {
            return Err(TwimlError::ParameterTooLong);
        }
    }
    let text = write_document(verbs).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or(TwimlError::Write)?;
    if text.len() > MAX_BYTES {
        return Err(TwimlError::TooLong);
    }
    Ok(text)
}

fn write_document(verbs: &[Verb]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::with_capacity(1_024));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("Response").write_inner_content(|writer| {
        for verb in verbs {
            write_verb(writer, verb)?;
        }
        Ok(())
    })?;
    Ok(writer.into_inner())
}

fn write_verb(writer: &mut Writer<Vec<u8>>, verb: &Verb) -> io::Result<()> {
    match verb {
        Verb::ConnectStream { action, url, parameters } => {
            let connect = writer.create_element("Connect");
            connect.with_attributes([("action", &*clean(action)), ("method", "POST")]).write_inner_content(
                |writer| {
                    let stream = writer.create_element("Stream").with_attribute(("url", &*clean(url)));
                    stream.write_inner_content(|writer| {
                        for (name, value) in parameters {
                            writer
                                .create_element("Parameter")
                                .with_attributes([("name", &*clean(name)), ("value", &*clean(value))])
                                .write_empty()?;
                        }
                        Ok(())
                    })?;
                    Ok(())
                },
            )?;
        }
        Verb::Say { text } => {
            for piece in pieces(&clean(text)) {
                writer.create_element("Say").write_text_content(BytesText::new(piece))?;
            }
        }
        Verb::Record { action, max_length_s } => {
            writer
                .create_element("Record")
                .with_attributes([
                    ("action", &*clean(action)),
                    ("method", "POST"),
                    ("maxLength", &max_length_s.to_string()),
                    ("playBeep", "true"),
                ])
                .write_empty()?;
        }
        Verb::Pause { seconds } => {
            let pause = writer.create_element("Pause");
            pause.with_attribute(("length", &*seconds.to_string())).write_empty()?;
        }
        Verb::Play { url } => {
            writer.create_element("Play").write_text_content(BytesText::new(&clean(url)))?;
        }
        Verb::Gather { action, digits, timeout_s, inside } => {
            let gather = writer.create_element("Gather").with_attributes([
                ("input", "dtmf"),
                ("action", &*clean(action)),
                ("method", "POST"),
                ("numDigits", &digits.to_string()),
                ("timeout", &timeout_s.to_string()),
            ]);
            gather.write_inner_content(|writer| {
                for verb in inside {
                    write_verb(writer, verb)?;
                }
                Ok(())
            })?;
        }
        Verb::Dial { to, caller_id, timeout_s, action, answered } => {
            let mut dial = writer.create_element("Dial").with_attributes([
                ("action", &*clean(action)),
                ("method", "POST"),
                ("timeout", &timeout_s.to_string()),
            ]);
            if let Some(caller_id) = caller_id {
                dial = dial.with_attribute(("callerId", &*clean(caller_id)));
            }
            dial.write_inner_content(|writer| {
                let mut number = writer.create_element("Number");
                if let Some(answered) = answered {
                    number = number.with_attributes([
                        ("statusCallback", &*clean(answered)),
                        ("statusCallbackEvent", "answered"),
                    ]);
                }
                number.write_text_content(BytesText::new(&clean(to)))?;
                Ok(())
            })?;
        }
        Verb::Conference { name, action, wait } => {
            let dial = writer.create_element("Dial");
            dial.with_attributes([("action", &*clean(action)), ("method", "POST")]).write_inner_content(
                |writer| {
                    let starts = if wait.is_some() { "false" } else { "true" };
                    let mut room = writer.create_element("Conference").with_attributes([
                        ("beep", "false"),
                        ("startConferenceOnEnter", starts),
                        ("endConferenceOnExit", "true"),
                        ("maxParticipants", "2"),
                    ]);
                    if let Some(wait) = wait {
                        room = room.with_attributes([("waitUrl", &*clean(wait)), ("waitMethod", "POST")]);
                    }
                    room.write_text_content(BytesText::new(&clean(name)))?;
                    Ok(())
                },
            )?;
        }
        Verb::Hangup => {
            writer.create_element("Hangup").write_empty()?;
        }
    }
    Ok(())
}

/// The text without the characters that XML 1.0 has no way to write.
fn clean(text: &str) -> String {
    text.chars().filter(|&c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)).collect()
}

/// Cuts a text into pieces that can be spoken, at spaces where there are any.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((limit, _)) = rest.char_indices().nth(MAX_SAY_CHARS) {
        let cut = rest[..limit].rfind(' ').filter(|&at| at > 0).unwrap_or(limit);
        pieces.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `expect` is the content of `<Response>`, line by line without the indentation.
    fn check(verbs: &[Verb], expect: &str) {
        let expect: String = expect.lines().map(str::trim_start).collect();
        let expect = format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{expect}</Response>"#);
        assert_eq!(render(verbs).as_deref(), Ok(&*expect));
    }

    fn say(text: &str) -> Verb {
        Verb::Say { text: text.to_owned() }
    }

    #[test]
    fn connect_with_a_spoken_tail() {
        let verbs = [
            Verb::ConnectStream {
                action: "https://example.com/api/voice/after-stream".into(),
                url: "wss://example.com/api/voice/media".into(),
                parameters: vec![("token".into(), "t0k".into())],
            },
            say("Please leave a message."),
            Verb::Record { action: "https://example.com/api/voice/message".into(), max_length_s: 120 },
            Verb::Hangup,
        ];
        check(
            &verbs,
            r#"<Connect action="https://example.com/api/voice/after-stream" method="POST">
               <Stream url="wss://example.com/api/voice/media">
               <Parameter name="token" value="t0k"/>
               </Stream>
               </Connect>
               <Say>Please leave a message.</Say>
               <Record action="https://example.com/api/voice/message" method="POST" maxLength="120" playBeep="true"/>
               <Hangup/>"#,
        );
    }

    #[test]
    fn dial_with_and_without_a_caller_id() {
        let dial = |caller_id: Option<&str>| Verb::Dial {
            to: "+15135550190".into(),
            caller_id: caller_id.map(Into::into),
            timeout_s: 25,
            action: "https://example.com/after-dial".into(),
            answered: caller_id.map(|_| "https://example.com/answered".into()),
        };
        check(
            &[dial(Some("+15135550100")), dial(None)],
            r#"<Dial action="https://example.com/after-dial" method="POST" timeout="25" callerId="+15135550100">
               <Number statusCallback="https://example.com/answered" statusCallbackEvent="answered">+15135550190</Number>
               </Dial>
               <Dial action="https://example.com/after-dial" method="POST" timeout="25">
               <Number>+15135550190</Number>
               </Dial>"#,
        );
    }

    #[test]
    fn a_conference_for_who_waits_and_for_who_comes() {
        let room = |wait: Option<&str>| Verb::Conference {
            name: "tr_1".into(),
            action: "https://example.com/left".into(),
            wait: wait.map(Into::into),
        };
        check(
            &[room(Some("https://example.com/wait")), room(None)],
            r#"<Dial action="https://example.com/left" method="POST">
               <Conference beep="false" startConferenceOnEnter="false" endConferenceOnExit="true" maxParticipants="2" waitUrl="https://example.com/wait" waitMethod="POST">tr_1</Conference>
               </Dial>
               <Dial action="https://example.com/left" method="POST">
               <Conference beep="false" startConferenceOnEnter="true" endConferenceOnExit="true" maxParticipants="2">tr_1</Conference>
               </Dial>"#,
        );
    }

    #[test]
    fn a_file_is_played() {
        check(
            &[Verb::Play { url: "https://example.com/a.wav?b&c".into() }],
            "<Play>https://example.com/a.wav?b&amp;c</Play>",
        );
    }

    #[test]
    fn keys_are_asked_for_while_something_is_said() {
        let gather = Verb::Gather {
            action: "https://example.com/key?a&b".into(),
            digits: 1,
            timeout_s: 10,
            inside: vec![say("Tom & Jerry <break/>"), Verb::Pause { seconds: 1 }],
        };
        check(
            &[gather],
            r#"<Gather input="dtmf" action="https://example.com/key?a&amp;b" method="POST" numDigits="1" timeout="10">
               <Say>Tom &amp; Jerry &lt;break/&gt;</Say>
               <Pause length="1"/>
               </Gather>"#,
        );
    }

    #[test]
    fn markup_in_texts_and_attributes_is_text() {
        let verbs = [
            say("Tom & Jerry <Hangup/> ]]> \"quoted\""),
            Verb::ConnectStream {
                action: "https://example.com/?a=1&b=\"2\"".into(),
                url: "wss://example.com/".into(),
                parameters: vec![("a\"b".into(), "<&>'".into())],
            },
        ];
        check(
            &verbs,
            r#"<Say>Tom &amp; Jerry &lt;Hangup/&gt; ]]&gt; &quot;quoted&quot;</Say>
               <Connect action="https://example.com/?a=1&amp;b=&quot;2&quot;" method="POST">
               <Stream url="wss://example.com/">
               <Parameter name="a&quot;b" value="&lt;&amp;&gt;&apos;"/>
               </Stream>
               </Connect>"#,
        );
    }

    #[test]
    fn control_characters_are_left_out() {
        let text = render(&[say("a\u{0}b\u{1b}c\u{ffff}d\te")]).expect("a document");
        assert!(text.contains("<Say>abcd\te</Say>"), "{text}");
    }

    #[test]
    fn nothing_to_say_is_not_said() {
        assert!(!render(&[say("  "), Verb::Hangup]).expect("a document").contains("Say"));
    }

    #[test]
    fn limits_of_twilio_are_held() {
        assert_eq!(render(&[say(&"word ".repeat(14_000))]), Err(TwimlError::TooLong));
        let connect = |value: String| Verb::ConnectStream {
            action: String::new(),
            url: String::new(),
            parameters: vec![("token".into(), value)],
        };
        assert!(render(&[connect("x".repeat(495))]).is_ok());
        assert_eq!(render(&[connect("x".repeat(496))]), Err(TwimlError::ParameterTooLong));
    }

    #[test]
    fn long_texts_are_spoken_in_pieces_without_loss() {
        let text = "wörd ".repeat(2_000);
        let cut = pieces(&text);
        assert!(cut.len() > 1 && cut.iter().all(|piece| piece.chars().count() <= MAX_SAY_CHARS));
        assert_eq!(cut.join(" "), text.trim());
        assert_eq!(pieces(&"x".repeat(7_000)).concat(), "x".repeat(7_000));
    }

    proptest! {
        #[test]
        fn any_text_makes_xml_that_reads_back(text in any::<String>()) {
            let document = render(&[say(&text)]).expect("short");
            let mut reader = quick_xml::Reader::from_str(&document);
            let mut spoken = 0;
            loop {
                match reader.read_event() {
                    Ok(Event::Start(tag)) if tag.name().as_ref() == b"Say" => spoken += 1,
                    Ok(Event::Start(tag)) => prop_assert!(tag.name().as_ref() == b"Response"),
                    Ok(Event::Empty(_)) | Err(_) => prop_assert!(false, "{}", document),
                    Ok(Event::Eof) => break,
                    Ok(_) => {}
                }
            }
            prop_assert!(spoken <= 1);
        }
    }
}
