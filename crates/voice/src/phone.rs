//! The telephone line as a session sees it: what comes in, what goes out, and at which pace.
//!
//! Nothing here knows a carrier's wire format; [`crate::media_streams`] translates.

use bytes::Bytes;
use tokio::sync::mpsc;

/// Bytes of the longest piece of audio that is taken in one message: one second. Carriers send 160.
pub const MAX_PAYLOAD_BYTES: usize = 8_000;

/// What comes from the caller's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneIn {
    /// The caller's audio.
    Media {
        /// Number of the message within the stream; may jump, repeat or step back.
        sequence: u64,
        /// Media time at which the audio begins, in milliseconds since the stream began.
        timestamp_ms: u64,
        /// 8 kHz mu-law, usually 160 bytes.
        payload: Bytes,
    },
    /// The audio before the mark of that name was played, or thrown away.
    Mark {
        /// The name it was sent with.
        name: String,
    },
    /// A key was pressed.
    Dtmf {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
    },
    /// The caller hung up, or the carrier ended the stream.
    Stop,
    /// A message that made no sense; the call goes on.
    Malformed {
        /// What was wrong with it.
        reason: &'static str,
    },
    /// The connection is gone without a `Stop`.
    Closed,
}

/// What goes to the caller's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneOut {
    /// Audio to be played after what is queued already: 8 kHz mu-law.
    Media {
        /// The audio.
        payload: Bytes,
    },
    /// To be sent back when the audio before it has been played.
    Mark {
        /// Any text.
        name: String,
    },
    /// Throw away all audio not played yet.
    Clear,
    /// Lockstep only: everything that the frame of that number causes has been sent.
    Processed {
        /// Number of the caller's message; 1 grants the lockstep.
        sequence: u64,
    },
}

/// How time passes in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A frame each 20 ms; work takes its wall time.
    RealTime,
    /// The caller waits for [`PhoneOut::Processed`] before the next frame; work takes no media time.
    Lockstep,
}

/// One call's line. Both channels are bounded: a far end that does not read is as good as gone.
#[derive(Debug)]
pub struct PhoneLine {
    /// From the caller. Closed means [`PhoneIn::Closed`].
    pub incoming: mpsc::Receiver<PhoneIn>,
    /// To the caller. Closed means that the connection is gone.
    pub outgoing: mpsc::Sender<PhoneOut>,
    /// How time passes.
    pub pace: Pace,
}
