::core::compile_error! {
    "invalid number 0 of field `by`: numbers go from 1 to 536870911; give it another #[field(…)]"
}
::core::compile_error! {
    "unexpected character `S` in a name, expected a-z, 0-9, `_`, `.` or `-`; write \"signed\""
}
#[automatically_derived]
impl ::synckit::event::SyncEvent for Signed {
    const KINDS: &'static [::synckit::event::EventKind] = &[
        ::synckit::event::EventKind::new("", 1, &[]),
    ];
    fn kind(&self) -> usize {
        0
    }
    fn write_payload(&self, _: &mut ::synckit::wire::Writer) {}
    fn read_payload(
        _: usize,
        _: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        ::core::result::Result::Err(::synckit::wire::WireError::Invalid {
            expected: "type",
        })
    }
}
