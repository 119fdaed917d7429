//! The settings of providers: in which order each capability asks them, and each vendor's key, address and models.

use std::path::PathBuf;

use reqwest::Url;
use secrecy::SecretString;

use super::error::Problem;
use super::setting::{Section, Setting, Values, settings};
use super::types::{EmbeddingsProvider, LlmOrder, PriceList, SiteUrl, SocketUrl, SttOrder, TtsOrder};
use super::value::SettingValue;

settings! {
    /// Transcribers.
    Stt in "stt", prefix "stt." {
        /// In which order they are asked, the first choice first. One without its key, or that is not installed on
        /// this machine, is passed over, so a fresh installation uses `pocketsphinx`.
        order: SttOrder = "openai,elevenlabs,deepgram,pocketsphinx";
    }

    /// Voices.
    Tts in "tts", prefix "tts." {
        /// In which order they are asked, the first choice first. One without its key, or that is not installed on
        /// this machine, is passed over, so a fresh installation uses `flite`.
        order: TtsOrder = "elevenlabs,openai,polly,flite,espeak-ng";
    }

    /// Language models.
    Llm in "llm", prefix "llm." {
        /// In which order they are asked, the first choice first. One without its key is passed over; when none is
        /// left, the rules brain answers, which needs none.
        order: LlmOrder = "openai,anthropic,gemini,mistral";
        /// Whether a model is asked while the caller's pause may still be the end of the turn: it answers sooner, and
        /// costs more, because questions that turn out to go on are thrown away.
        think_ahead: bool = "true";
    }

    /// Embeddings: texts as vectors, for searching by meaning. Vectors of different models can't be compared, so there
    /// is one provider and no falling over.
    Embeddings in "embeddings", prefix "embeddings." {
        /// Who makes them. `compatible` needs `embeddings.url`, `local` needs `embeddings.folder`.
        provider: EmbeddingsProvider = "none";
        /// The address of `compatible`, with the version, such as `http://127.0.0.1:8080/v1`.
        url: Option<SiteUrl> = "";
        /// The folder of `local`: a static model (Model2Vec) with `model.safetensors` and `tokenizer.json`.
        folder: Option<PathBuf> = "";
        /// The model of `openai` and `compatible`.
        model: String = "text-embedding-3-small";
        /// Length of its vectors; a local model has its own.
        dimensions: usize = "1536", within "64" "2000";
    }

    /// ElevenLabs: transcribers and voices.
    ElevenLabs in "elevenlabs", prefix "elevenlabs." {
        /// The key. Without it the vendor is passed over.
        api_key: Option<SecretString> = "", env "ELEVENLABS_API_KEY";
        /// Where voices are; another one for data that must stay in a region.
        base_url: SiteUrl = "https://api.elevenlabs.io", env "ELEVENLABS_BASE_URL";
        /// Where transcribers are. `ws://` only on this machine.
        socket_url: SocketUrl = "wss://api.elevenlabs.io", env "ELEVENLABS_SOCKET_URL";
        /// The model that writes down what callers say.
        stt_model: String = "scribe_v2_realtime", env "ELEVENLABS_STT_MODEL";
        /// The model that speaks.
        tts_model: String = "eleven_flash_v2_5", env "ELEVENLABS_TTS_MODEL";
        /// The voice of agents that have not chosen one of the vendor's.
        voice: String = "cjVigY5qzO86Huf0OWal", env "ELEVENLABS_VOICE";
    }

    /// Deepgram, and endpoints that speak its protocol: transcribers.
    Deepgram in "deepgram", prefix "deepgram." {
        /// The key. Without it the vendor is passed over.
        api_key: Option<SecretString> = "", env "DEEPGRAM_API_KEY";
        /// Where it is. `ws://` only on this machine.
        socket_url: SocketUrl = "wss://api.deepgram.com", env "DEEPGRAM_SOCKET_URL";
        /// The model.
        model: String = "nova-3", env "DEEPGRAM_MODEL";
    }

    /// Anthropic: a language model.
    Anthropic in "anthropic", prefix "anthropic." {
        /// The key. Without it the vendor is passed over.
        api_key: Option<SecretString> = "", env "ANTHROPIC_API_KEY";
        /// Where it is.
        base_url: SiteUrl = "https://api.anthropic.com", env "ANTHROPIC_BASE_URL";
        /// The model. Vendors retire models: see the guide.
        model: String = "claude-haiku-5-5", env "ANTHROPIC_MODEL";
    }

    /// Google's Gemini: a language model.
    Gemini in "gemini", prefix "gemini." {
        /// The key. Without it the vendor is passed over.
        api_key: Option<SecretString> = "", env "GEMINI_API_KEY";
        /// Where it is.
        base_url: SiteUrl = "https://generativelanguage.googleapis.com", env "GEMINI_BASE_URL";
        /// The model.
        model: String = "gemini-3.8-flash", env "GEMINI_MODEL";
    }

    /// Mistral: a language model.
    Mistral in "mistral", prefix "mistral." {
        /// The key. Without it the vendor is passed over.
        api_key: Option<SecretString> = "", env "MISTRAL_API_KEY";
        /// Where it is.
        base_url: SiteUrl = "https://api.mistral.ai/v1", env "MISTRAL_BASE_URL";
        /// The model.
        model: String = "mistral-small-latest", env "MISTRAL_MODEL";
    }

    /// Amazon Web Services: whose account pays for Polly.
    Aws in "aws", prefix "aws." {
        /// The access key's id. Without it and its secret Polly is passed over.
        access_key_id: Option<String> = "", env "AWS_ACCESS_KEY_ID";
        /// The access key's secret.
        secret_access_key: Option<SecretString> = "", env "AWS_SECRET_ACCESS_KEY";
        /// The token of a temporary access key.
        session_token: Option<SecretString> = "", env "AWS_SESSION_TOKEN";
        /// The region.
        region: String = "us-east-1", env "AWS_REGION";
    }

    /// Amazon Polly: voices.
    Polly in "polly", prefix "polly." {
        /// Where it is, when it is not the region's own address.
        base_url: Option<SiteUrl> = "";
        /// `standard`, `neural`, `long-form` or `generative`; each voice is made for some of them.
        engine: String = "neural";
        /// The voice of agents that have not chosen one of the vendor's.
        voice: String = "Joanna";
    }

    /// What models cost, for the cost of calls.
    Prices in "prices", prefix "prices." {
        /// Prices in US dollars that replace or extend those that the program knows, separated by semicolons:
        /// `PROVIDER/MODEL KIND=DOLLARS ...`. Kinds are `text_in`, `text_cached`, `text_out`, `audio_in`,
        /// `audio_cached` and `audio_out` for a million tokens, `minute` for a minute of audio that is written down,
        /// and `characters` for a thousand characters spoken. The model `*` is every other model of its provider.
        /// What has no price has no cost.
        models: PriceList = "";
    }

    /// Servers of your own that speak OpenAI's protocol (whisper.cpp, vLLM, Ollama, Kokoro): the provider `compatible`
    /// of transcribers, voices and language models. Name it in the order of each that you have.
    Compatible in "compatible", prefix "compatible." {
        /// The key, where one is asked for.
        api_key: Option<SecretString> = "";
        /// The transcriber's address, with the version, such as `http://127.0.0.1:9000/v1`.
        stt_url: Option<SiteUrl> = "";
        /// The transcriber's model.
        stt_model: String = "whisper-1";
        /// The voices' address, with the version.
        tts_url: Option<SiteUrl> = "";
        /// The voices' model.
        tts_model: String = "tts-1";
        /// The voice of agents that have not chosen one.
        tts_voice: String = "alloy";
        /// The language model's address, with the version, such as `http://127.0.0.1:11434/v1`.
        llm_url: Option<SiteUrl> = "";
        /// The language model.
        llm_model: String = "default";
    }
}

