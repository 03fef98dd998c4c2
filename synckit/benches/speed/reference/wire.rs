//! Its messages.

use bytes::{Buf, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// An event, in its row and on the wire.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) replica: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    #[prost(string, tag = "3")]
    pub(super) kind: String,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) key: Bytes,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(uint32, tag = "6")]
    pub(super) version: u32,
    #[prost(fixed64, tag = "7")]
    pub(super) clock: u64,
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) payload: Bytes,
}

/// Every message of every call.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Frame {
    #[prost(message, repeated, tag = "1")]
    pub(super) events: Vec<Event>,
    /// A place in the log: acknowledged, asked for, or reached.
    #[prost(uint64, tag = "2")]
    pub(super) position: u64,
    /// The end of the log.
    #[prost(uint64, tag = "3")]
    pub(super) head: u64,
}

/// prost over tonic.
#[derive(Clone, Copy, Default)]
pub(super) struct Frames;

impl Codec for Frames {
    type Encode = Frame;
    type Decode = Frame;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Frames {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        frame.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Frames {
    type Item = Frame;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Frame>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Frame::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
