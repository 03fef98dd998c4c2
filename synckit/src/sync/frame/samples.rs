//! Frames of every kind, each as small and as large as its columns can be.

use super::table::Column;
use super::{Ack, Events, Frame, Goodbye, GoodbyeCode, Hello, Holds, Rewind, Start, Types};
use crate::sync::limits::RETRY_AFTER_MAX;

/// The smallest and the largest frame of every kind, and all goodbyes.
pub(crate) fn extremes() -> Vec<Frame> {
    let mut frames = Vec::new();
    frames.extend(Hello::extremes().map(|hello| Frame::Hello(hello.into())));
    frames.extend(Start::extremes().map(Frame::Start));
    frames.extend(Events::extremes().map(Frame::Events));
    frames.extend(Ack::extremes().map(Frame::Ack));
    frames.extend(Rewind::extremes().map(Frame::Rewind));
    frames.extend(Holds::extremes().map(Frame::Holds));
    frames.extend(Types::extremes().map(Frame::Types));
    frames.extend(Goodbye::extremes().map(Frame::Goodbye));
    frames.push(Frame::goodbye_until(GoodbyeCode::Limited, "", RETRY_AFTER_MAX));
    for message in String::extremes() {
        frames.extend(GoodbyeCode::ALL.map(|code| Frame::goodbye(code, &message)));
    }
    frames
}
