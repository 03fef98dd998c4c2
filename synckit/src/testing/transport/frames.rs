//! Frames of every kind, the smallest and the largest.

use bytes::Bytes;

use super::events;
use crate::sync::Frame;
use crate::sync::frame::samples;
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};

/// Every kind of frame, each as small and as large as it can be.
pub fn every_kind() -> Vec<Frame> {
    let mut frames = samples::extremes();
    frames.extend(all_events());
    frames
}

fn all_events() -> Vec<Frame> {
    let empty = events(u64::MAX, Vec::new());
    let overhead = events(0, vec![Bytes::new()]).size();
    let one_large = Bytes::from(vec![255; FRAME_BYTES_MAX - overhead]);
    let each = (FRAME_BYTES_MAX - empty.size()) / FRAME_BLOCKS_MAX - 8;
    let blocks = (0..FRAME_BLOCKS_MAX).map(|n| Bytes::from(vec![n.to_le_bytes()[0]; each]));
    let frames = vec![
        events(0, Vec::new()),
        empty,
        events(1, vec![Bytes::from_static(&[0])]),
        events(u64::MAX, vec![one_large]),
        events(u64::MAX, blocks.collect()),
        events(2, vec![Bytes::new(); FRAME_BLOCKS_MAX]),
    ];
    assert!(frames.iter().all(|frame| frame.size() <= FRAME_BYTES_MAX));
    frames
}
