//! The folder of a static model, read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

use super::matrix::{Matrix, UnusableTensor, numbers, whole_numbers};

/// What tokens there are and how a text is cut into them.
const TOKENIZER: &str = "tokenizer.json";
/// The vectors.
const TENSORS: &str = "model.safetensors";
/// Where other tools keep both, below the folder.
const BELOW: &str = "0_StaticEmbedding";
/// Names under which the vectors are found.
const VECTORS: [&str; 3] = ["embeddings", "embedding.weight", "0"];

/// Why a folder is no model. Names the file at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableFolder {
    /// No folder was named.
    #[error("no folder is set")]
    Unset,
    /// A file is not there, or can't be read.
    #[error("{} can't be read: {cause}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A file is something else.
    #[error("{} is not of a static model: {cause}", file.display())]
    NotAModel {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: String,
    },
}

/// A model.
pub struct ModelFolder {
    name: String,
    tokenizer: Tokenizer,
    /// The token that stands for what is not known.
    unknown: Option<u32>,
    matrix: Matrix,
    /// How much each token counts; absent: all the same.
    weights: Option<Vec<f32>>,
    /// Which row a token has; absent: that of its number.
    rows: Option<Vec<usize>>,
}

impl ModelFolder {
    /// Reads the folder. Takes as long as its files take to be read.
    ///
    /// # Errors
    /// With the file that is missing, or that is something else.
    pub fn open(folder: &Path) -> Result<Self, UnusableFolder> {
        if folder.as_os_str().is_empty() {
            return Err(UnusableFolder::Unset);
        }
        let below = folder.join(BELOW);
        let place = if folder.join(TENSORS).exists() || !below.is_dir() { folder } else { &below };
        let (tokenizer_file, tensor_file) = (place.join(TOKENIZER), place.join(TENSORS));
        let tokenizer_bytes = read(&tokenizer_file)?;
        let tensor_bytes = read(&tensor_file)?;
        let digest = fingerprint([&tokenizer_bytes, &tensor_bytes]);

        let (tokenizer, unknown) = tokenizer(&tokenizer_bytes)
            .map_err(|cause| UnusableFolder::NotAModel { file: tokenizer_file, cause })?;
        let not_vectors = |cause: String| UnusableFolder::NotAModel { file: tensor_file.clone(), cause };
        let (weights, rows) = further(&tensor_bytes).map_err(|error| not_vectors(error.to_string()))?;
        let matrix = Matrix::of(tensor_bytes, &VECTORS).map_err(|error| not_vectors(error.to_string()))?;
        let tokens = tokenizer.get_vocab_size(true);
        if rows.is_none() && tokens > matrix.rows() {
            let cause = format!("it has {} vectors, and {TOKENIZER} has {tokens} tokens", matrix.rows());
            return Err(not_vectors(cause));
        }
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("local/{folder_name}/{digest:016x}/{}", matrix.columns());
        Ok(Self { name, tokenizer, unknown, matrix, weights, rows })
    }

    /// The folder's name with a fingerprint of what is in it: vectors of another model can't be compared.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of each vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.matrix.columns()
    }

    /// The text's vector, of length 1; `None` when there is nothing in it that the model knows.
    #[must_use]
    pub fn vector(&self, text: &str) -> Option<Vec<f32>> {
        let tokens = self.tokenizer.encode_fast(text, false).ok()?;
        let mut sum = vec![0.0_f32; self.matrix.columns()];
        for &token in tokens.get_ids().iter().filter(|&&token| Some(token) != self.unknown) {
            let token = token as usize;
            let row = self.rows.as_ref().map_or(Some(token), |rows| rows.get(token).copied());
            let weight = self.weights.as_ref().map_or(Some(1.0), |weights| weights.get(token).copied());
            if let (Some(row), Some(weight)) = (row, weight) {
                self.matrix.add(row, weight, &mut sum);
            }
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        // The mean has the direction of the sum.
        (length.is_finite() && length > f32::EPSILON).then(|| sum.iter().map(|n| n / length).collect())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, UnusableFolder> {
    fs::read(file).map_err(|error: io::Error| UnusableFolder::Unreadable {
        file: file.to_owned(),
        cause: error.to_string(),
    })
}

/// The tokenizer without what cuts or fills texts, and the token for what it does not know.
fn tokenizer(bytes: &[u8]) -> Result<(Tokenizer, Option<u32>), String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| error.to_string())?;
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    tokenizer.with_padding(None);
    let unknown = match tokenizer.get_model() {
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        // Its own is not told; these models call it so.
        ModelWrapper::Unigram(_) => Some("<unk>".to_owned()),
    };
    let unknown = unknown.and_then(|token| tokenizer.token_to_id(&token));
    Ok((tokenizer, unknown))
}

/// The tokens' weights and their rows, where the model has them.
type Further = (Option<Vec<f32>>, Option<Vec<usize>>);

fn further(bytes: &[u8]) -> Result<Further, UnusableTensor> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|error| UnusableTensor::NoTensors(error.to_string()))?;
    let weights = tensors.tensor("weights").ok().map(|tensor| numbers(&tensor)).transpose()?;
    let rows = tensors.tensor("mapping").ok().map(|tensor| whole_numbers(&tensor)).transpose()?;
    Ok((weights, rows))
}

/// FNV-1a, 64 bits: equal on every machine and in every version of the program.
fn fingerprint(files: [&Vec<u8>; 2]) -> u64 {
    let bytes = files.into_iter().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
