//! What the use cases share: the database, the providers, the calls in progress.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{CallId, OrgId};
use domain::prices::Prices;
use letters::Letters;
use provider_traits::ambient::Ambient;
use provider_traits::brain::Brain;
use provider_traits::dns::Dns;
use provider_traits::email::Email;
use provider_traits::http_sender::HttpSender;
use provider_traits::identity_provider::IdentityProvider;
use provider_traits::llm::LanguageModel;
use provider_traits::objects::Objects;
use provider_traits::realtime::RealtimeProvider;
use provider_traits::stt::SpeechToText;
use provider_traits::telephony::Telephony;
use provider_traits::tts::TextToSpeech;
use provider_traits::vad::VoiceScorerFactory;
use secrecy::SecretString;
use store::Database;
use store::call_sessions::FailoverSessions;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::allowance::Allowance;
use crate::api_keys::uses::KeyUses;
use crate::auth::cache::AuthCache;
use crate::auth::passwords::PARALLEL_CHECKS;
use crate::auth::tokens::TokenKeys;
use crate::callbacks::Callbacks;
use crate::calls::announced::AnnouncedPlans;
use crate::calls::beating::{self, Beats};
use crate::calls::recorder::{self, Logs};
use crate::calls::recording::Spool;
use crate::calls::warm::WarmSessions;
use crate::domains::hosts::{HostSettings, KnownHosts};
use crate::error::AppError;
use crate::incidents::Escalations;
use crate::live::LiveBus;
use crate::models::WatchedVendor;
use crate::rate_limits::{ApiUsage, DatabaseCounts};
use crate::response_times::ResponseTimes;
use crate::secrets::Envelope;
use crate::transfers::Transfers;
use crate::vocabulary;
use crate::webhooks::Outgoing;

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// Where the world reaches this installation, without a slash at the end.
    pub public_url: String,
    /// Where the carrier reaches this installation, without a slash at the end.
    pub webhook_url: String,
    /// Names under which the installation and its organizations are reached.
    pub hosts: HostSettings,
    /// Signs access tokens.
    pub token_key: SecretString,
    /// Names this process in the records, so that its calls can be told from those of other nodes.
    pub node: String,
    /// Where recordings wait until a call is finished.
    pub spool_dir: PathBuf,
    /// Whether a media stream may ask to be driven in lockstep.
    pub allow_lockstep: bool,
    /// How long a media ticket is good for.
    pub ticket_ttl: Duration,
    /// Most calls this process carries at once.
    pub max_calls: usize,
    /// A call is ended politely after this many minutes.
    pub max_call_minutes: u32,
    /// What models cost.
    pub prices: Prices,
    /// How long the caller of a call whose node died may take to come back; then its record is closed.
    pub resume_within: Duration,
}

/// What the use cases are made of.
pub struct AppParts {
    /// The database.
    pub db: Database,
    /// Clock and ids.
    pub ambient: Ambient,
    /// Recordings.
    pub objects: Arc<dyn Objects>,
    /// E-mail.
    pub email: Arc<dyn Email>,
    /// The telephone network.
    pub telephony: Arc<dyn Telephony>,
    /// The Domain Name System.
    pub dns: Arc<dyn Dns>,
    /// Requests to addresses that customers chose.
    pub http: Arc<dyn HttpSender>,
    /// Signs people in by their organization's provider; `None` where it was not built in.
    pub identity_provider: Option<Arc<dyn IdentityProvider>>,
    /// Seals secrets that are stored.
    pub secrets: Envelope,
    /// The chain of transcribers.
    pub stt: Arc<dyn SpeechToText>,
    /// The chain of voices.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice activity.
    pub vad: Arc<dyn VoiceScorerFactory>,
    /// What decides the words.
    pub brain: Arc<dyn Brain>,
    /// Writes summaries of calls; without one the rules do.
    pub summarizer: Option<Arc<dyn LanguageModel>>,
    /// The speech-to-speech model of agents with the engine `realtime`.
    pub realtime: Option<Arc<dyn RealtimeProvider>>,
    /// Models whose vendors are asked once a day whether they still exist.
    pub watched_models: Vec<WatchedVendor>,
    /// What other nodes need to go on with this one's calls.
    pub sessions: Arc<FailoverSessions>,
    /// Settings.
    pub settings: AppSettings,
    /// Fires when the process is to stop: calls say goodbye.
    pub drain: CancellationToken,
}

/// A call that this process carries.
#[derive(Debug)]
pub(crate) struct ActiveCall {
    /// Turns true when everything of the call is written.
    pub(crate) finished: watch::Receiver<bool>,
    /// The carrier's id of it.
    call_sid: String,
    /// Once its media part is over: whether nothing follows.
    over: watch::Receiver<Option<bool>>,
    /// Fires when another node is to go on with it.
    hand_over: CancellationToken,
}

