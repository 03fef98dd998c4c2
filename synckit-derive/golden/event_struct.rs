#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::SyncEvent for Signed {
    const KINDS: &'static [::synckit::event::EventKind] = {
        use ::synckit::wire::field_schema as field;
        &[
            ::synckit::event::EventKind::new(
                    "inspection.signed",
                    1,
                    &[
                        field(1, "by", <UserId as ::synckit::wire::Coded>::CODED),
                        field(2, "outcome", <Outcome as ::synckit::wire::Coded>::CODED),
                        field(3, "at", <Option<u64> as ::synckit::wire::Coded>::CODED),
                        field(
                            4,
                            "remarks",
                            <Vec<String> as ::synckit::wire::Coded>::CODED,
                        ),
                        field(
                            7,
                            "pages",
                            <BTreeSet<u32> as ::synckit::wire::Coded>::CODED,
                        ),
                    ],
                )
                .locked(::synckit::wire::Lineage::of("inspections", 1)),
        ]
    };
    fn kind(&self) -> usize {
        0
    }
    fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
        <UserId as ::synckit::wire::Coded>::write_coded(&self.by, 1, out);
        <Outcome as ::synckit::wire::Coded>::write_coded(&self.outcome, 2, out);
        <Option<u64> as ::synckit::wire::Coded>::write_coded(&self.at, 3, out);
        <Vec<String> as ::synckit::wire::Coded>::write_coded(&self.remarks, 4, out);
        <BTreeSet<u32> as ::synckit::wire::Coded>::write_coded(&self.pages, 7, out);
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
            remarks: <Vec<String> as ::synckit::wire::Coded>::read_coded(4, input)?,
            pages: <BTreeSet<u32> as ::synckit::wire::Coded>::read_coded(7, input)?,
        })
    }
}
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
