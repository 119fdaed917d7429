//! WebSockets of the load: small buffers, nothing held back, as the server has them.

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The same for both ends and the relay, so that none is slower by its buffers.
pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(Some(2 * 1024 * 1024))
        .max_frame_size(Some(2 * 1024 * 1024))
}
