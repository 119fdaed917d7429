//! The telephone's side of the matrix: whatever the carrier's socket does, the model's session ends with the call, and
//! nothing is left over.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use simulator::line::messages::{self, StreamIds};
use simulator::line::session::{Doing, Ending, LineEnd, LineUser, Moment};
use simulator::line::{SILENCE, socket};
use simulator::twilio::twiml::{self, Verb};
use simulator::twilio::webhook::{call_fields, new_sid};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::caller::Caller;
use super::stage::{PLACE, SERVICES, Stage};

/// A caller who is cut off after so much of the call, whatever is going on.
struct CutOff {
    caller: Caller<'static>,
    after_ms: u64,
    ending: Ending,
}

#[async_trait]
impl LineUser for CutOff {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        let doing = self.caller.tick(Moment { now_ms: moment.now_ms, heard: moment.heard }).await;
        let end = (moment.now_ms >= self.after_ms).then_some(self.ending);
        Doing { end: end.or(doing.end), ..doing }
    }

    async fn ended(&mut self, at_ms: u64) {
        self.caller.ended(at_ms).await;
    }
}

/// A stream that the test drives by hand.
struct Stream {
    socket: socket::Socket,
    ids: StreamIds,
    parameters: Vec<(String, String)>,
    sequence: u64,
}

/// A call that was announced: where its stream is to go, and with what.
struct Announced {
    call_sid: String,
    url: reqwest::Url,
    parameters: Vec<(String, String)>,
}

async fn announce(stage: &Stage) -> Announced {
    let webhooks = &stage.webhooks;
    let url = webhooks.endpoint().public.join("/api/voice/inbound").unwrap();
    let call_sid = new_sid("CA");
    let account = &webhooks.account().sid;
    let fields = call_fields(account, &call_sid, "+15135551999", &stage.agency.number, "ringing");
    let answer = webhooks.document(&url, false, &fields, &new_sid("")).await.unwrap();
    let stream = twiml::parse(&answer.body).unwrap().into_iter().find_map(|verb| match verb {
        Verb::ConnectStream { stream, .. } => Some(stream),
        _ => None,
    });
    let stream = stream.expect("a stream to connect to");
    let url = webhooks.endpoint().route(&stream.url.parse().unwrap());
    Announced { call_sid, url, parameters: stream.parameters }
}

impl Stream {
    async fn open(call: &Announced, parameters: Vec<(String, String)>) -> Self {
        let socket = socket::connect(&call.url, None).await.expect("a stream");
        let ids = StreamIds {
            account_sid: "AC00000000000000000000000000000000".to_owned(),
            call_sid: call.call_sid.clone(),
            stream_sid: new_sid("MZ"),
        };
        let mut stream = Self { socket, ids, parameters, sequence: 1 };
        stream.send(messages::connected()).await;
        let start = messages::start(&stream.ids, &stream.parameters);
        stream.send(start).await;
        stream
    }

    async fn send(&mut self, text: String) {
        // A stream that is refused may be closed already.
        let _refused = self.socket.send(Message::text(text)).await;
    }

    /// Sends silence at a telephone's pace and receives; the bytes of audio that came.
    async fn listen(&mut self, time: Duration) -> usize {
        let until = Instant::now() + time;
        let mut due = Instant::now();
        let mut bytes = 0;
        while due < until {
            let at_ms = (self.sequence - 1) * 20;
            self.sequence += 1;
            let frame = messages::media(&self.ids, self.sequence, self.sequence - 1, at_ms, &SILENCE);
            self.send(frame).await;
            due += Duration::from_millis(20);
            while let Ok(Some(Ok(message))) = tokio::time::timeout_at(due, self.socket.next()).await {
                if let Message::Text(text) = message
                    && let Ok(messages::FromServer::Media(audio)) =
                        messages::read(&text, &self.ids.stream_sid)
                {
                    bytes += audio.len();
                }
            }
            tokio::time::sleep_until(due).await;
        }
        bytes
    }

    /// Listens until something is heard.
    async fn hear(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.listen(Duration::from_millis(200)).await == 0 {
            assert!(Instant::now() < until, "nothing is heard");
        }
    }

    /// Waits until the server closes it.
    async fn closed(&mut self) {
        let closing = async { while let Some(Ok(_)) = self.socket.next().await {} };
        tokio::time::timeout(Duration::from_secs(30), closing).await.expect("the server closes it");
    }
}

async fn nothing_is_left(stage: Stage) {
    let left = stage.stop().await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telephone_that_hangs_up_or_breaks_ends_the_models_session() {
    let stage = Stage::open("phone").await;
    for (line, (after_ms, ending, end)) in [
        // In the greeting, and in the middle of the caller's words.
        (700, Ending::HangUp, LineEnd::CallerHungUp),
        (700, Ending::Break, LineEnd::CallerBroke),
        (5_800, Ending::HangUp, LineEnd::CallerHungUp),
        (5_800, Ending::Break, LineEnd::CallerBroke),
    ]
    .into_iter()
    .enumerate()
    {
        let caller = Caller::new(line, &[PLACE, SERVICES]);
        let report = stage.place(line, &mut CutOff { caller, after_ms, ending }).await;
        assert_eq!(report.line.map(|line| line.end), Some(end), "{after_ms} ms, {ending:?}");
        assert_eq!(stage.leftovers().await, Vec::<String>::new(), "{after_ms} ms, {ending:?}");
    }
    assert!(stage.stand_in.seen().errors().next().is_none(), "{:?}", stage.stand_in.seen().sessions);
    nothing_is_left(stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telephone_that_falls_silent_without_a_word_is_given_up() {
    let stage = Stage::open("half-open").await;
    let call = announce(&stage).await;
    let mut stream = Stream::open(&call, call.parameters.clone()).await;
    stream.hear().await;
    assert_eq!(stage.running.app.active_calls(), 1);
    // From here on nothing is sent and nothing is read: the socket is open, nobody is there.
    let silent = Instant::now();
    while stage.running.app.active_calls() > 0 || stage.stand_in.open() > 0 {
        assert!(silent.elapsed() < Duration::from_secs(40), "a call with nobody in it goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(stream);
    nothing_is_left(stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stream_of_a_call_is_turned_away_and_the_first_goes_on() {
    let stage = Stage::open("duplicate").await;
    let call = announce(&stage).await;
    let mut first = Stream::open(&call, call.parameters.clone()).await;
    first.hear().await;
    let mut second = Stream::open(&call, call.parameters.clone()).await;
    second.closed().await;
    assert_eq!(stage.running.app.active_calls(), 1);
    assert_eq!(stage.stand_in.open(), 1, "one session for one call");
    first.hear().await;
    let stop = messages::stop(&first.ids, 9_999);
    first.send(stop).await;
    first.closed().await;
    nothing_is_left(stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_with_a_wrong_ticket_gets_no_session_and_leaves_none() {
    let stage = Stage::open("ticket").await;
    let call = announce(&stage).await;
    let wrong = call.parameters.iter().map(|(name, _)| (name.clone(), "nonsense".to_owned())).collect();
    let mut stream = Stream::open(&call, wrong).await;
    stream.closed().await;
    assert_eq!(stage.running.app.active_calls(), 0);
    // The session that was opened while the telephone rang waits for its stream, which may still come.
    let mut stream = Stream::open(&call, call.parameters.clone()).await;
    stream.hear().await;
    let stop = messages::stop(&stream.ids, 9_999);
    stream.send(stop).await;
    stream.closed().await;
    nothing_is_left(stage).await;
}