impl SiteUrl {
    /// The address.
    ///
    /// # Panics
    /// Never: it was parsed when the setting was read.
    #[must_use]
    pub fn url(&self) -> Url {
        self.as_str().parse().expect("a setting's address was parsed when it was read")
    }
}

/// Everything about providers but OpenAI, which has more to it.
#[derive(Debug, Clone)]
pub struct Vendors {
    /// Transcribers.
    pub stt: Stt,
    /// Voices.
    pub tts: Tts,
    /// Language models.
    pub llm: Llm,
    /// Embeddings.
    pub embeddings: Embeddings,
    /// ElevenLabs.
    pub elevenlabs: ElevenLabs,
    /// Deepgram.
    pub deepgram: Deepgram,
    /// Anthropic.
    pub anthropic: Anthropic,
    /// Gemini.
    pub gemini: Gemini,
    /// Mistral.
    pub mistral: Mistral,
    /// Amazon.
    pub aws: Aws,
    /// Polly.
    pub polly: Polly,
    /// What models cost.
    pub prices: Prices,
    /// Servers of one's own.
    pub compatible: Compatible,
}

impl Vendors {
    pub(super) const SECTIONS: [Section; 13] = [
        Stt::SECTION,
        Tts::SECTION,
        Llm::SECTION,
        Embeddings::SECTION,
        ElevenLabs::SECTION,
        Deepgram::SECTION,
        Anthropic::SECTION,
        Gemini::SECTION,
        Mistral::SECTION,
        Aws::SECTION,
        Polly::SECTION,
        Prices::SECTION,
        Compatible::SECTION,
    ];

    pub(super) fn read(values: &Values, problems: &mut Vec<Problem>) -> Option<Self> {
        let stt = Stt::read(values, problems);
        let tts = Tts::read(values, problems);
        let llm = Llm::read(values, problems);
        let embeddings = Embeddings::read(values, problems);
        let elevenlabs = ElevenLabs::read(values, problems);
        let deepgram = Deepgram::read(values, problems);
        let anthropic = Anthropic::read(values, problems);
        let gemini = Gemini::read(values, problems);
        let mistral = Mistral::read(values, problems);
        let aws = Aws::read(values, problems);
        let polly = Polly::read(values, problems);
        let prices = Prices::read(values, problems);
        let compatible = Compatible::read(values, problems);
        Some(Self {
            stt: stt?,
            tts: tts?,
            llm: llm?,
            embeddings: embeddings?,
            elevenlabs: elevenlabs?,
            deepgram: deepgram?,
            anthropic: anthropic?,
            gemini: gemini?,
            mistral: mistral?,
            aws: aws?,
            polly: polly?,
            prices: prices?,
            compatible: compatible?,
        })
    }

    /// What contradicts itself.
    pub(super) fn contradictions(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.aws.access_key_id.is_some() != self.aws.secret_access_key.is_some() {
            let text =
                "aws.access_key_id and aws.secret_access_key belong together, but only one of them is set";
            found.push(Problem(text.to_owned()));
        }
        if self.embeddings.provider == EmbeddingsProvider::Compatible && self.embeddings.url.is_none() {
            let text = "embeddings.provider is compatible but embeddings.url is not set";
            found.push(Problem(text.to_owned()));
        }
        if self.embeddings.provider == EmbeddingsProvider::Local && self.embeddings.folder.is_none() {
            let text = "embeddings.provider is local but embeddings.folder is not set";
            found.push(Problem(text.to_owned()));
        }
        found
    }
}
