::core::compile_error! {
    "field `by` cannot have number 0: numbers go from 1 to 536870911; give it another #[field(…)]"
}
::core::compile_error! {
    "a name has a-z, 0-9, `_`, `.` and `-`, this has `S`; write \"signed\""
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
