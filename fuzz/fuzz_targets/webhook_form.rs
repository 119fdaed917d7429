//! Whatever bytes come as a webhook's body: they are read or refused, never a panic; what was read says the same
//! when it is written again; and a signature made over it fits it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use providers::twilio::callbacks::{
    RecordingCallback, StatusCallback, VoiceWebhook, call_sid, dial_was_answered,
};
use providers::twilio::form::{Form, MAX_BODY_BYTES};
use providers::twilio::signature::{SignatureVerifier, sign};

const URL: &str = "https://studio.example/api/voice/inbound?a=1";
const TOKEN: &str = "12345";

fuzz_target!(|body: &[u8]| {
    let Ok(form) = Form::parse(body) else { return };

    let _ = call_sid(&form);
    let _ = dial_was_answered(&form);
    if let Ok(call) = VoiceWebhook::from_form(&form) {
        assert!(!call.call_sid.is_empty() && !call.to.is_empty());
    }
    let _ = StatusCallback::from_form(&form);
    let _ = RecordingCallback::from_form(&form);

    let written: Vec<String> =
        form.fields().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let written = written.join("&");
    if written.len() <= MAX_BODY_BYTES {
        assert_eq!(Form::parse(written.as_bytes()).as_ref(), Ok(&form));
    }

    let signature = sign(TOKEN, URL, Some(&form)).expect("a token");
    let verifier = SignatureVerifier::new(TOKEN, None).expect("a token");
    assert_eq!(verifier.verify_form(URL, &form, Some(signature.as_bytes())), Ok(()));
    // Any signature but that one is refused, the body itself taken as one too.
    assert!(verifier.verify_form(URL, &form, Some(body)).is_err() || body == signature.as_bytes());
});

fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}
