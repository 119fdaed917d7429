//! What metered usage costs: a table of prices, and exact sums over it in millionths of a dollar.
//!
//! Prices are data (`data/prices.txt`), which an operator replaces and extends by configuration. What has no price has
//! no cost: `None`, never zero.

use std::collections::BTreeMap;

use crate::call_log::ModelTokens;

/// Millionths of a US dollar.
pub type MicroUsd = u64;

/// Something that was metered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantity {
    /// Tokens by kind; cached ones are included in text and audio.
    pub tokens: ModelTokens,
    /// Milliseconds of audio that were written down.
    pub transcribed_ms: u64,
    /// Characters that were spoken.
    pub characters: u64,
}

/// What one model costs; a kind without a price is not known to be charged in any way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Price {
    /// Micro-dollars, in the order of [`KINDS`].
    of_kind: [Option<MicroUsd>; 8],
}

/// The kinds of what is charged, as rows name them.
const KINDS: [&str; 8] =
    ["text_in", "text_cached", "text_out", "audio_in", "audio_cached", "audio_out", "minute", "characters"];

/// A row that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    /// No provider and model in front.
    #[error("{0:?} does not begin with PROVIDER/MODEL")]
    NoModel(String),
    /// Neither a kind nor a sum.
    #[error(
        "{0:?} is no price: it must be one of text_in, text_cached, text_out, audio_in, audio_cached, audio_out, minute or characters, with \"=\" and dollars of at most six decimals"
    )]
    NoPrice(String),
    /// Nothing behind the model.
    #[error("{0} has no price")]
    Empty(String),
}

/// Prices by provider and model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<(String, String), Price>);

impl Prices {
    /// The prices that the program knows.
    ///
    /// # Panics
    /// Never: a test reads the table.
    #[must_use]
    pub fn known() -> Self {
        let rows = include_str!("../data/prices.txt").lines();
        Self::read(rows).expect("a test reads the table of prices")
    }

    /// Rows of `PROVIDER/MODEL KIND=DOLLARS …`; a model `*` stands for all others of its provider. Empty rows and those
    /// that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first row that is none.
    pub fn read<'a>(rows: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPrice> {
        let mut prices = Self::default();
        for row in rows.into_iter().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let (name, price) = read_row(row)?;
            prices.0.insert(name, price);
        }
        Ok(prices)
    }

    /// These, with those of `others` in the place of those of the same model.
    #[must_use]
    pub fn replaced_by(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().map(|(name, price)| (name.clone(), price.clone())));
        self
    }

    /// What a quantity costs at a provider's model, rounded to the nearest micro-dollar. `None`: nobody knows, because
    /// the model has no price or something of it has none. A vendor's dated name (`gpt-realtime-2.1-2026-09-01`) is the
    /// model's.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, quantity: &Quantity) -> Option<MicroUsd> {
        self.price(provider, model)?.cost(quantity)
    }

    fn price(&self, provider: &str, model: &str) -> Option<&Price> {
        let of = |model: &str| self.0.get(&(provider.to_owned(), model.to_owned()));
        of(model).or_else(|| of(undated(model))).or_else(|| of("*"))
    }
}

/// A model's name without the date that vendors append: `-2026-09-01` or `-20260901`.
fn undated(model: &str) -> &str {
    let date = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let dashes = text.bytes().filter(|&byte| byte == b'-').count();
        digits == 8 && digits + dashes == text.len() && matches!(dashes, 0 | 2)
    };
    [10, 8]
        .into_iter()
        .filter_map(|length| model.len().checked_sub(length + 1))
        .filter_map(|at| Some((model.get(..at)?, model.get(at..)?.strip_prefix('-')?)))
        .find(|(_, behind)| date(behind))
        .map_or(model, |(name, _)| name)
}

