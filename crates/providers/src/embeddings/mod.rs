//! Texts as vectors, by vendors. A model in a folder of this machine is in the crate `speech`.

mod none;
mod vectors;

pub use none::NoEmbeddings;
pub use vectors::{EmbeddingsSettings, OpenAiEmbeddings};
