//! Frames of every kind, each as small and as large as its columns can be.

use super::table::Column;
use super::{Ack, Events, Frame, GoodbyeCode, Hello, Holds, Rewind, Start};

/// The smallest and the largest frame of every kind, and all goodbyes.
pub(crate) fn extremes() -> Vec<Frame> {
    let mut frames = Vec::new();
    frames.extend(Hello::extremes().map(|hello| Frame::Hello(hello.into())));
    frames.extend(Start::extremes().map(Frame::Start));
    frames.extend(Events::extremes().map(Frame::Events));
    frames.extend(Ack::extremes().map(Frame::Ack));
    frames.extend(Rewind::extremes().map(Frame::Rewind));
    frames.extend(Holds::extremes().map(Frame::Holds));
    for message in String::extremes() {
        frames.extend(GoodbyeCode::ALL.map(|code| Frame::goodbye(code, &message)));
    }
    frames
}
