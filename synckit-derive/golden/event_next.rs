const _: () = {
    #[allow(deprecated)]
    const __WAY: ::synckit::event::Way<SignedV1> = ::synckit::event::way::<
        SignedV1,
    >(
        "inspection.signed",
        &[1],
        2,
        "this does not lead to version 2 of `inspection.signed`: the type that is converted is a historical `inspection.signed` of version 1",
    );
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
                            field(2, "place", <Place as ::synckit::wire::Coded>::CODED),
                        ],
                    )
                    .locked(
                        ::synckit::wire::Lineage::of("inspections", 2)
                            .follows(
                                1,
                                &[("1", "UserId@1#00000000000000aa"), ("2", "string")],
                            ),
                    )
                    .converting(__WAY.past(), "placed", 0),
            ]
        };
        fn kind(&self) -> usize {
            0
        }
        fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
            <UserId as ::synckit::wire::Coded>::write_coded(&self.by, 1, out);
            <Place as ::synckit::wire::Coded>::write_coded(&self.place, 2, out);
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
                place: <Place as ::synckit::wire::Coded>::read_coded(2, input)?,
            })
        }
        fn read_older(
            _: usize,
            event: &::synckit::event::EventRef,
            payload: &[u8],
        ) -> ::core::option::Option<
            ::core::result::Result<Self, ::synckit::event::DecodeError>,
        > {
            __WAY.upcast::<Self, _>(event, payload, placed)
        }
    }
    const _: &[u8] = ::core::include_bytes!(
        ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"),
        "/schemas/event.inspection.signed.lock")
    );
    const _: [::core::option::Option<&str>; 2] = [
        ::core::option_env!("SYNCKIT_LOCKED"),
        ::core::option_env!("SYNCKIT_BLESS"),
    ];
};