fn read_row(row: &str) -> Result<((String, String), Price), BadPrice> {
    let mut words = row.split_whitespace();
    let name = words.next().unwrap_or_default();
    let (provider, model) = name
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        .ok_or_else(|| BadPrice::NoModel(row.to_owned()))?;
    let mut price = Price::default();
    for word in words {
        let bad = || BadPrice::NoPrice(word.to_owned());
        let (kind, sum) = word.split_once('=').ok_or_else(bad)?;
        let place = KINDS.iter().position(|known| *known == kind).ok_or_else(bad)?;
        price.of_kind[place] = Some(micro_usd(sum).ok_or_else(bad)?);
    }
    if price == Price::default() {
        return Err(BadPrice::Empty(name.to_owned()));
    }
    Ok(((provider.to_owned(), model.to_owned()), price))
}

/// Dollars in decimal, exactly.
fn micro_usd(text: &str) -> Option<MicroUsd> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{decimals:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(fraction)
}

impl Price {
    fn cost(&self, quantity: &Quantity) -> Option<MicroUsd> {
        let Quantity { tokens, transcribed_ms, characters } = quantity;
        let [text_in, text_cached, text_out, audio_in, audio_cached, audio_out, minute, spoken] =
            self.of_kind;
        let uncached = |all: u64, cached: u64| all.saturating_sub(cached);
        // A vendor that gives no price for the cache charges as usual.
        let parts = [
            (uncached(tokens.input_text, tokens.cached_text), text_in, 1_000_000),
            (tokens.cached_text.min(tokens.input_text), text_cached.or(text_in), 1_000_000),
            (tokens.output_text, text_out, 1_000_000),
            (uncached(tokens.input_audio, tokens.cached_audio), audio_in, 1_000_000),
            (tokens.cached_audio.min(tokens.input_audio), audio_cached.or(audio_in), 1_000_000),
            (tokens.output_audio, audio_out, 1_000_000),
            (*transcribed_ms, minute, 60_000),
            (*characters, spoken, 1_000),
        ];
        // In billionths of a micro-dollar, so that only the sum is rounded.
        const FINE: u128 = 1_000_000_000;
        let mut sum: u128 = 0;
        for (units, price, per) in parts.into_iter().filter(|(units, ..)| *units > 0) {
            let part = (u128::from(units) * u128::from(price?)).checked_mul(FINE)? / per;
            sum = sum.checked_add(part)?;
        }
        MicroUsd::try_from((sum + FINE / 2) / FINE).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input_text: u64, cached_text: u64, output_text: u64) -> Quantity {
        let tokens = ModelTokens { input_text, cached_text, output_text, ..ModelTokens::default() };
        Quantity { tokens, ..Quantity::default() }
    }

    #[test]
    fn the_built_in_table_is_readable_and_knows_the_models_of_the_default_configuration() {
        let prices = Prices::known();
        let minute = Quantity { transcribed_ms: 60_000, ..Quantity::default() };
        assert_eq!(prices.cost("openai", "gpt-realtime-whisper", &minute), Some(17_000));
        assert_eq!(prices.cost("openai", "gpt-transcribe", &minute), Some(4_500));
        let tokens = ModelTokens {
            input_text: 1_000,
            cached_text: 800,
            output_text: 100,
            input_audio: 500,
            cached_audio: 200,
            output_audio: 300,
        };
        let spoken = Quantity { tokens, ..Quantity::default() };
        // 200 * 4 + 800 * 0.4 + 100 * 24 + 300 * 32 + 200 * 0.4 + 300 * 64
        assert_eq!(prices.cost("openai", "gpt-realtime-2.1", &spoken), Some(32_400));
    }

    #[test]
    fn what_has_no_price_has_no_cost() {
        let prices = Prices::read(["a/b text_in=1 text_out=2"]).unwrap();
        assert_eq!(prices.cost("a", "other", &text(1, 0, 1)), None);
        assert_eq!(prices.cost("other", "b", &text(1, 0, 1)), None);
        let heard = ModelTokens { input_audio: 1, ..ModelTokens::default() };
        assert_eq!(prices.cost("a", "b", &Quantity { tokens: heard, ..Quantity::default() }), None);
        assert_eq!(prices.cost("a", "b", &Quantity { transcribed_ms: 1, ..Quantity::default() }), None);
        assert_eq!(prices.cost("a", "b", &Quantity { characters: 1, ..Quantity::default() }), None);
        assert_eq!(prices.cost("a", "b", &text(0, 0, 0)), Some(0), "nothing of a priced model costs nothing");
    }

