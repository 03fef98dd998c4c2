#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::SyncEvent for NoteEvent {
    const KINDS: &'static [::synckit::event::EventKind] = {
        const fn field(
            number: u32,
            name: &'static str,
            shape: ::synckit::wire::Shape,
        ) -> ::synckit::event::FieldSchema {
            ::synckit::event::FieldSchema {
                number,
                name,
                shape,
            }
        }
        &[
            ::synckit::event::EventKind {
                name: "note.created",
                version: 2,
                min_reader: 2,
                commutes: false,
                fields: &[],
            },
            ::synckit::event::EventKind {
                name: "note.renamed",
                version: 3,
                min_reader: 3,
                commutes: false,
                fields: &[field(1, "value", <String as ::synckit::wire::Field>::SHAPE)],
            },
            ::synckit::event::EventKind {
                name: "note.tagged",
                version: 2,
                min_reader: 2,
                commutes: true,
                fields: &[
                    field(1, "tag", <String as ::synckit::wire::Field>::SHAPE),
                    field(2, "by", <UserId as ::synckit::wire::Field>::SHAPE),
                ],
            },
            match <Signed as ::synckit::event::SyncEvent>::KINDS {
                [kind] => *kind,
                _ => {
                    ::core::panic!(
                        "{}",
                        "a flattened variant wraps an event of one kind; wrap a struct, not an enum"
                    )
                }
            },
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
                <String as ::synckit::wire::Field>::write_field(field_1, 1, out);
            }
            Self::Tagged { tag: field_1, by: field_2 } => {
                <String as ::synckit::wire::Field>::write_field(field_1, 1, out);
                <UserId as ::synckit::wire::Field>::write_field(field_2, 2, out);
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
                ::core::result::Result::Ok(Self::TitleSet {
                    0: <String as ::synckit::wire::Field>::read_field(1, input)?,
                })
            }
            2 => {
                ::core::result::Result::Ok(Self::Tagged {
                    tag: <String as ::synckit::wire::Field>::read_field(1, input)?,
                    by: <UserId as ::synckit::wire::Field>::read_field(2, input)?,
                })
            }
            3 => {
                <Signed as ::synckit::event::SyncEvent>::read_payload(0, input)
                    .map(Self::Signed)
            }
            _ => {
                ::core::result::Result::Err(::synckit::wire::WireError::Invalid {
                    expected: "kind of NoteEvent",
                })
            }
        }
    }
}
const _: &[::synckit::event::EventKind] = <NoteEvent as ::synckit::event::SyncEvent>::KINDS;
