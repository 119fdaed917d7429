//! How a call's audio did and how long its answers took, read from its log.

use domain::call_log::{CallEvent, EventKind, MediaQuality};
use serde::Serialize;
use utoipa::ToSchema;

/// How the audio between the carrier and us did, over all streams of the call.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = MediaQuality)]
pub(super) struct MediaQualityView {
    /// Media streams of the call: more than one when it went on after a cut.
    #[schema(example = 1)]
    streams: u32,
    /// Messages of audio received, 20 ms each.
    #[schema(example = 6150)]
    packets: u64,
    /// Milliseconds of audio that never came.
    missing_ms: u64,
    /// Messages that came twice or too late.
    repeated: u64,
    /// Messages that made no sense.
    malformed: u64,
    /// Mean deviation of the messages' arrival from their pace, in milliseconds (RFC 3550, section 6.4.1).
    #[schema(example = 0.412)]
    jitter_ms: f64,
    /// Times that the agent's voice ran dry in mid-sentence.
    underruns: u64,
}

/// How long the caller waited for the agent's first sound, over all answers, in milliseconds.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ResponseTimes)]
pub(super) struct ResponseTimesView {
    /// Answers that were measured.
    #[schema(example = 12)]
    answers: u64,
    /// Half of them were faster.
    #[schema(example = 640)]
    median_ms: u32,
    /// Nineteen of twenty were at least as fast.
    #[schema(example = 980)]
    p95_ms: u32,
    /// The slowest.
    #[schema(example = 1100)]
    longest_ms: u32,
}

/// What the ends of the call's streams say; `None` before the first stream is over.
pub(super) fn of_media(events: &[CallEvent]) -> Option<MediaQualityView> {
    let streams: Vec<MediaQuality> = events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Media { quality } => Some(quality),
            _ => None,
        })
        .collect();
    if streams.is_empty() {
        return None;
    }
    let sum = |of: fn(&MediaQuality) -> u64| streams.iter().map(of).fold(0, u64::saturating_add);
    let packets = sum(|stream| stream.packets);
    // A stream weighs as much as it brought.
    let jitter_us =
        streams.iter().map(|stream| u128::from(stream.jitter_us) * u128::from(stream.packets)).sum::<u128>()
            / u128::from(packets.max(1));
    Some(MediaQualityView {
        streams: u32::try_from(streams.len()).unwrap_or(u32::MAX),
        packets,
        missing_ms: sum(|stream| stream.missing_ms),
        repeated: sum(|stream| stream.repeated),
        malformed: sum(|stream| stream.malformed),
        jitter_ms: jitter_us as f64 / 1_000.0,
        underruns: sum(|stream| stream.underruns),
    })
}

/// The waits of all answers; `None` when none was measured.
pub(super) fn of_answers(events: &[CallEvent]) -> Option<ResponseTimesView> {
    let mut waits: Vec<u32> = events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Latency { parts, .. } => Some(parts.total_ms),
            _ => None,
        })
        .collect();
    waits.sort_unstable();
    // Nearest rank: a wait that somebody had.
    let at = |percent: usize| waits[(waits.len() * percent).div_ceil(100).saturating_sub(1)];
    let longest_ms = *waits.last()?;
    Some(ResponseTimesView { answers: waits.len() as u64, median_ms: at(50), p95_ms: at(95), longest_ms })
}

#[cfg(test)]
mod tests {
    use domain::call_log::LatencyParts;
    use domain::ids::TurnId;

    use super::*;

    fn events(kinds: Vec<EventKind>) -> Vec<CallEvent> {
        (0..).zip(kinds).map(|(seq, kind)| CallEvent { seq, at_ms: 0, kind }).collect()
    }

    fn media(packets: u64, jitter_us: u64, underruns: u64) -> EventKind {
        EventKind::Media {
            quality: MediaQuality { packets, jitter_us, underruns, ..MediaQuality::default() },
        }
    }

    fn waited(total_ms: u32) -> EventKind {
        let parts = LatencyParts { total_ms, ..LatencyParts::default() };
        EventKind::Latency { turn: TurnId(uuid::Uuid::nil()), parts }
    }

    #[test]
    fn the_streams_of_a_call_are_one_figure() {
        assert_eq!(of_media(&events(vec![waited(5)])), None);
        let quality = of_media(&events(vec![media(100, 1_000, 1), waited(5), media(300, 5_000, 2)])).unwrap();
        assert_eq!((quality.streams, quality.packets, quality.underruns), (2, 400, 3));
        assert!((quality.jitter_ms - 4.0).abs() < 1e-9, "{quality:?}");
        assert!(of_media(&events(vec![media(0, 0, 0)])).is_some());
    }

    #[test]
    fn waits_are_told_by_their_ranks() {
        assert_eq!(of_answers(&[]), None);
        let times = of_answers(&events((1..=100).rev().map(waited).collect())).unwrap();
        assert_eq!(times, ResponseTimesView { answers: 100, median_ms: 50, p95_ms: 95, longest_ms: 100 });
        let one = of_answers(&events(vec![waited(640)])).unwrap();
        assert_eq!((one.median_ms, one.p95_ms, one.longest_ms), (640, 640, 640));
    }
}