/// The use cases of one process.
pub struct App {
    /// The database.
    pub db: Database,
    /// Clock and ids.
    pub ambient: Ambient,
    /// Calls in progress, for watchers.
    pub live: LiveBus,
    /// Recordings.
    pub objects: Arc<dyn Objects>,
    /// E-mail.
    pub email: Arc<dyn Email>,
    /// Writes e-mail.
    pub(crate) letters: Letters,
    pub(crate) dns: Arc<dyn Dns>,
    pub(crate) hosts: KnownHosts,
    /// Requests to addresses that customers chose.
    pub(crate) http: Arc<dyn HttpSender>,
    pub(crate) identity_provider: Option<Arc<dyn IdentityProvider>>,
    pub(crate) outgoing: Outgoing,
    pub(crate) escalations: Escalations,
    pub(crate) callbacks: Callbacks,
    /// Callers who wait to be connected.
    pub(crate) connecting: Transfers,
    pub(crate) telephony: Arc<dyn Telephony>,
    /// Seals secrets that are stored.
    pub secrets: Envelope,
    /// Requests of programs, counted for the plan.
    pub api_usage: ApiUsage,
    pub(crate) stt: Arc<dyn SpeechToText>,
    pub(crate) tts: Arc<dyn TextToSpeech>,
    pub(crate) vad: Arc<dyn VoiceScorerFactory>,
    pub(crate) brain: Arc<dyn Brain>,
    pub(crate) summarizer: Option<Arc<dyn LanguageModel>>,
    pub(crate) realtime: Option<Arc<dyn RealtimeProvider>>,
    pub(crate) watched_models: Vec<WatchedVendor>,
    pub(crate) warm_sessions: WarmSessions,
    pub(crate) announced: AnnouncedPlans,
    /// Businesses whose signed webhooks are known to be noted.
    pub(crate) signed: Mutex<HashSet<OrgId>>,
    /// Logs of calls on their way to the database.
    pub(crate) logs: Logs,
    /// Signs of life of calls on their way to the database.
    pub(crate) beats: Beats,
    pub(crate) spool: Spool,
    /// Settings.
    pub settings: AppSettings,
    /// Every task that the use cases spawn.
    pub tasks: TaskTracker,
    /// What other nodes need to go on with this one's calls.
    pub sessions: Arc<FailoverSessions>,
    /// Fires when the process was told to stop: no new calls, those in progress go on.
    pub stopping: CancellationToken,
    /// Whether another node was there when that was last looked for.
    pub(crate) has_company: AtomicBool,
    /// Fires when calls in progress are to end.
    pub drain: CancellationToken,
    /// Who is asking, remembered for seconds; whoever changes rights or sessions invalidates here.
    pub auth_cache: AuthCache,
    pub(crate) token_keys: TokenKeys,
    pub(crate) password_checks: Semaphore,
    active: Mutex<HashMap<CallId, ActiveCall>>,
    /// Calls whose caller is to be connected with a number, until the carrier asks.
    pub(crate) transfers: Mutex<HashMap<CallId, String>>,
    /// Businesses whose transcriber is being prepared to stand by.
    pub(crate) warming: Mutex<HashSet<OrgId>>,
    pub(crate) key_uses: KeyUses,
    /// Lead flows that are tried out.
    pub(crate) lead_previews: Allowance,
    /// How long a speech-to-speech model's answers take.
    pub(crate) response_times: ResponseTimes,
    /// Samples of voices that organizations heard of late.
    pub(crate) voice_previews: Mutex<crate::voices::Previews>,
    /// The voices that providers told of late.
    pub(crate) told_voices: crate::voices::ToldVoices,
    pub(crate) vocabularies: Mutex<HashMap<OrgId, vocabulary::Known>>,
    /// Who makes a vocabulary now.
    pub(crate) vocabulary_makers: Mutex<HashMap<OrgId, Arc<tokio::sync::Mutex<()>>>>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the recording spool can't be made, or no keys can be derived.
    pub fn new(parts: AppParts) -> Result<Arc<Self>, AppError> {
        Ok(Arc::new(Self {
            spool: Spool::open(parts.settings.spool_dir.clone())?,
            lead_previews: Allowance::new(60, Duration::from_secs(60)),
            api_usage: ApiUsage::new(Arc::new(DatabaseCounts::new(parts.db.clone()))),
            db: parts.db,
            ambient: parts.ambient,
            live: LiveBus::default(),
            objects: parts.objects,
            email: parts.email,
            letters: Letters::new()
                .map_err(|error| AppError::Bug(format!("letters can't be written: {error}")))?,
            dns: parts.dns,
            hosts: KnownHosts::default(),
            http: parts.http,
            identity_provider: parts.identity_provider,
            outgoing: Outgoing::default(),
            escalations: Escalations::default(),
            callbacks: Callbacks::default(),
            connecting: Transfers::default(),
            telephony: parts.telephony,
            secrets: parts.secrets,
            stt: parts.stt,
            tts: parts.tts,
            vad: parts.vad,
            brain: parts.brain,
            summarizer: parts.summarizer,
            realtime: parts.realtime,
            watched_models: parts.watched_models,
            warm_sessions: WarmSessions::new(parts.settings.max_calls),
            announced: AnnouncedPlans::new(parts.settings.max_calls),
            signed: Mutex::default(),
            logs: recorder::logs(),
            beats: beating::beats(),
            tasks: TaskTracker::new(),
            sessions: parts.sessions,
            stopping: CancellationToken::new(),
            has_company: AtomicBool::new(false),
            drain: parts.drain,
            auth_cache: AuthCache::default(),
            token_keys: TokenKeys::new(&parts.settings.token_key, &parts.settings.public_url)?,
            password_checks: Semaphore::new(PARALLEL_CHECKS),
            active: Mutex::default(),
            transfers: Mutex::default(),
            warming: Mutex::default(),
            key_uses: KeyUses::default(),
            response_times: ResponseTimes::default(),
            voice_previews: Mutex::default(),
            told_voices: crate::voices::ToldVoices::default(),
            vocabularies: Mutex::default(),
            vocabulary_makers: Mutex::default(),
            settings: parts.settings,
        }))
    }

