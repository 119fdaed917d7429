//! Records read through the server's own API, as any integrator would.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::file::Who;
use super::records::{CallKey, CallRecord, Records, RecordsError, TurnRecord};

/// A client of the API with the rights of a member who may read calls, recordings, leads and messages.
pub struct HttpRecords {
    http: reqwest::Client,
    base: Url,
    tokens: Mutex<Tokens>,
}

/// What a sign-in gives: an access token that is soon over, and what renews it, once.
#[derive(Clone, Deserialize)]
struct Tokens {
    token: String,
    refresh_token: Option<String>,
}

/// A question about records must be answered within this time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Clocks of caller and server may differ by this much.
const CLOCK_TOLERANCE: chrono::TimeDelta = chrono::TimeDelta::seconds(5);

impl HttpRecords {
    /// `token` is a bearer token of the API.
    #[must_use]
    pub fn new(http: reqwest::Client, base: Url, token: String) -> Self {
        Self { http, base, tokens: Mutex::new(Tokens { token, refresh_token: None }) }
    }

    /// Signs in for a token.
    ///
    /// # Errors
    /// When the server refuses, or can't be asked.
    pub async fn sign_in(
        http: reqwest::Client,
        base: Url,
        email: &str,
        password: &str,
    ) -> Result<Self, RecordsError> {
        let url = join(&base, "api/v1/auth/login")?;
        let body = serde_json::json!({"email": email, "password": password});
        let failed = |error: reqwest::Error| RecordsError(format!("sign-in at {base}: {error}"));
        let answer = http.post(url).json(&body).timeout(TIMEOUT).send().await.map_err(failed)?;
        let tokens: Tokens = answer.error_for_status().map_err(failed)?.json().await.map_err(failed)?;
        Ok(Self { http, base, tokens: Mutex::new(tokens) })
    }

    /// Exchanges the tokens, unless somebody else did so since `seen` was read.
    async fn renew(&self, seen: &str) -> Result<String, RecordsError> {
        let mut tokens = self.tokens.lock().await;
        if tokens.token != seen {
            return Ok(tokens.token.clone());
        }
        let failed = |error: reqwest::Error| RecordsError(format!("renewing the sign-in: {error}"));
        let Some(refresh_token) = &tokens.refresh_token else {
            return Err(RecordsError("the token is over, and there is nothing to renew it".to_owned()));
        };
        let url = join(&self.base, "api/v1/auth/refresh")?;
        let body = serde_json::json!({ "refresh_token": refresh_token });
        let answer = self.http.post(url).json(&body).timeout(TIMEOUT).send().await.map_err(failed)?;
        *tokens = answer.error_for_status().map_err(failed)?.json().await.map_err(failed)?;
        Ok(tokens.token.clone())
    }

    async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<reqwest::Response>, RecordsError> {
        let url = join(&self.base, path)?;
        let failed = |error: reqwest::Error| RecordsError(format!("GET {path}: {error}"));
        let ask = async |token: &str| {
            let request = self.http.get(url.clone()).query(query).bearer_auth(token).timeout(TIMEOUT);
            request.send().await.map_err(failed)
        };
        let token = self.tokens.lock().await.token.clone();
        let mut response = ask(&token).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            response = ask(&self.renew(&token).await?).await?;
        }
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status().map(Some).map_err(failed)
    }

    async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<T>, RecordsError> {
        let Some(response) = self.get(path, query).await? else { return Ok(None) };
        let body = response.json().await;
        body.map(Some).map_err(|error| RecordsError(format!("GET {path}: {error}")))
    }
}

#[async_trait]
impl Records for HttpRecords {
    async fn call(&self, key: &CallKey) -> Result<Option<CallRecord>, RecordsError> {
        let since = (key.placed_at - CLOCK_TOLERANCE).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let query = [("limit", "100".to_owned()), ("from", since)];
        let page: Option<Page<Listed>> = self.json("api/v1/calls", &query).await?;
        let Some(id) = page.and_then(|page| find(page.items, key)) else { return Ok(None) };
        let Some(detail) = self.json::<Detail>(&format!("api/v1/calls/{id}"), &[]).await? else {
            return Ok(None);
        };
        let mut record = detail.record();
        if let Some(lead) = &detail.lead_id {
            let lead: Option<Value> = self.json(&format!("api/v1/leads/{lead}"), &[]).await?;
            record.lead = lead.map(|lead| texts(&lead));
        }
        let messages: Option<Page<Value>> =
            self.json("api/v1/messages", &[("limit", "100".to_owned())]).await?;
        record.messages = messages
            .map_or_else(Vec::new, |page| page.items)
            .iter()
            .filter(|message| message["call_id"] == Value::String(id.clone()))
            .map(|message| texts(message).into_values().collect::<Vec<_>>().join(" | "))
            .collect();
        Ok(Some(record))
    }

    async fn recording(&self, record: &CallRecord) -> Result<Option<Vec<u8>>, RecordsError> {
        let path = format!("api/v1/calls/{}/recording", record.id);
        let Some(response) = self.get(&path, &[]).await? else { return Ok(None) };
        let body = response.bytes().await;
        body.map(|bytes| Some(bytes.to_vec())).map_err(|error| RecordsError(format!("GET {path}: {error}")))
    }
}

fn join(base: &Url, path: &str) -> Result<Url, RecordsError> {
    base.join(path).map_err(|error| RecordsError(format!("{base} and {path}: {error}")))
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    call_sid: Option<String>,
    from: Option<String>,
    to: String,
    started_at: DateTime<Utc>,
}

