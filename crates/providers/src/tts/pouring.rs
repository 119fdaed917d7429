//! From the body of an HTTP answer to the listener.

use bytes::Bytes;
use provider_traits::error::ProviderError;
use provider_traits::tts::TtsAudio;
use reqwest::Response;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::decoding::{AudioShape, Decoder};
use crate::vendor_http::Vendor;

/// Pieces that wait for the listener. When full the vendor waits: playback is slower than synthesis.
const WAITING_PIECES: usize = 64;

/// Passes a body on as it comes. When the listener goes, the connection is closed.
///
/// # Errors
/// When audio of this shape can't be converted.
pub(super) fn pour(
    vendor: Vendor,
    answer: Response,
    shape: AudioShape,
    tasks: &TaskTracker,
) -> Result<TtsAudio, ProviderError> {
    let decoder = Decoder::new(shape).map_err(|reason| vendor.invalid(reason))?;
    let (sender, listener) = mpsc::channel(WAITING_PIECES);
    tasks.spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = run(vendor, answer, decoder, &sender) => {}
        }
    });
    Ok(listener)
}

async fn run(
    vendor: Vendor,
    mut answer: Response,
    decoder: Decoder,
    sender: &mpsc::Sender<Result<Bytes, ProviderError>>,
) {
    if let Err(error) = all(vendor, &mut answer, decoder, sender).await {
        // Nobody listening any more is fine.
        let _gone = sender.send(Err(error)).await;
    }
}

async fn all(
    vendor: Vendor,
    answer: &mut Response,
    mut decoder: Decoder,
    sender: &mpsc::Sender<Result<Bytes, ProviderError>>,
) -> Result<(), ProviderError> {
    let broken = |reason: String| vendor.unavailable(format!("its audio is broken: {reason}"));
    let mut any = false;
    while let Some(piece) = vendor.piece(answer).await? {
        let mut codes = Vec::new();
        decoder.push(&piece, &mut codes).map_err(broken)?;
        if !codes.is_empty() {
            any = true;
            if sender.send(Ok(codes.into())).await.is_err() {
                return Ok(());
            }
        }
    }
    let mut codes = Vec::new();
    decoder.finish(&mut codes).map_err(broken)?;
    if !codes.is_empty() {
        any = true;
        let _gone = sender.send(Ok(codes.into())).await;
    }
    if any { Ok(()) } else { Err(vendor.unavailable("it sent no audio")) }
}
