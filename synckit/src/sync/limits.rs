//! Bounds of a session.

use std::time::Duration;

/// The version of the protocol that this program speaks.
pub const PROTOCOL_VERSION: u32 = 2;
/// Largest frame, in bytes, headers included.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Largest message taken for a frame: a full one, and room for fields that later versions add.
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4 * 1024;
/// Most blocks in one frame.
pub const FRAME_BLOCKS_MAX: usize = 4_096;
/// Bytes of events that may be sent before their acknowledgement; the frame that crosses the line
/// is sent whole.
pub const WINDOW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of memory, roughly, for what the sessions of one hub or one replica have received and not
/// committed, all of them together. A session that would pass it receives nothing meanwhile.
pub const UNCOMMITTED_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Longest text of a goodbye, in bytes; longer ones are cut.
pub const GOODBYE_BYTES_MAX: usize = 1_024;
/// Bytes of blocks after which a frame is full, and another one takes what follows. On a slow way the
/// first of them arrives, and is acknowledged, long before anybody gives up: at 12 kB/s in 11 s.
pub const FRAME_BLOCKS_BYTES: usize = 128 * 1024;
/// Time that the peer may take from the connection to its `Start`.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Time for the peer to acknowledge something while events are unacknowledged, and to send something
/// while its log is not at its end.
pub const ACK_WITHIN: Duration = Duration::from_secs(60);
/// Events that may be passed over, uncommitted, before the cursor behind them is committed.
/// Bounds what is read again after a session that was cut.
pub const CURSOR_BEHIND_MAX: u64 = 4_096;
/// Most commits of a frontier. Heads come first; what does not fit is resent and passed over.
pub const FRONTIER_COMMITS_MAX: usize = 12_000;
/// Most separate stretches of the own log that a session remembers as having come from its peer.
/// What is forgotten is sent back and passed over there.
pub const ARRIVED_STRETCHES_MAX: usize = 1_024;
