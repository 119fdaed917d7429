//! The rules of the configuration, as data.

use super::types::DatabaseSsl;
use super::*;

fn layers() -> Layers {
    Layers { machine_defaults: vec![("data_dir", "/data".to_owned())], ..Layers::default() }
}

fn with_file(text: &str) -> Layers {
    Layers { file: Some(("studioconnect.toml".into(), text.to_owned())), ..layers() }
}

fn with_environment(pairs: &[(&str, &str)]) -> Layers {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Layers { environment: pairs, ..layers() }
}

fn loaded(layers: &Layers) -> Loaded {
    Loaded::from_layers(layers).unwrap_or_else(|error| panic!("refused: {error}"))
}

fn refusal(layers: &Layers) -> String {
    match Loaded::from_layers(layers) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn defaults_are_sound_and_local() {
    let config = loaded(&layers()).config;
    assert_eq!(config.server.port, 3000);
    assert!(config.server.host.is_loopback());
    assert!(!config.media.allow_lockstep);
    assert_eq!(config.media.ticket_ttl.as_secs(), 60);
    assert_eq!(config.media.start_timeout.as_secs(), 10);
    assert_eq!(config.media.max_call.as_secs(), 3_600);
    assert_eq!(config.vendors.tts.order.ids(), ["elevenlabs", "openai", "polly", "flite", "espeak-ng"]);
    assert!(config.database.url.is_none());
    assert_eq!(config.objects_dir(), std::path::Path::new("/data/objects"));
    assert_eq!(config.public_url(4000), "http://localhost:4000");
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let mut layers = layers();
    let check = |layers: &Layers, port: u16, origin: &str| {
        let loaded = loaded(layers);
        assert_eq!(loaded.config.server.port, port);
        assert_eq!(loaded.values.get("server.port").1.to_string(), origin);
    };
    check(&layers, 3000, "default");
    layers.file = Some(("a.toml".into(), "[server]\nport = 1001".to_owned()));
    check(&layers, 1001, "file a.toml");
    layers.dotenv = Some((".env".into(), "PORT=1002".to_owned()));
    check(&layers, 1002, ".env variable PORT");
    layers.environment = vec![("PORT".to_owned(), "1003".to_owned())];
    check(&layers, 1003, "environment variable PORT");
    layers.environment.push(("STUDIOCONNECT_SERVER_PORT".to_owned(), "1004".to_owned()));
    check(&layers, 1004, "environment variable STUDIOCONNECT_SERVER_PORT");
    layers.flags = vec![("server.port".to_owned(), "1005".to_owned())];
    check(&layers, 1005, "command line");
}

#[test]
fn an_impossible_value_is_named_with_what_is_allowed() {
    let check = |layers: Layers, expect: &[&str]| {
        let said = refusal(&layers);
        for part in expect {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
    };
    check(
        with_environment(&[("PORT", "abc")]),
        &["server.port", "environment variable PORT", "\"abc\"", "a whole number"],
    );
    check(with_file("[media]\nmax_connections = 0"), &["media.max_connections", "\"0\"", "from 1 to 100000"]);
    check(with_file("[media]\nticket_ttl = \"2h\""), &["media.ticket_ttl", "from 5s to 10m"]);
    check(
        with_file("[server]\npublic_url = \"phone.example.com\""),
        &["server.public_url", "https://phone.example.com"],
    );
    check(with_file("[server]\nport = [1]"), &["server.port", "must be a text, a number"]);
    check(with_file("[tts]\norder = [\"flite\", \"piper\"]"), &["tts.order", "flite, espeak-ng"]);
    check(with_file("[log]\nlevel = \"loud\""), &["log.level", "\"loud\"", "info"]);
    check(with_file("[storage]\nprovider = \"s3\""), &["storage.provider", "allowed is local"]);
    check(with_environment(&[("TWILIO_ACCOUNT_SID", "AC12")]), &["twilio.account_sid", "32 hexadecimal"]);
    check(with_file("server = 3"), &["server (file", "is not a setting"]);
    check(with_file("data_dir = \"\""), &["data_dir", "is empty"]);
}

#[test]
fn every_problem_is_told_at_once() {
    let said = refusal(&with_file(
        "[server]\nport = 70000\n[media]\nmax_connections = 0\n[limits]\ncalls = \"many\"",
    ));
    assert_eq!(said.matches("\n  - ").count(), 3, "{said}");
    let said = refusal(&with_environment(&[("PORT", "x"), ("STUDIOCONNECT_X", "1")]));
    assert_eq!(said.matches("\n  - ").count(), 2, "{said}");
}

#[test]
fn an_unknown_key_stops_the_start_and_shows_the_neighbours() {
    let said = refusal(&with_file("[server]\nprot = 3000"));
    assert!(said.contains("server.prot (file studioconnect.toml) is not a setting"), "{said}");
    assert!(said.contains("server.port"), "{said}");
    let said = refusal(&with_file("[sevrer]\nport = 3000"));
    assert!(said.contains("allowed at the top are") && said.contains("server"), "{said}");
    let flags = Layers { flags: vec![("server.prot".to_owned(), "1".to_owned())], ..layers() };
    assert!(refusal(&flags).contains("server.prot (command line)"));
}

#[test]
fn an_unknown_variable_of_ours_stops_the_start_and_others_do_not() {
    let said = refusal(&with_environment(&[("STUDIOCONNECT_SERVER_PROT", "3000")]));
    assert!(said.contains("STUDIOCONNECT_SERVER_PROT"), "{said}");
    let harmless = [("STUDIOCONNECT_CONFIG", "x"), ("STUDIOCONNECT_CALL_PASSWORD", "x"), ("PORTAL", "x")];
    loaded(&with_environment(&harmless));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = loaded(&with_environment(&[("PORT", ""), ("STUDIOCONNECT_NOT_OURS", "")])).config;
    assert_eq!(config.server.port, 3000);
}

#[test]
fn a_secret_is_never_told() {
    let secret = "hunter2-very-secret";
    let url = format!("mysql://u:{secret}@h/db");
    let said = refusal(&with_environment(&[("DATABASE_URL", &url)]));
    assert!(said.contains("database.url") && !said.contains(secret), "{said}");

    let broken = format!("[twilio]\nauth_token = {secret}");
    let said = refusal(&with_file(&broken));
    assert!(said.contains("line 2") && !said.contains("hunter2"), "{said}");

    let good = loaded(&with_environment(&[
        ("TWILIO_AUTH_TOKEN", secret),
        ("DATABASE_URL", &format!("postgres://u:{secret}@h/db")),
    ]));
    assert!(good.shown().contains("auth_token = \"(set, not shown)\""));
    assert!(!good.shown().contains(secret));
    assert!(!format!("{:?}", good.config).contains(secret));
}

#[test]
fn every_secret_setting_is_typed_as_one() {
    for setting in Config::settings() {
        let sounds_secret = ["token", "secret", "password"].iter().any(|word| setting.field().contains(word));
        let harmless = setting.key == "twilio.require_signature";
        assert!(!sounds_secret || setting.secret || harmless, "{} is not typed as a secret", setting.key);
    }
}

#[test]
fn contradictions_stop_the_start() {
    let said = refusal(&with_file("[twilio]\nrequire_signature = true"));
    assert!(said.contains("twilio.auth_token is not set"), "{said}");
    let said = refusal(&with_file("[database]\nmax_connections = 100"));
    assert!(said.contains("a sum of at most 70"), "{said}");
    loaded(&with_file("[database]\nmax_connections = 100\nurl = \"postgres://u@h/db\""));
}

#[test]
fn names_of_older_documents_are_accepted_and_noted() {
    let loaded = loaded(&with_environment(&[("STRIPE_SECRET_KEY", "sk_hush")]));
    assert_eq!(loaded.notes().len(), 1);
    assert!(loaded.notes()[0].contains("STRIPE_SECRET_KEY is set but has no effect"));
    assert!(!loaded.notes()[0].contains("hush"));
}

#[test]
fn a_setting_without_effect_is_noted_when_it_is_set() {
    assert!(loaded(&layers()).notes().is_empty());
    let loaded = loaded(&with_file("[retention]\nrecordings = \"7d\""));
    assert_eq!(loaded.notes().len(), 1);
    assert!(
        loaded.notes()[0].contains("retention.recordings") && loaded.notes()[0].contains("no job removes")
    );
}

#[test]
fn older_spellings_of_database_ssl_are_understood() {
    let check = |text: &str, expect: DatabaseSsl| {
        assert_eq!(loaded(&with_environment(&[("DATABASE_SSL", text)])).config.database.ssl, expect);
    };
    check("true", DatabaseSsl::Require);
    check("false", DatabaseSsl::Disable);
    check("verify-full", DatabaseSsl::VerifyFull);
}

#[test]
fn an_address_of_sockets_is_encrypted_or_on_this_machine() {
    let check = |text: &str, allowed: bool| {
        let layers = with_environment(&[("OPENAI_REALTIME_URL", text)]);
        assert_eq!(Loaded::from_layers(&layers).is_ok(), allowed, "{text}");
    };
    check("wss://api.example.com/v1/realtime?api-version=1", true);
    check("ws://127.0.0.1:9000/v1/realtime", true);
    check("ws://[::1]:9000", true);
    check("ws://localhost:9000", true);
    check("ws://192.168.1.2:9000", false);
    check("ws://localhost.example.com", false);
    check("https://api.example.com", false);
    check("wss://user:password@api.example.com", false);
    check("api.example.com", false);
}

#[test]
fn headers_of_a_handshake_are_read_and_never_shown() {
    let good =
        loaded(&with_environment(&[("OPENAI_REALTIME_HEADERS", "OpenAI-Project: proj_1, api-key:hunter2")]));
    let headers = &good.config.openai.realtime_headers.0;
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["openai-project", "api-key"]);
    assert_eq!(headers[1].1, "hunter2");
    assert!(!good.shown().contains("hunter2") && !format!("{:?}", good.config).contains("hunter2"));
    let file = loaded(&with_file("[openai]\nrealtime_headers = [\"OpenAI-Project: proj_1\"]"));
    assert_eq!(file.config.openai.realtime_headers.0.len(), 1);
    for wrong in ["nonsense", "OpenAI-Beta: realtime=v1", "a b: c"] {
        let said = refusal(&with_environment(&[("OPENAI_REALTIME_HEADERS", wrong)]));
        assert!(said.contains("openai.realtime_headers"), "{wrong}: {said}");
    }
}

#[test]
fn values_of_the_file_and_of_the_environment_mean_the_same() {
    let file = loaded(&with_file("[tts]\norder = [\"espeak-ng\", \"flite\"]\n[speech]\nprerender = false"));
    let environment = loaded(&with_environment(&[
        ("STUDIOCONNECT_TTS_ORDER", "espeak-ng, flite"),
        ("STUDIOCONNECT_SPEECH_PRERENDER", "false"),
    ]));
    assert_eq!(file.config.vendors.tts.order, environment.config.vendors.tts.order);
    assert_eq!(file.config.speech.prerender, environment.config.speech.prerender);
}

#[test]
fn a_dotenv_file_has_names_comments_and_quotes() {
    let check = |text: &str, expect: Result<&[(&str, &str)], usize>| {
        let expect = expect
            .map(|pairs| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>());
        assert_eq!(dotenv::parse(text), expect, "{text:?}");
    };
    check("", Ok(&[]));
    check("# comment\n\nA=1\nexport B = two words # not this", Ok(&[("A", "1"), ("B", "two words")]));
    check("A=\"x # y\" # z\nB='a=b'\nC=", Ok(&[("A", "x # y"), ("B", "a=b"), ("C", "")]));
    check("A=1\nnonsense", Err(2));
    check("A=\"open", Err(1));
    check("A B=1", Err(1));
}

#[test]
fn durations_carry_their_unit() {
    use super::value::SettingValue as _;
    use std::time::Duration;
    let check = |text: &str, expect: Option<u64>| {
        assert_eq!(Duration::parse(text), expect.map(Duration::from_millis), "{text:?}");
    };
    check("250ms", Some(250));
    check("300", Some(300_000));
    check("5 m", Some(300_000));
    check("30d", Some(2_592_000_000));
    check("", None);
    check("-1s", None);
    check("1y", None);
    check("99999999999999999999d", None);
}

#[test]
fn bounds_are_of_their_type_and_defaults_within_them() {
    // Reading the defaults parses every bound; what is wrong panics or is refused.
    loaded(&layers());
    for setting in Config::settings().iter().filter(|one| !one.optional && one.key != "data_dir") {
        assert!(!setting.default.is_empty(), "{} has neither a default nor may it be unset", setting.key);
    }
}

#[test]
fn keys_and_variables_are_unique() {
    let mut names: Vec<String> = Vec::new();
    for setting in Config::settings() {
        names.push(setting.prefixed_env());
        names.extend(setting.known_env.map(str::to_owned));
    }
    names.extend(later::LATER.iter().map(|one| one.env.to_owned()));
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_default_file_says_what_the_defaults_are() {
    let [_, file, _] = DOCUMENTS;
    let from_file = loaded(&with_file(&(file.text)()));
    let origins_apart = |loaded: &Loaded| {
        loaded.values.0.iter().map(|(key, (text, _))| (*key, text.replace(' ', ""))).collect::<Vec<_>>()
    };
    assert_eq!(origins_apart(&from_file), origins_apart(&loaded(&layers())));
}

/// `make generated` runs this with the variable set, and then the files are written instead of compared.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own switch is no configuration")]
fn generated_documents_are_current() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in DOCUMENTS {
        let path = root.join(document.path);
        let expect = (document.text)();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &expect).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expect, "{} is not current: run `make generated`", document.path);
    }
}

