//! A vocabulary as the files a decoder reads: a language model and a dictionary in a private folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::call_plan::Vocabulary;
use tempfile::TempDir;

use super::adaptation::telephone_mllr;
use crate::dictionary::{Dictionary, by_letters, split_flite_phones};
use crate::language_model::LanguageModel;
use crate::synthesis::{Program, Run};

/// The files of one vocabulary; the folder goes when the last user does.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) key: String,
    folder: TempDir,
}

/// A model's size, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) words: usize,
    pub(super) pronounced_by_rule: usize,
}

impl Model {
    /// Makes the files. Blocks on disk: for a blocking thread within a runtime.
    pub(super) fn build(
        vocabulary: &Vocabulary,
        dictionary_file: &Path,
        speller: &Program,
        runtime: &tokio::runtime::Handle,
    ) -> std::io::Result<(Arc<Self>, Size)> {
        let language = LanguageModel::from_vocabulary(&vocabulary.sentences, &vocabulary.words);
        let file = std::fs::File::open(dictionary_file)?;
        let mut dictionary = Dictionary::look_up(file, language.words())?;
        let missing = dictionary.missing(language.words());
        if !missing.is_empty() {
            let spelled = runtime.block_on(pronounce(&missing, speller));
            for (word, phones) in missing.iter().zip(&spelled) {
                dictionary.add(word, phones);
            }
        }
        let folder = tempfile::Builder::new().prefix("studioconnect-speech-").tempdir()?;
        let model = Self { key: vocabulary.key.clone(), folder };
        std::fs::write(model.language_file(), language.to_arpa())?;
        std::fs::write(model.dictionary_file(), dictionary.to_text())?;
        std::fs::write(model.adaptation_file(), telephone_mllr())?;
        let size = Size { words: dictionary.len(), pronounced_by_rule: missing.len() };
        Ok((Arc::new(model), size))
    }

    /// The ARPA file.
    pub(super) fn language_file(&self) -> PathBuf {
        self.folder.path().join("language.lm")
    }

    /// The acoustic model's adaptation to the telephone.
    pub(super) fn adaptation_file(&self) -> PathBuf {
        self.folder.path().join("telephone.mllr")
    }

    /// The dictionary.
    pub(super) fn dictionary_file(&self) -> PathBuf {
        self.folder.path().join("words.dict")
    }
}

/// Pronunciations of words that no dictionary has: flite's, or those of the rough rule.
async fn pronounce(words: &[String], flite: &Program) -> Vec<Vec<&'static str>> {
    let rough = || words.iter().map(|word| by_letters(word)).collect();
    if !flite.is_installed() {
        return rough();
    }
    // Each word a sentence of its own, read from standard input ("-f -" is not known to it, the device is).
    let run = Run {
        arguments: ["-voice", "kal", "-ps", "-f", "/dev/stdin", "-o", "none"].map(str::to_owned).to_vec(),
        input: words.iter().map(|word| format!("{word}.\n\n")).collect(),
    };
    let printed = match flite.output(&run).await {
        Ok(printed) => printed,
        Err(error) => {
            tracing::warn!(%error, "unknown words are pronounced by the rough rule");
            return rough();
        }
    };
    split_flite_phones(&String::from_utf8_lossy(&printed), words.len()).unwrap_or_else(rough)
}
