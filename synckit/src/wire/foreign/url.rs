//! `url`: its text, which parsing has made canonical.

use url::Url;

use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

impl Value for Url {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("url.Url", 1).with_samples(SAMPLES));

    fn write(&self, out: &mut Writer) {
        out.bytes(self.as_str().as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let text = String::read(input)?;
        let parsed = Self::parse(&text).ok().filter(|url| url.as_str() == text);
        parsed.ok_or(WireError::Invalid { expected: "URL in its canonical form" })
    }
}

const SAMPLES: &[&[u8]] = &[
    b"\x13http://example.com/",
    b"\x1bhttps://example.com/a?b=1#c",
    b"\x16mailto:ann@example.com",
];
