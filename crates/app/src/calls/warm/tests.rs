//! A session that is opened early is used once, or closed.

use std::sync::atomic::{AtomicUsize, Ordering};

use provider_traits::descriptor::Locality;
use provider_traits::realtime::{ModelHearing, RealtimeInput, RealtimeOutput};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::*;

static DESCRIPTOR: Descriptor = Descriptor { id: "model", name: "Model", locality: Locality::Local };

/// Opens a session for each permit; without one it takes its time.
struct Model {
    permits: Semaphore,
    refuses: bool,
    opened: AtomicUsize,
    asked: AtomicUsize,
    /// The model's ends of the sessions.
    ends: Mutex<Vec<(mpsc::Sender<RealtimeOutput>, mpsc::Receiver<RealtimeInput>)>>,
}

impl Model {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(permits),
            refuses: false,
            opened: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            ends: Mutex::default(),
        })
    }

    fn refusing() -> Arc<Self> {
        Arc::new(Self { refuses: true, ..Arc::into_inner(Self::new(9)).unwrap() })
    }

    /// Sessions that somebody holds.
    fn held(&self) -> usize {
        self.ends.lock().unwrap().iter().filter(|(end, _)| !end.is_closed()).count()
    }
}

#[async_trait]
impl RealtimeProvider for Model {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        "one"
    }

    async fn open(&self, _config: &RealtimeConfig) -> Opened {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.permits.acquire().await.unwrap().forget();
        if self.refuses {
            return Err(ProviderError::Refused { provider: "model", reason: "no".to_owned() });
        }
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (input, unread) = mpsc::channel(1);
        let (end, output) = mpsc::channel(1);
        self.ends.lock().unwrap().push((end, unread));
        Ok(RealtimeLink { input, output })
    }
}

fn config() -> RealtimeConfig {
    RealtimeConfig {
        instructions: String::new(),
        voice: String::new(),
        language: String::new(),
        tools: Vec::new(),
        hearing: ModelHearing { threshold: 0.5, prefix_ms: 300, silence_ms: 500, interrupts_itself: false },
        max_output_tokens: 100,
    }
}

const CALL: CallId = CallId(Uuid::from_u128(1));

struct Scene {
    sessions: Arc<WarmSessions>,
    model: Arc<Model>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Scene {
    fn new(model: Arc<Model>, most: usize) -> Self {
        Self {
            sessions: Arc::new(WarmSessions::new(most)),
            model,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Announces a call, and lets the keeper run until it waits.
    async fn announce(&self, call_id: CallId) {
        let (sessions, model, stop) =
            (Arc::clone(&self.sessions), Arc::clone(&self.model), self.stop.clone());
        self.tasks.spawn(async move { sessions.keep(call_id, model, &config(), &stop).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn provider(&self) -> Arc<dyn RealtimeProvider> {
        Arc::clone(&self.model) as Arc<dyn RealtimeProvider>
    }

    async fn nothing_is_left(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        assert_eq!(self.sessions.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_there_is_handed_over() {
    let scene = Scene::new(Model::new(9), 10);
    scene.announce(CALL).await;
    let warm = scene.sessions.take(CALL).expect("a session");
    let (link, _) = warm.of(scene.provider());
    assert!(link.is_some());
    scene.nothing_is_left().await;
    assert_eq!(scene.model.held(), 1, "the call has it");
    drop(link);
    assert_eq!(scene.model.held(), 0);
    assert!(scene.sessions.take(CALL).is_none(), "only once");
}

#[tokio::test(start_paused = true)]
async fn a_session_on_its_way_is_waited_for_and_not_asked_for_twice() {
    let scene = Scene::new(Model::new(0), 10);
    scene.announce(CALL).await;
    let (link, provider) = scene.sessions.take(CALL).expect("one on its way").of(scene.provider());
    assert!(link.is_none());
    scene.model.permits.add_permits(2);
    let first = provider.open(&config()).await.unwrap();
    assert_eq!(scene.model.opened.load(Ordering::Relaxed), 1);
    let _second = provider.open(&config()).await.unwrap();
    assert_eq!(scene.model.opened.load(Ordering::Relaxed), 2, "the next one is a new one");
    assert_eq!(provider.model(), "one");
    drop(first);
    scene.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_once_and_not_asked_for_again() {
    let scene = Scene::new(Model::refusing(), 10);
    scene.announce(CALL).await;
    let (link, provider) = scene.sessions.take(CALL).expect("a refusal").of(scene.provider());
    assert!(link.is_none());
    assert!(matches!(provider.open(&config()).await, Err(ProviderError::Refused { .. })));
    assert_eq!(scene.model.asked.load(Ordering::Relaxed), 1);
    scene.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_comes_has_its_session_closed() {
    let scene = Scene::new(Model::new(9), 10);
    scene.announce(CALL).await;
    tokio::time::sleep(LIFE - Duration::from_millis(10)).await;
    assert_eq!((scene.sessions.len(), scene.model.held()), (1, 1));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!((scene.sessions.len(), scene.model.held()), (0, 0));
    scene.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_over_before_its_session_is_there_ends_the_opening() {
    let scene = Scene::new(Model::new(0), 10);
    scene.announce(CALL).await;
    drop(scene.sessions.take(CALL));
    scene.nothing_is_left().await;
    assert_eq!(scene.model.opened.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_keeps_none() {
    for permits in [0, 9] {
        let scene = Scene::new(Model::new(permits), 10);
        scene.announce(CALL).await;
        scene.stop.cancel();
        scene.nothing_is_left().await;
        assert_eq!(scene.model.held(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_webhook_opens_no_second_session_and_too_many_calls_open_none() {
    let scene = Scene::new(Model::new(9), 2);
    scene.announce(CALL).await;
    scene.announce(CALL).await;
    assert_eq!(scene.model.opened.load(Ordering::Relaxed), 1);
    scene.announce(CallId(Uuid::from_u128(2))).await;
    scene.announce(CallId(Uuid::from_u128(3))).await;
    assert_eq!(scene.model.opened.load(Ordering::Relaxed), 2);
    assert!(scene.sessions.take(CallId(Uuid::from_u128(3))).is_none());
    scene.stop.cancel();
    scene.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_died_meanwhile_is_not_handed_over() {
    let scene = Scene::new(Model::new(9), 10);
    scene.announce(CALL).await;
    scene.model.ends.lock().unwrap().clear();
    assert!(scene.sessions.take(CALL).is_none());
    scene.nothing_is_left().await;
}
