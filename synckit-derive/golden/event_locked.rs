#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::SyncEvent for Signed {
    const KINDS: &'static [::synckit::event::EventKind] = {
        use ::synckit::wire::field_schema as field;
        &[
            ::synckit::event::EventKind::new(
                    "inspection.signed",
                    2,
                    &[
                        field(1, "by", <UserId as ::synckit::wire::Field>::SHAPE),
                        field(2, "outcome", <Outcome as ::synckit::wire::Field>::SHAPE),
                        field(3, "at", <Option<u64> as ::synckit::wire::Field>::SHAPE),
                        field(
                            5,
                            "remarks",
                            <Vec<String> as ::synckit::wire::Field>::SHAPE,
                        ),
                        field(6, "pages", <u32 as ::synckit::wire::Field>::SHAPE)
                            .or_default(),
                    ],
                )
                .locked(
                    ::synckit::wire::Lineage::of("inspections", 1)
                        .locked()
                        .reserved(&["4 place"]),
                ),
        ]
    };
    fn kind(&self) -> usize {
        0
    }
    fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
        <UserId as ::synckit::wire::Field>::write_field(&self.by, 1, out);
        <Outcome as ::synckit::wire::Field>::write_field(&self.outcome, 2, out);
        <Option<u64> as ::synckit::wire::Field>::write_field(&self.at, 3, out);
        <Vec<String> as ::synckit::wire::Field>::write_field(&self.remarks, 5, out);
        <u32 as ::synckit::wire::Field>::write_field(&self.pages, 6, out);
    }
    fn read_payload(
        kind: usize,
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        if kind != 0 {
            return ::core::result::Result::Err(::synckit::wire::WireError::Invalid {
                expected: "kind of Signed",
            });
        }
        ::core::result::Result::Ok(Self {
            by: <UserId as ::synckit::wire::Field>::read_field(1, input)?,
            outcome: <Outcome as ::synckit::wire::Field>::read_field(2, input)?,
            at: <Option<u64> as ::synckit::wire::Field>::read_field(3, input)?,
            remarks: <Vec<String> as ::synckit::wire::Field>::read_field(5, input)?,
            pages: input.field_or_default::<u32>(6)?,
        })
    }
}
const _: &[u8] = ::core::include_bytes!(
    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"),
    "/schemas/event.inspection.signed.lock")
);
const _: () = ::synckit::schema::is_locked(
    <Outcome as ::synckit::wire::Field>::SHAPE,
    "Outcome@1#00000000000000bb",
    "outcome",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <UserId as ::synckit::wire::Field>::SHAPE,
    "UserId@1#00000000000000aa",
    "by",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <Option<u64> as ::synckit::wire::Field>::SHAPE,
    "optional u64",
    "at",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <u32 as ::synckit::wire::Field>::SHAPE,
    "u32",
    "pages",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <Vec<String> as ::synckit::wire::Field>::SHAPE,
    "list string",
    "remarks",
    "inspection.signed",
    2,
);