/// The call of a key: by the carrier's id where the server tells it, else by numbers and time. Two calls from
/// one number to one number at once can't be told apart then.
fn find(items: Vec<Listed>, key: &CallKey) -> Option<String> {
    let withheld = !key.from.starts_with('+');
    let matches = |item: &Listed| match &item.call_sid {
        Some(sid) => *sid == key.call_sid,
        None => {
            let from = item.from.as_ref().map_or(withheld, |from| *from == key.from);
            from && item.to == key.to && item.started_at >= key.placed_at - CLOCK_TOLERANCE
        }
    };
    items.into_iter().filter(matches).max_by_key(|item| item.started_at).map(|item| item.id)
}

#[derive(Deserialize)]
struct Detail {
    id: String,
    status: String,
    end_reason: Option<String>,
    duration_ms: Option<u64>,
    lead_id: Option<String>,
    client: Option<Client>,
    #[serde(default)]
    urgency_score: u8,
    #[serde(default)]
    has_recording: bool,
    turns: Vec<Turn>,
    rejected_turns: Vec<Rejected>,
    tool_calls: Vec<Tool>,
}

#[derive(Deserialize)]
struct Client {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Turn {
    speaker: Who,
    started_ms: u64,
    ended_ms: u64,
    text: String,
    #[serde(default)]
    interrupted: bool,
    latency: Option<domain::call_log::LatencyParts>,
}

#[derive(Deserialize)]
struct Rejected {
    started_ms: u64,
    ended_ms: u64,
    text: String,
    layer: String,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
}

impl Detail {
    fn record(&self) -> CallRecord {
        let said = self.turns.iter().map(|turn| TurnRecord {
            who: turn.speaker,
            text: turn.text.clone(),
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
            interrupted: turn.interrupted,
            rejected_by: None,
            latency: turn.latency,
        });
        let rejected = self.rejected_turns.iter().map(|turn| TurnRecord {
            who: Who::Caller,
            text: turn.text.clone(),
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
            interrupted: false,
            rejected_by: Some(turn.layer.clone()),
            latency: None,
        });
        let mut turns: Vec<TurnRecord> = said.chain(rejected).collect();
        turns.sort_by_key(|turn| turn.started_ms);
        CallRecord {
            id: self.id.clone(),
            status: self.status.clone(),
            end_reason: self.end_reason.clone(),
            // The length is told when the record is finished, and never before.
            is_final: self.duration_ms.is_some(),
            turns,
            tools: self.tool_calls.iter().map(|tool| tool.name.clone()).collect(),
            lead: None,
            messages: Vec::new(),
            client: self.client.as_ref().and_then(|client| client.name.clone()),
            urgency: self.urgency_score,
            has_recording: self.has_recording,
        }
    }
}

/// The plain values of an object, as text.
fn texts(object: &Value) -> BTreeMap<String, String> {
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((name.clone(), text.clone())),
            Value::Bool(_) | Value::Number(_) => Some((name.clone(), value.to_string())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(id: &str, sid: Option<&str>, from: Option<&str>, second: u32) -> Listed {
        let started_at = format!("2026-11-21T10:00:{second:02}Z");
        let value =
            json!({"id": id, "call_sid": sid, "from": from, "to": "+15135550100", "started_at": started_at});
        serde_json::from_value(value).expect("a call")
    }

    fn key(from: &str) -> CallKey {
        let placed_at = "2026-11-21T10:00:20Z".parse().expect("a time");
        CallKey { call_sid: "CA1".into(), from: from.into(), to: "+15135550100".into(), placed_at }
    }

    #[test]
    fn call_is_found_by_the_carriers_id_or_by_numbers_and_time() {
        let by_sid = vec![
            listed("a", Some("CA2"), Some("+15135550111"), 22),
            listed("b", Some("CA1"), Some("+15135550111"), 21),
        ];
        assert_eq!(find(by_sid, &key("+15135550111")).as_deref(), Some("b"));
        let by_number = || {
            vec![
                listed("old", None, Some("+15135550111"), 1),
                listed("mine", None, Some("+15135550111"), 21),
                listed("other", None, Some("+15135550122"), 22),
                listed("hidden", None, None, 23),
            ]
        };
        assert_eq!(find(by_number(), &key("+15135550111")).as_deref(), Some("mine"));
        assert_eq!(find(by_number(), &key("anonymous")).as_deref(), Some("hidden"));
        assert_eq!(find(by_number(), &key("+15135550133")), None);
    }

    #[test]
    fn detail_becomes_a_record_with_rejected_turns_in_order() {
        let detail: Detail = serde_json::from_value(json!({
            "id": "call_1", "status": "completed", "end_reason": "caller_hung_up", "duration_ms": 9000,
            "client": {"id": "client_1", "name": "Bright Bakery"}, "lead_id": null, "urgency_score": 9,
            "has_recording": true,
            "turns": [
                {"id": "t1", "speaker": "agent", "started_ms": 0, "ended_ms": 900, "text": "Hello"},
                {"id": "t2", "speaker": "caller", "started_ms": 3000, "ended_ms": 3900, "text": "hi", "latency": null},
            ],
            "rejected_turns": [{"id": "t3", "started_ms": 2000, "ended_ms": 2100, "text": "uh", "layer": "energy", "reason": "quiet"}],
            "tool_calls": [{"name": "list_projects", "ok": true}],
            "events": [],
        }))
        .expect("a detail");
        let record = detail.record();
        assert!(record.is_final);
        assert_eq!(
            record.turns.iter().map(|turn| turn.text.as_str()).collect::<Vec<_>>(),
            ["Hello", "uh", "hi"]
        );
        assert_eq!(record.rejected().count(), 1);
        assert_eq!((record.client.as_deref(), record.urgency), (Some("Bright Bakery"), 9));
        assert_eq!(record.tools, ["list_projects"]);
    }
}