    /// Whether the process takes no new calls.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled() || self.drain.is_cancelled()
    }

    /// How many calls this process carries now.
    #[must_use]
    pub fn active_calls(&self) -> usize {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How long callers of this process wait for the answers of a speech-to-speech model, on average over the last
    /// hundred or so; `None` before the first.
    #[must_use]
    pub fn model_response_time(&self) -> Option<std::time::Duration> {
        self.response_times.average()
    }

    /// Registers a call, unless it is registered already or the process is full.
    pub(crate) fn begin_call(
        &self,
        call_id: CallId,
        call_sid: &str,
        hand_over: CancellationToken,
    ) -> Option<CallRegistration<'_>> {
        let (finish, finished) = watch::channel(false);
        let (end, over) = watch::channel(None);
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active.contains_key(&call_id) || active.len() >= self.settings.max_calls {
            return None;
        }
        active.insert(call_id, ActiveCall { finished, call_sid: call_sid.to_owned(), over, hand_over });
        Some(CallRegistration { app: self, call_id, finish, end })
    }

    /// Tells a call that has not been told yet to go on at another node; `false` when there is none.
    pub(crate) fn hand_next_call_over(&self) -> bool {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let next = active.values().find(|call| !call.hand_over.is_cancelled());
        next.inspect(|call| call.hand_over.cancel()).is_some()
    }

    /// Whether the call is carried by this process now.
    #[must_use]
    pub fn carries(&self, call_id: CallId) -> bool {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&call_id)
    }

    /// Waits until the media part of a call that this process carries is over; tells whether nothing follows. `None` for
    /// other calls.
    pub(crate) async fn call_is_over(&self, call_sid: &str) -> Option<(CallId, bool)> {
        let (call_id, mut over) = {
            let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
            let (call_id, call) = active.iter().find(|(_, call)| call.call_sid == call_sid)?;
            (*call_id, call.over.clone())
        };
        // An error means that the session died of a defect.
        let hangs_up = *over.wait_for(Option::is_some).await.ok()?;
        hangs_up.map(|hangs_up| (call_id, hangs_up))
    }

    /// Waits until everything of a call that this process carries is written; returns at once for others.
    pub async fn call_finished(&self, call_id: CallId) {
        let waiting = {
            let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
            active.get(&call_id).map(|call| call.finished.clone())
        };
        if let Some(mut finished) = waiting {
            // An error means the registration is gone, which is what was waited for.
            let _gone = finished.wait_for(|done| *done).await;
        }
    }
}

/// A call's place among the active ones, given back when dropped.
pub(crate) struct CallRegistration<'a> {
    app: &'a App,
    call_id: CallId,
    finish: watch::Sender<bool>,
    end: watch::Sender<Option<bool>>,
}

impl CallRegistration<'_> {
    /// The media part is over, and nothing follows, or something does.
    pub(crate) fn is_over(&self, hangs_up: bool) {
        self.end.send_replace(Some(hangs_up));
    }
}

impl Drop for CallRegistration<'_> {
    fn drop(&mut self) {
        self.app.active.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call_id);
        self.finish.send_replace(true);
    }
}
