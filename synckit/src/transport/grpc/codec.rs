//! The codec of gRPC messages: prost's, with one question asked first.
//!
//! A repeated field costs 32 bytes of memory for each entry that takes 2 on the wire, so entries
//! are counted in the message as it came, before anything is taken for them.

use std::marker::PhantomData;
use std::sync::Arc;

use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Bytes;

use super::convert::{NotAFrame, check_counts};

/// Encodes and decodes the messages of `SyncService`. `T` is sent and `U` received: both are the
/// generated `Frame`.
#[derive(Debug)]
pub(super) struct FrameCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for FrameCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for FrameCodec<T, U>
where
    T: Message + 'static,
    U: Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = FrameEncoder<T>;
    type Decoder = FrameDecoder<U>;

    fn encoder(&mut self) -> FrameEncoder<T> {
        FrameEncoder(PhantomData)
    }

    fn decoder(&mut self) -> FrameDecoder<U> {
        FrameDecoder(PhantomData)
    }
}

#[derive(Debug)]
pub(super) struct FrameEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for FrameEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

#[derive(Debug)]
pub(super) struct FrameDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for FrameDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = take(buffer);
        check_counts(&bytes).map_err(refused)?;
        U::decode(bytes).map(Some).map_err(|error| refused(NotAFrame::Undecodable(error)))
    }
}

fn take(buffer: &mut DecodeBuf<'_>) -> Bytes {
    use prost::bytes::Buf;
    buffer.copy_to_bytes(buffer.remaining())
}

/// The status that `status::received` knows again by its source.
fn refused(reason: NotAFrame) -> Status {
    let mut status = Status::invalid_argument(reason.to_string());
    status.set_source(Arc::new(reason));
    status
}
