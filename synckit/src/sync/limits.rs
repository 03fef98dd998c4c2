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
/// Most bytes of events that may be sent before their acknowledgement; the frame that crosses the
/// line is sent whole.
pub const WINDOW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of events that are sent before their acknowledgement on a slow way, and on one of which
/// nothing is known yet.
pub const WINDOW_BYTES_LEAST: usize = 32 * 1024;
/// Bytes of memory, roughly, for what the sessions of one hub or one replica have received and not
/// committed, all of them together. A session that would pass it receives nothing meanwhile.
pub const UNCOMMITTED_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Longest pause that a peer can ask for. A hub never asks for more, and no link waits for longer.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Longest text of a goodbye, in bytes; longer ones are cut.
pub const GOODBYE_BYTES_MAX: usize = 1_024;
/// Bytes of blocks after which a frame is full on a fast way, and another one takes what follows.
pub const FRAME_BLOCKS_BYTES: usize = 128 * 1024;
/// The same on a slow way, and on one of which nothing is known yet: at 4 kB/s it arrives in 4 s.
pub const FRAME_BLOCKS_BYTES_LEAST: usize = 16 * 1024;
/// The slowest way on which a session goes on, in bytes a second.
pub const SLOWEST_BYTES_PER_SECOND: u64 = 4_000;
/// Time that the peer may take from the connection to its `Start`.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);
/// Time for the peer to acknowledge something while events are unacknowledged, besides the time that
/// they take on the slowest way.
pub const ACK_WITHIN: Duration = Duration::from_secs(60);
/// Time for the peer to send something while its log is not at its end: the largest block takes about
/// two minutes of that on the slowest way.
pub const SEND_WITHIN: Duration = Duration::from_secs(200);
/// Time for others to bring what the work of a peer that holds a part rests on.
pub const WAITS_FOR_OTHERS: Duration = Duration::from_secs(10);
/// Most times that work of a peer is tried in vain, as the log grows, before it is refused.
pub const VAIN_TRIES_MAX: u32 = 64;
/// Events that may be passed over, uncommitted, before the cursor behind them is committed.
/// Bounds what is read again after a session that was cut.
pub const CURSOR_BEHIND_MAX: u64 = 4_096;
/// Most bridges over hidden commits in one frame.
pub const FRAME_BRIDGES_MAX: usize = 2_048;
/// Most forks on the chains of commits that one frame tells.
pub const FRAME_FORKS_MAX: usize = 1_024;
/// Most commits of a frontier. Heads come first; what does not fit is resent and passed over.
pub const FRONTIER_COMMITS_MAX: usize = 12_000;
/// Most separate stretches of the own log that a session remembers as having come from its peer.
/// What is forgotten is sent back and passed over there.
pub const ARRIVED_STRETCHES_MAX: usize = 1_024;
