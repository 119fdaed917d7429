//! Texts as vectors, by vendors. A model in a local folder is not among them: no library for it was chosen.

mod none;
mod vectors;

pub use none::NoEmbeddings;
pub use vectors::{EmbeddingsSettings, OpenAiEmbeddings};
