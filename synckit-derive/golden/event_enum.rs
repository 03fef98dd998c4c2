#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::SyncEvent for NoteEvent {
    const KINDS: &'static [::synckit::event::EventKind] = {
        use ::synckit::wire::field_schema as field;
        &[
            ::synckit::event::EventKind::new("note.created", 1, &[])
                .locked(::synckit::wire::Lineage::of("inspections", 1)),
            ::synckit::event::EventKind::new(
                    "note.renamed",
                    3,
                    &[field(1, "value", <String as ::synckit::wire::Coded>::CODED)],
                )
                .locked(::synckit::wire::Lineage::of("inspections", 3)),
            ::synckit::event::EventKind::new(
                    "note.tagged",
                    1,
                    &[
                        field(1, "tag", <String as ::synckit::wire::Coded>::CODED),
                        field(2, "by", <UserId as ::synckit::wire::Coded>::CODED),
                    ],
                )
                .commuting()
                .locked(::synckit::wire::Lineage::of("inspections", 1)),
            ::synckit::event::only(<Signed as ::synckit::event::SyncEvent>::KINDS),
        ]
    };
    fn kind(&self) -> usize {
        match self {
            Self::Created { .. } => 0,
            Self::TitleSet { .. } => 1,
            Self::Tagged { .. } => 2,
            Self::Signed { .. } => 3,
        }
    }
    fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
        match self {
            Self::Created {} => {}
            Self::TitleSet { 0: field_1 } => {
                <String as ::synckit::wire::Coded>::write_coded(field_1, 1, out);
            }
            Self::Tagged { tag: field_1, by: field_2 } => {
                <String as ::synckit::wire::Coded>::write_coded(field_1, 1, out);
                <UserId as ::synckit::wire::Coded>::write_coded(field_2, 2, out);
            }
            Self::Signed(event) => {
                <Signed as ::synckit::event::SyncEvent>::write_payload(event, out)
            }
        }
    }
    fn read_payload(
        kind: usize,
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        match kind {
            0 => ::core::result::Result::Ok(Self::Created {}),
            1 => {
                <String as ::synckit::wire::Coded>::read_coded(1, input)
                    .map(Self::TitleSet)
            }
            2 => {
                ::core::result::Result::Ok(Self::Tagged {
                    tag: <String as ::synckit::wire::Coded>::read_coded(1, input)?,
                    by: <UserId as ::synckit::wire::Coded>::read_coded(2, input)?,
                })
            }
            3 => {
                <Signed as ::synckit::event::SyncEvent>::read_payload(0, input)
                    .map(Self::Signed)
            }
            _ => ::synckit::event::no_such_kind("kind of NoteEvent"),
        }
    }
    fn read_older(
        kind: usize,
        event: &::synckit::event::EventRef,
        payload: &[u8],
    ) -> ::core::option::Option<
        ::core::result::Result<Self, ::synckit::event::DecodeError>,
    > {
        match kind {
            3 => {
                <Signed as ::synckit::event::SyncEvent>::read_older(0, event, payload)
                    .map(|read| read.map(Self::Signed))
            }
            _ => ::core::option::Option::None,
        }
    }
}
const _: &[::synckit::event::EventKind] = <NoteEvent as ::synckit::event::SyncEvent>::KINDS;
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
