//! What a vendor's word means for a model that is in use.

use chrono::{DateTime, TimeDelta, Utc};
use provider_traits::model_list::{ListedModel, ModelList};

/// A model whose end is nearer than this is worth a word.
pub const TOLD_BEFORE: TimeDelta = TimeDelta::days(60);

/// How a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    /// It is served, and no end within [`TOLD_BEFORE`] is announced.
    Served,
    /// It is served, but its end is near, or was due.
    Ending {
        /// When.
        on: DateTime<Utc>,
        /// What the vendor advises to take instead.
        replacement: Option<String>,
    },
    /// It is not served, or not with this key.
    Gone {
        /// What the vendor advises to take instead.
        replacement: Option<String>,
    },
    /// The vendor could not be asked.
    NotKnown {
        /// Why, in plain words.
        reason: String,
    },
}

impl ModelState {
    /// The word for it in records.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Ending { .. } => "ending",
            Self::Gone { .. } => "gone",
            Self::NotKnown { .. } => "not_known",
        }
    }

    fn of(model: ListedModel, now: DateTime<Utc>) -> Self {
        match model {
            ListedModel { is_retired: true, replacement, .. } => Self::Gone { replacement },
            ListedModel { ends: Some(on), replacement, .. } if on - now < TOLD_BEFORE => {
                Self::Ending { on, replacement }
            }
            _ => Self::Served,
        }
    }
}

/// How each of these models (with its setting) is at this vendor, in the same order. A model that the list does not name
/// is asked for by its name before it is said to be gone: names may be aliases, or models of one's own.
pub(super) async fn judged(
    list: &dyn ModelList,
    models: &[(&'static str, String)],
    now: DateTime<Utc>,
) -> Vec<ModelState> {
    let listed = match list.models().await {
        Ok(listed) => listed,
        Err(error) => return vec![ModelState::NotKnown { reason: error.to_string() }; models.len()],
    };
    let mut states = Vec::new();
    for (_, name) in models {
        let found = listed.iter().find(|model| model.is_called(name)).cloned();
        states.push(match found {
            Some(model) => ModelState::of(model, now),
            None => match list.model(name).await {
                Ok(Some(model)) => ModelState::of(model, now),
                Ok(None) => ModelState::Gone { replacement: None },
                Err(error) => ModelState::NotKnown { reason: error.to_string() },
            },
        });
    }
    states
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use provider_traits::error::ProviderError;

    use super::*;

    /// A list that names `listed`, and knows `others` only when it is asked for them.
    #[derive(Default)]
    struct List {
        listed: Vec<ListedModel>,
        others: Vec<ListedModel>,
        is_silent: bool,
        is_silent_about_one: bool,
        asked: AtomicUsize,
    }

    fn silent() -> ProviderError {
        ProviderError::Timeout { provider: "x", waited_ms: 5 }
    }

    #[async_trait]
    impl ModelList for List {
        fn vendor(&self) -> &'static str {
            "x"
        }

        async fn models(&self) -> Result<Vec<ListedModel>, ProviderError> {
            if self.is_silent { Err(silent()) } else { Ok(self.listed.clone()) }
        }

        async fn model(&self, name: &str) -> Result<Option<ListedModel>, ProviderError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.is_silent_about_one {
                return Err(silent());
            }
            Ok(self.others.iter().find(|model| model.is_called(name)).cloned())
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn model(id: &str) -> ListedModel {
        ListedModel { id: id.to_owned(), ..ListedModel::default() }
    }

    fn ending(id: &str, days: i64) -> ListedModel {
        ListedModel { ends: Some(now() + TimeDelta::days(days)), ..model(id) }
    }

    async fn words(list: &List, names: &[&str]) -> Vec<&'static str> {
        let models: Vec<_> = names.iter().map(|name| ("a.setting", (*name).to_owned())).collect();
        judged(list, &models, now()).await.iter().map(ModelState::word).collect()
    }

    #[tokio::test]
    async fn a_model_is_as_its_vendor_says() {
        let list = List {
            listed: vec![
                model("today"),
                ListedModel { aliases: vec!["latest".to_owned()], ..model("today-2026") },
                ending("soon", 59),
                ending("later", 61),
                ending("overdue", -3),
                ListedModel { is_retired: true, ..model("history") },
            ],
            ..List::default()
        };
        for (name, expect) in [
            ("today", "served"),
            ("latest", "served"),
            ("soon", "ending"),
            ("later", "served"),
            ("overdue", "ending"),
            ("history", "gone"),
            ("nobody-knows-it", "gone"),
        ] {
            assert_eq!(words(&list, &[name]).await, [expect], "{name}");
        }
    }

    #[tokio::test]
    async fn a_name_that_the_list_lacks_is_asked_for_before_it_is_gone() {
        let list = List {
            listed: vec![model("a")],
            others: vec![model("mine"), ending("old", 3)],
            ..List::default()
        };
        assert_eq!(words(&list, &["a", "mine", "old", "b"]).await, ["served", "served", "ending", "gone"]);
        assert_eq!(list.asked.load(Ordering::SeqCst), 3, "listed ones are not asked for again");
    }

    #[tokio::test]
    async fn a_vendor_that_does_not_answer_says_nothing_about_a_model() {
        let list = List { is_silent: true, ..List::default() };
        assert_eq!(words(&list, &["a", "b"]).await, ["not_known", "not_known"]);
        let list = List { listed: vec![model("a")], is_silent_about_one: true, ..List::default() };
        assert_eq!(words(&list, &["a", "b"]).await, ["served", "not_known"]);
    }
}
