//! What servers send that are compatible in their own way, byte for byte.

use async_trait::async_trait;
use provider_traits::error::ProviderError;
use provider_traits::llm::LlmStop;
use serde_json::json;
use simulator::llm::Protocol;
use simulator::vendor::Vendor;
use simulator::vendor::answer::{Answer, Reply};
use simulator::vendor::fault::Failure;
use simulator::vendor::request::Request;
use simulator::vendor::stand_in::{Place, StandIn};

use crate::vendors::{Whole, caller, client, client_settings, read, request};

/// Sends this, whatever is asked.
#[derive(Debug)]
struct Fixed(&'static str, &'static str);

#[async_trait]
impl Vendor for Fixed {
    fn answer(&self, _: &Request) -> Reply {
        Answer::whole(200, self.0, self.1).into()
    }

    fn failure(&self, _: Failure) -> Reply {
        Answer::whole(500, "text/plain", "").into()
    }
}

async fn sent(protocol: Protocol, body: &'static str) -> Whole {
    let stand_in = StandIn::start(Fixed("text/event-stream", body), Place::default()).await.unwrap();
    let model = client(protocol, client_settings(protocol, &stand_in.url())).unwrap();
    read(model.answer(&request(vec![caller("Hi.")])).await.unwrap()).await
}

#[tokio::test]
async fn calls_sent_whole_with_the_same_index_are_two() {
    let whole = sent(
        Protocol::Compatible,
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[\
         {\"id\":\"call_a\",\"index\":0,\"type\":\"function\",\"function\":{\"name\":\"end_call\",\
         \"arguments\":\"{}\"}}]},\"finish_reason\":null}]}\n\n\
         data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"call_b\",\"index\":0,\
         \"function\":{\"name\":\"end_call\",\"arguments\":{\"why\":1}}}]},\"finish_reason\":\"stop\"}]}\n\n\
         data: [DONE]\n\n",
    )
    .await;
    let found: Vec<_> = whole.calls.iter().map(|call| (call.id.as_str(), call.arguments.clone())).collect();
    assert_eq!(found, [("call_a", json!({})), ("call_b", json!({ "why": 1 }))]);
    assert_eq!(whole.stop(), LlmStop::Calls, "though it said \"stop\"");
}

#[tokio::test]
async fn an_end_without_done_and_without_usage_is_an_end() {
    let whole = sent(
        Protocol::Compatible,
        ": ping\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"Hi.\"},\"finish_reason\":\"stop\"}]}\r\n\r\n",
    )
    .await;
    assert_eq!((whole.text().as_str(), whole.done), ("Hi.", Some((LlmStop::Finished, None))));
}

#[tokio::test]
async fn done_without_a_reason_is_cut_off() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n";
    let error = sent(Protocol::Compatible, body).await.error.expect("an error");
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[tokio::test]
async fn a_call_that_was_cut_at_the_longest_length_is_not_made() {
    let whole = sent(
        Protocol::OpenAiChat,
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"index\":0,\"function\":\
         {\"name\":\"end_call\",\"arguments\":\"{\\\"na\"}}]},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
    )
    .await;
    assert_eq!((whole.calls.len(), whole.stop()), (0, LlmStop::Length));
}

#[tokio::test]
async fn thoughts_are_not_spoken() {
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hm, a caller.\",\"thought\":true},\
                  {\"text\":\"Hi.\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,\
                  \"candidatesTokenCount\":1,\"thoughtsTokenCount\":5}}\n\n";
    let whole = sent(Protocol::Gemini, gemini).await;
    let output = whole.done.as_ref().and_then(|(_, usage)| usage.as_ref()).map(|usage| usage.output_tokens);
    assert_eq!((whole.text().as_str(), output), ("Hi.", Some(6)));
    let mistral = "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":\
                   [{\"type\":\"text\",\"text\":\"Hm.\"}]},{\"type\":\"text\",\"text\":\"Hi.\"}]},\
                   \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    assert_eq!(sent(Protocol::Mistral, mistral).await.text(), "Hi.");
    let anthropic = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\
        \"thinking\":\"Hm.\"}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi.\"}}\n\n\
        data: {\"type\":\"an_event_of_tomorrow\"}\n\n\
        data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n\
        data: {\"type\":\"message_stop\"}\n\n";
    assert_eq!(sent(Protocol::Anthropic, anthropic).await.text(), "Hi.");
}

#[tokio::test]
async fn a_question_that_the_filter_stopped_has_an_end() {
    let body = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":3}}\n\n";
    assert_eq!(sent(Protocol::Gemini, body).await.stop(), LlmStop::Filtered);
}

#[tokio::test]
async fn a_call_that_the_vendor_can_not_read_itself_is_a_failure_of_the_vendor() {
    let body = "data: {\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}\n\n";
    let error = sent(Protocol::Gemini, body).await.error.expect("an error");
    assert!(
        !matches!(error, ProviderError::Invalid { .. }) && error.to_string().contains("MALFORMED"),
        "{error}"
    );
}

#[tokio::test]
async fn a_document_of_another_kind_is_a_failure_for_every_vendor() {
    for body in [
        "data: {\"ok\":true}\n\n",
        "data: 7\n\n",
        "data: {\"choices\":7}\n\n",
        "<html>please sign in</html>",
        "",
        "data: \n\n",
    ] {
        for protocol in Protocol::ALL {
            let whole = sent(protocol, body).await;
            let error = whole.error.unwrap_or_else(|| panic!("{protocol:?} {body:?}: {:?}", whole.done));
            assert!(!matches!(error, ProviderError::Invalid { .. }), "{protocol:?} {body:?}: {error}");
        }
    }
}