    #[test]
    fn only_the_sum_is_rounded() {
        let prices = Prices::read(["a/b text_in=0.25 text_cached=0.025 text_out=0.25"]).unwrap();
        assert_eq!(prices.cost("a", "b", &text(1, 0, 1)), Some(1), "two quarters round up");
        assert_eq!(prices.cost("a", "b", &text(1, 0, 0)), Some(0));
        assert_eq!(prices.cost("a", "b", &text(100, 100, 0)), Some(3), "2.5 rounds up");
        let free_cache = Prices::read(["a/b text_in=1"]).unwrap();
        assert_eq!(
            free_cache.cost("a", "b", &text(10, 4, 0)),
            Some(10),
            "a cache without a price is charged as usual"
        );
        assert_eq!(free_cache.cost("a", "b", &text(4, 10, 0)), Some(4), "no more is cached than was read");
    }

    #[test]
    fn operators_replace_and_add_rows() {
        let own =
            Prices::read(["openai/gpt-transcribe minute=1", "", "# mine", "home/* text_in=0 text_out=0"])
                .unwrap();
        let voice = Prices::read(["speaker/v1 characters=0.30"]).unwrap();
        let prices = Prices::known().replaced_by(&own).replaced_by(&voice);
        let said = Quantity { characters: 250, ..Quantity::default() };
        assert_eq!(prices.cost("speaker", "v1", &said), Some(75_000));
        let minute = Quantity { transcribed_ms: 60_000, ..Quantity::default() };
        assert_eq!(prices.cost("openai", "gpt-transcribe", &minute), Some(1_000_000));
        assert_eq!(prices.cost("openai", "gpt-realtime-whisper", &minute), Some(17_000));
        assert_eq!(prices.cost("home", "anything", &text(1_000, 0, 1_000)), Some(0), "known to be free");
    }

    #[test]
    fn a_dated_name_is_the_models() {
        let prices = Prices::read(["a/m-2 text_in=1", "a/m-2-mini text_in=9"]).unwrap();
        for model in ["m-2", "m-2-2026-09-01", "m-2-20260901"] {
            assert_eq!(prices.cost("a", model, &text(1, 0, 0)), Some(1), "{model}");
        }
        assert_eq!(prices.cost("a", "m-2-mini-2026-09-01", &text(1, 0, 0)), Some(9));
        for other in ["m-2-2026", "m-2-large", "m-2-2026-0901", "m", "-2026-09-01", "\u{e4}-2026-09-01"] {
            assert_eq!(prices.cost("a", other, &text(1, 0, 0)), None, "{other}");
        }
    }

    #[test]
    fn rows_that_are_none_are_refused() {
        for (row, error) in [
            ("gpt text_in=1", BadPrice::NoModel("gpt text_in=1".to_owned())),
            ("/m text_in=1", BadPrice::NoModel("/m text_in=1".to_owned())),
            ("a/m text=1", BadPrice::NoPrice("text=1".to_owned())),
            ("a/m text_in", BadPrice::NoPrice("text_in".to_owned())),
            ("a/m text_in=-1", BadPrice::NoPrice("text_in=-1".to_owned())),
            ("a/m text_in=1e3", BadPrice::NoPrice("text_in=1e3".to_owned())),
            ("a/m text_in=.5", BadPrice::NoPrice("text_in=.5".to_owned())),
            ("a/m text_in=0.1234567", BadPrice::NoPrice("text_in=0.1234567".to_owned())),
            (
                "a/m text_in=99999999999999999999",
                BadPrice::NoPrice("text_in=99999999999999999999".to_owned()),
            ),
            ("a/m", BadPrice::Empty("a/m".to_owned())),
        ] {
            assert_eq!(Prices::read([row]), Err(error));
        }
    }

    #[test]
    fn no_quantity_is_too_much_to_be_reckoned() {
        let prices = Prices::read(["a/m text_in=1000000 text_out=1000000"]).unwrap();
        assert_eq!(prices.cost("a", "m", &text(u64::MAX, 0, u64::MAX)), None);
    }
}