#[test]
fn the_providers_that_can_be_configured_are_those_that_a_business_can_choose() {
    use super::types::{LlmOrder, SttOrder, TtsOrder};
    use domain::provider_order::{MODELS, TRANSCRIBERS, VOICES};
    assert_eq!(SttOrder::KNOWN, TRANSCRIBERS);
    assert_eq!(TtsOrder::KNOWN, VOICES);
    assert_eq!(LlmOrder::KNOWN, MODELS);
}

#[test]
fn what_is_only_half_set_is_refused() {
    let said = refusal(&with_environment(&[("AWS_ACCESS_KEY_ID", "AKIA1")]));
    assert!(said.contains("aws.secret_access_key") && !said.contains("AKIA1"), "{said}");
    let said = refusal(&with_environment(&[("STUDIOCONNECT_EMBEDDINGS_PROVIDER", "compatible")]));
    assert!(said.contains("embeddings.url"), "{said}");
    let said = refusal(&with_environment(&[("STUDIOCONNECT_EMBEDDINGS_PROVIDER", "local")]));
    assert!(said.contains("embeddings.folder"), "{said}");
}

#[test]
fn prices_are_rows_in_any_of_the_layers() {
    use domain::prices::Quantity;
    let minute = Quantity { transcribed_ms: 60_000, ..Quantity::default() };
    let rows = "[prices]\nmodels = \"\"\"\n  deepgram/nova-3 minute=0.5;\n  compatible/* minute=0\n\"\"\"";
    let config = loaded(&with_file(rows)).config;
    assert_eq!(config.vendors.prices.models.0.cost("deepgram", "nova-3", &minute), Some(500_000));
    assert_eq!(config.vendors.prices.models.0.cost("compatible", "any", &minute), Some(0));
    let rows = [("STUDIOCONNECT_PRICES_MODELS", "deepgram/nova-3 minute=0.25")];
    let config = loaded(&with_environment(&rows)).config;
    assert_eq!(config.vendors.prices.models.0.cost("deepgram", "nova-3", &minute), Some(250_000));
    let wrong = refusal(&with_environment(&[("STUDIOCONNECT_PRICES_MODELS", "nova-3 minute=free")]));
    assert!(wrong.contains("prices.models"), "{wrong}");
}
