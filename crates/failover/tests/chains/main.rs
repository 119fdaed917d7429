//! Chains of scripted providers that misbehave, in paused time.

mod llm;
mod matrix;
mod order;
mod scripted;
