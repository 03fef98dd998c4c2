#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::wire::Message for Outline {
    fn write_fields(&self, out: &mut ::synckit::wire::Writer) {
        match self {
            Self::Dot {} => {
                out.tag(1, ::synckit::wire::WireType::Len);
                out.nested(|out| {});
            }
            Self::Circle { centre: field_1, radius: field_2 } => {
                out.tag(2, ::synckit::wire::WireType::Len);
                out.nested(|out| {
                    <Point as ::synckit::wire::Coded>::write_coded(field_1, 1, out);
                    <u32 as ::synckit::wire::Coded>::write_coded(field_2, 2, out);
                });
            }
            Self::Polygon { 0: field_1 } => {
                out.tag(7, ::synckit::wire::WireType::Len);
                out.nested(|out| {
                    <Vec<Point> as ::synckit::wire::Coded>::write_coded(field_1, 1, out);
                });
            }
        }
    }
    fn read_fields(
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        if input.take(1, ::synckit::wire::WireType::Len)? {
            return input.nested(|input| ::core::result::Result::Ok(Self::Dot {}));
        }
        if input.take(2, ::synckit::wire::WireType::Len)? {
            return input
                .nested(|input| ::core::result::Result::Ok(Self::Circle {
                    centre: <Point as ::synckit::wire::Coded>::read_coded(1, input)?,
                    radius: <u32 as ::synckit::wire::Coded>::read_coded(2, input)?,
                }));
        }
        if input.take(7, ::synckit::wire::WireType::Len)? {
            return input
                .nested(|input| ::core::result::Result::Ok(Self::Polygon {
                    0: <Vec<Point> as ::synckit::wire::Coded>::read_coded(1, input)?,
                }));
        }
        ::core::result::Result::Err(::synckit::wire::WireError::Missing {
            number: 1,
        })
    }
}
#[automatically_derived]
impl ::synckit::wire::Value for Outline {
    const WIRE: ::synckit::wire::WireType = ::synckit::wire::WireType::Len;
    const SHAPE: ::synckit::wire::Shape = ::synckit::wire::Shape::Message(
        ::synckit::wire::ValueRef::of::<Self>(),
    );
    fn write(&self, out: &mut ::synckit::wire::Writer) {
        out.nested(|out| ::synckit::wire::Message::write_fields(self, out));
    }
    fn read(
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        input.nested(::synckit::wire::Message::read_fields)
    }
}
#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::wire::Named for Outline {
    const NAME: &'static str = "Outline";
    const VERSION: u32 = 1;
    const PARTS: ::synckit::wire::Parts = {
        use ::synckit::wire::field_schema as field;
        ::synckit::wire::Parts::OneOf(
            &[
                (1, "Dot", &[]),
                (
                    2,
                    "Circle",
                    &[
                        field(1, "centre", <Point as ::synckit::wire::Coded>::CODED),
                        field(2, "radius", <u32 as ::synckit::wire::Coded>::CODED),
                    ],
                ),
                (
                    7,
                    "Polygon",
                    &[field(1, "value", <Vec<Point> as ::synckit::wire::Coded>::CODED)],
                ),
            ],
        )
    };
    const LINEAGE: ::synckit::wire::Lineage = ::synckit::wire::Lineage::of(
        "inspections",
        1,
    );
}
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
