//! Chains of scripted providers that misbehave, in paused time.

mod llm;
mod matrix;
mod metering;
mod order;
mod scripted;
