//! One request and its answer, the same for every vendor: what differs is a [`Reader`].

use std::time::Duration;

use bytes::Bytes;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LlmAnswer, LlmPiece};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, Url};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::LlmSettings;
use super::events::{Event, Events};
use super::failure::Who;

/// Pieces that wait for their reader.
const ROOM: usize = 64;
/// Most that is read of a failure.
const MAX_FAILURE: usize = 64 * 1024;
/// So much is read behind a complete answer, and so long, for the sake of the connection: the next request can use it
/// only when this answer was read to its end.
const MAX_REST: usize = 64 * 1024;
const REST_WITHIN: Duration = Duration::from_secs(2);

/// Reads a vendor's events.
pub trait Reader: Send + 'static {
    /// Reads the data of one event and appends the pieces it makes. After [`LlmPiece::Done`] it is asked nothing more.
    ///
    /// # Errors
    /// What the vendor tells in the middle of its answer, or that it is none of the protocol's.
    fn event(&mut self, name: &str, data: &str, to: &mut Vec<LlmPiece>) -> Result<(), ProviderError>;

    /// The body has ended, by itself or not. An answer that is complete without a last word says so now.
    fn ended(&mut self, _to: &mut Vec<LlmPiece>) {}
}

/// What asks one vendor.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) settings: LlmSettings,
    pub(super) who: Who,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

impl Exchange {
    /// Sends a request; returns when the vendor has accepted it.
    pub(super) async fn ask(&self, body: &Value, reader: impl Reader) -> Result<LlmAnswer, ProviderError> {
        let began = Instant::now();
        let request = self
            .settings
            .http
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body.to_string()));
        let patience = self.settings.patience;
        let response = timeout(patience.accepted, request.send())
            .await
            .map_err(|_elapsed| self.who.timeout(patience.accepted))?
            .map_err(|error| self.broken(&error, began))?;
        if !response.status().is_success() {
            return Err(self.failed(response).await);
        }
        let (pieces, answer) = mpsc::channel(ROOM);
        let stream = Stream { exchange: self.clone(), response, events: Events::default(), pieces };
        self.settings.tasks.spawn(stream.run(reader));
        Ok(answer)
    }

    async fn failed(&self, mut response: Response) -> ProviderError {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MAX_FAILURE {
                    break;
                }
            }
        };
        // The status alone says enough.
        let _in_time = timeout(REST_WITHIN, reading).await;
        self.who.of_answer(status, &headers, &body, self.settings.clock.as_ref())
    }

    /// A failure of the connection. The library's own words name addresses, so they are not passed on.
    fn broken(&self, error: &reqwest::Error, began: Instant) -> ProviderError {
        if error.is_timeout() {
            return self.who.timeout(began.elapsed());
        }
        if error.is_connect() {
            return self.who.unavailable("it could not be connected to");
        }
        self.who.unavailable("the connection broke")
    }
}

/// An answer that is being read.
struct Stream {
    exchange: Exchange,
    response: Response,
    events: Events,
    pieces: mpsc::Sender<Result<LlmPiece, ProviderError>>,
}

/// How reading goes on.
enum Course {
    On,
    Complete,
    /// Nobody listens any more.
    Unheard,
}

impl Stream {
    async fn run(mut self, mut reader: impl Reader) {
        let listening = self.pieces.clone();
        let course = tokio::select! {
            biased;
            course = self.read(&mut reader) => course,
            // Dropping the response closes the connection: the vendor stops, and stops counting.
            () = listening.closed() => return,
        };
        drop(listening);
        match course {
            Ok(Course::Complete) => self.rest().await,
            Ok(Course::On | Course::Unheard) => {}
            // Nobody to tell it to, or told.
            Err(error) => drop(self.pieces.send(Err(error)).await),
        }
    }

    async fn read(&mut self, reader: &mut impl Reader) -> Result<Course, ProviderError> {
        let between = self.exchange.settings.patience.between;
        loop {
            let chunk = timeout(between, self.response.chunk())
                .await
                .map_err(|_elapsed| self.exchange.who.timeout(between))?;
            let ended = !matches!(chunk, Ok(Some(_)));
            let mut found = Vec::new();
            if let Ok(Some(bytes)) = chunk {
                self.events.take(&bytes, &mut found).map_err(|_large| self.exchange.who.garbage())?;
            }
            for Event { name, data } in found {
                let mut pieces = Vec::new();
                let read = reader.event(&name, &data, &mut pieces);
                match self.pass_on(pieces).await {
                    Course::On => read?,
                    over => return Ok(over),
                }
            }
            if ended {
                let mut pieces = Vec::new();
                reader.ended(&mut pieces);
                return match self.pass_on(pieces).await {
                    Course::On => Err(self.exchange.who.cut_off()),
                    over => Ok(over),
                };
            }
        }
    }

    async fn pass_on(&self, pieces: Vec<LlmPiece>) -> Course {
        for piece in pieces {
            let complete = matches!(piece, LlmPiece::Done { .. });
            if self.pieces.send(Ok(piece)).await.is_err() {
                // Done is heard or not: the answer was complete.
                return if complete { Course::Complete } else { Course::Unheard };
            }
            if complete {
                return Course::Complete;
            }
        }
        Course::On
    }

    /// Reads what is left of the body.
    async fn rest(mut self) {
        let Self { response, pieces, .. } = &mut self;
        // The receiver learns of the end now.
        *pieces = mpsc::channel(1).0;
        let mut left = MAX_REST;
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let Some(less) = left.checked_sub(chunk.len()) else { return };
                left = less;
            }
        };
        let _in_time = timeout(REST_WITHIN, reading).await;
    }
}
