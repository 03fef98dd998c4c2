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
                        field(1, "by", <UserId as ::synckit::wire::Coded>::CODED),
                        field(2, "outcome", <Outcome as ::synckit::wire::Coded>::CODED),
                        field(3, "at", <Option<u64> as ::synckit::wire::Coded>::CODED),
                        field(
                            5,
                            "remarks",
                            <Vec<String> as ::synckit::wire::Coded>::CODED,
                        ),
                        field(6, "pages", <u32 as ::synckit::wire::Coded>::CODED)
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
        <UserId as ::synckit::wire::Coded>::write_coded(&self.by, 1, out);
        <Outcome as ::synckit::wire::Coded>::write_coded(&self.outcome, 2, out);
        <Option<u64> as ::synckit::wire::Coded>::write_coded(&self.at, 3, out);
        <Vec<String> as ::synckit::wire::Coded>::write_coded(&self.remarks, 5, out);
        <u32 as ::synckit::wire::Coded>::write_coded(&self.pages, 6, out);
    }
    fn read_payload(
        kind: usize,
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        if kind != 0 {
            return ::synckit::event::no_such_kind("kind of Signed");
        }
        ::core::result::Result::Ok(Self {
            by: <UserId as ::synckit::wire::Coded>::read_coded(1, input)?,
            outcome: <Outcome as ::synckit::wire::Coded>::read_coded(2, input)?,
            at: <Option<u64> as ::synckit::wire::Coded>::read_coded(3, input)?,
            remarks: <Vec<String> as ::synckit::wire::Coded>::read_coded(5, input)?,
            pages: input.field_or_default::<u32>(6)?,
        })
    }
}
const _: &[u8] = ::core::include_bytes!(
    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"),
    "/schemas/event.inspection.signed.lock")
);
const _: () = if !::synckit::schema::is_renamed::<
    Outcome,
>("Outcome@1#00000000000000bb") {
    ::synckit::schema::is_locked(
        <Outcome as ::synckit::wire::Coded>::CODED,
        "Outcome@1#00000000000000bb",
        "outcome",
        "inspection.signed",
        2,
    )
};
const _: () = if !::synckit::schema::is_renamed::<UserId>("UserId@1#00000000000000aa") {
    ::synckit::schema::is_locked(
        <UserId as ::synckit::wire::Coded>::CODED,
        "UserId@1#00000000000000aa",
        "by",
        "inspection.signed",
        2,
    )
};
const _: () = ::synckit::schema::is_locked(
    <Option<u64> as ::synckit::wire::Coded>::CODED,
    "optional u64",
    "at",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <u32 as ::synckit::wire::Coded>::CODED,
    "u32",
    "pages",
    "inspection.signed",
    2,
);
const _: () = ::synckit::schema::is_locked(
    <Vec<String> as ::synckit::wire::Coded>::CODED,
    "list string",
    "remarks",
    "inspection.signed",
    2,
);
