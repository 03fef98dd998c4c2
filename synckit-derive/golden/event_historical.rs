#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::PastEvent for SignedV1 {
    const KIND: ::synckit::event::EventKind = {
        use ::synckit::wire::field_schema as field;
        ::synckit::event::EventKind::new(
                "inspection.signed",
                1,
                &[
                    field(1, "by", <UserId as ::synckit::wire::Coded>::CODED),
                    field(2, "place", <String as ::synckit::wire::Coded>::CODED),
                ],
            )
            .locked(::synckit::wire::Lineage::of("inspections", 1).locked())
    };
    fn read_payload(
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        ::core::result::Result::Ok(Self {
            by: <UserId as ::synckit::wire::Coded>::read_coded(1, input)?,
            place: <String as ::synckit::wire::Coded>::read_coded(2, input)?,
        })
    }
}
const _: &[u8] = ::core::include_bytes!(
    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"),
    "/schemas/event.inspection.signed.lock")
);
const _: () = if !::synckit::schema::is_renamed::<UserId>("UserId@1#00000000000000aa") {
    ::synckit::schema::reads(
        <UserId as ::synckit::wire::Coded>::CODED,
        "UserId@1#00000000000000aa",
        "by",
        "inspection.signed",
        1,
    )
};
const _: () = ::synckit::schema::reads(
    <String as ::synckit::wire::Coded>::CODED,
    "string",
    "place",
    "inspection.signed",
    1,
);
