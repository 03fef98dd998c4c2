#[derive(Clone, Debug)]
pub struct Inspection {
    pub title: String,
    pub severity: Severity,
    pub visits: i64,
    pub tags: BTreeSet<String>,
}
/// Events of [`Inspection`].
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(private_interfaces)]
pub enum InspectionEvent {
    /// The aggregate exists; after a deletion, its life of that number begins.
    Created(::synckit::aggregate::LifeNumber),
    /// The aggregate is deleted.
    Deleted,
    /// `title` was set.
    TitleSet(String),
    /// `severity` was raised to at least this.
    SeverityRaised(Severity),
    /// An amount was added to `visits`.
    VisitsAdded(i64),
    /// An element was put into `tags`.
    TagsInserted(String),
    /// An element was taken out of `tags`.
    TagsRemoved(String),
    /// A domain event: `Signed`.
    Signed(Signed),
}
/// The fields of [`Inspection`] in an edit.
#[derive(::core::fmt::Debug)]
#[allow(dead_code, private_interfaces)]
pub struct InspectionOps<'a, M = ::synckit::merge::Writes> {
    /// Edits `title`.
    pub title: ::synckit::merge::Handle<'a, String, ::synckit::merge::Lww, M>,
    /// Edits `severity`.
    pub severity: ::synckit::merge::Handle<'a, Severity, ::synckit::merge::Max, M>,
    /// Edits `visits`.
    pub visits: ::synckit::merge::Handle<'a, i64, ::synckit::merge::Counter, M>,
    /// Edits `tags`.
    pub tags: ::synckit::merge::Handle<'a, BTreeSet<String>, ::synckit::merge::Set, M>,
}
/// The fields of [`Inspection`], by name.
#[derive(
    ::core::clone::Clone,
    ::core::marker::Copy,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::fmt::Debug
)]
#[allow(dead_code, missing_docs)]
pub enum InspectionField {
    Title,
    Severity,
    Visits,
    Tags,
}
const _: () = {
    use ::synckit::aggregate::LifeNumber as __Life;
    use ::synckit::event::SyncEvent as __Event;
    use ::synckit::merge as __merge;
    type __Field = InspectionField;
    const __SEVERITY: usize = __merge::fits_spelt::<
        __merge::Fitting<Severity, { __merge::fits::<Severity, __merge::Max>() }>,
    >();
    type __Severity<T> = __merge::Fitting<T, __SEVERITY>;
    fn __handles<M>(root: &dyn __merge::Root) -> InspectionOps<'_, M> {
        let root = <__merge::Rooted<'_> as ::core::convert::From<_>>::from(root);
        InspectionOps {
            title: __merge::Handle::new(&root, 0),
            severity: __merge::Handle::new(&root, 1),
            visits: __merge::Handle::new(&root, 2),
            tags: __merge::Handle::new(&root, 3),
        }
    }
    #[automatically_derived]
    impl ::synckit::aggregate::Aggregate for Inspection {
        const NAME: &'static str = "inspection";
        const VERSION: u32 = 1;
        const FIELDS: &'static [&'static dyn __merge::AnyField] = &[
            &__merge::field::<String, __merge::Lww>(1, "title"),
            &__merge::field::<__Severity<Severity>, __merge::Max>(2, "severity"),
            &__merge::field::<i64, __merge::Counter>(3, "visits"),
            &__merge::field::<BTreeSet<String>, __merge::Set>(4, "tags"),
        ];
        const LINEAGE: ::synckit::wire::Lineage = ::synckit::wire::Lineage::of(
            "inspections",
            1,
        );
        type Field = __Field;
        const KEYS: &'static [__Field] = &[
            __Field::Title,
            __Field::Severity,
            __Field::Visits,
            __Field::Tags,
        ];
        type Event = InspectionEvent;
        type Ops<'a> = InspectionOps<'a>;
        type Handles<'a> = InspectionOps<'a, __merge::Reads>;
        const CREATED: fn(__Life) -> InspectionEvent = InspectionEvent::Created;
        const DELETED: InspectionEvent = InspectionEvent::Deleted;
        const OPS: fn(&dyn __merge::Root) -> InspectionOps<'_> = __handles;
        const HANDLES: fn(&dyn __merge::Root) -> Self::Handles<'_> = __handles;
        fn event(
            taken: &mut ::synckit::aggregate::Taken<'_>,
        ) -> ::core::option::Option<InspectionEvent> {
            let event = match taken.field() {
                0 => {
                    let __merge::LwwOp::Set(field_1) = taken
                        .op::<String, __merge::Lww>()?;
                    InspectionEvent::TitleSet(field_1)
                }
                1 => {
                    let __merge::MaxOp::Raised(field_1) = taken
                        .op::<__Severity<Severity>, __merge::Max>()?;
                    InspectionEvent::SeverityRaised(field_1)
                }
                2 => {
                    let __merge::CounterOp::Added(field_1) = taken
                        .op::<i64, __merge::Counter>()?;
                    InspectionEvent::VisitsAdded(field_1)
                }
                3 => {
                    match taken.op::<BTreeSet<String>, __merge::Set>()? {
                        __merge::SetOp::Inserted(field_1) => {
                            InspectionEvent::TagsInserted(field_1)
                        }
                        __merge::SetOp::Removed(field_1) => {
                            InspectionEvent::TagsRemoved(field_1)
                        }
                    }
                }
                _ => return ::core::option::Option::None,
            };
            ::core::option::Option::Some(event)
        }
        fn apply(event: InspectionEvent, fold: &mut ::synckit::aggregate::Fold<'_>) {
            match event {
                InspectionEvent::Created(field_1) => fold.created(field_1),
                InspectionEvent::Deleted => fold.deleted(),
                InspectionEvent::TitleSet(field_1) => {
                    fold.op::<String, __merge::Lww>(0, __merge::LwwOp::Set(field_1))
                }
                InspectionEvent::SeverityRaised(field_1) => {
                    fold.op::<
                            __Severity<Severity>,
                            __merge::Max,
                        >(1, __merge::MaxOp::Raised(field_1))
                }
                InspectionEvent::VisitsAdded(field_1) => {
                    fold.op::<
                            i64,
                            __merge::Counter,
                        >(2, __merge::CounterOp::Added(field_1))
                }
                InspectionEvent::TagsInserted(field_1) => {
                    fold.op::<
                            BTreeSet<String>,
                            __merge::Set,
                        >(3, __merge::SetOp::Inserted(field_1))
                }
                InspectionEvent::TagsRemoved(field_1) => {
                    fold.op::<
                            BTreeSet<String>,
                            __merge::Set,
                        >(3, __merge::SetOp::Removed(field_1))
                }
                InspectionEvent::Signed(event) => {
                    fold.lower::<
                            Inspection,
                            <[Signed; <Signed as __Event>::KINDS
                                .len()] as ::core::iter::IntoIterator>::Item,
                        >(&event)
                }
            }
        }
        fn create(&self, creation: &::synckit::aggregate::Creation<'_>) {
            creation.field::<String, __merge::Lww>(0, &self.title);
            creation.field::<__Severity<Severity>, __merge::Max>(1, &self.severity);
            creation.field::<i64, __merge::Counter>(2, &self.visits);
            creation.field::<BTreeSet<String>, __merge::Set>(3, &self.tags);
        }
        fn from_fields(fields: &::synckit::aggregate::Fields) -> Self {
            Self {
                title: fields.value::<String, __merge::Lww>(0),
                severity: fields.value::<__Severity<Severity>, __merge::Max>(1),
                visits: fields.value::<i64, __merge::Counter>(2),
                tags: fields.value::<BTreeSet<String>, __merge::Set>(3),
            }
        }
    }
    #[automatically_derived]
    #[allow(deprecated)]
    impl ::synckit::event::SyncEvent for InspectionEvent {
        const KINDS: &'static [::synckit::event::EventKind] = {
            use ::synckit::event::kind;
            use ::synckit::wire::field_schema_of as of;
            &[
                kind("inspection.created", 1, &[of::<__Life>(1, "life")]).commuting(),
                ::synckit::event::EventKind::new("inspection.deleted", 1, &[]),
                kind("inspection.title_set", 1, &[of::<String>(1, "value")]),
                kind(
                        "inspection.severity_raised",
                        1,
                        &[of::<__Severity<Severity>>(1, "value")],
                    )
                    .commuting(),
                kind("inspection.visits_added", 1, &[of::<i64>(1, "value")]).commuting(),
                kind("inspection.tags_inserted", 1, &[of::<String>(1, "value")])
                    .commuting(),
                kind("inspection.tags_removed", 1, &[of::<String>(1, "value")]),
                ::synckit::event::only(<Signed as __Event>::KINDS),
            ]
        };
        fn kind(&self) -> usize {
            match self {
                Self::Created { .. } => 0,
                Self::Deleted { .. } => 1,
                Self::TitleSet { .. } => 2,
                Self::SeverityRaised { .. } => 3,
                Self::VisitsAdded { .. } => 4,
                Self::TagsInserted { .. } => 5,
                Self::TagsRemoved { .. } => 6,
                Self::Signed { .. } => 7,
            }
        }
        fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
            match self {
                Self::Created { 0: field_1 } => {
                    ::synckit::wire::Coded::write_coded(field_1, 1, out);
                }
                Self::Deleted {} => {}
                Self::TitleSet { 0: field_1 } => {
                    ::synckit::wire::Coded::write_coded(field_1, 1, out);
                }
                Self::SeverityRaised { 0: field_1 } => {
                    <__Severity<
                        Severity,
                    > as ::synckit::wire::Coded>::write_coded(field_1, 1, out);
                }
                Self::VisitsAdded { 0: field_1 } => {
                    ::synckit::wire::Coded::write_coded(field_1, 1, out);
                }
                Self::TagsInserted { 0: field_1 } => {
                    ::synckit::wire::Coded::write_coded(field_1, 1, out);
                }
                Self::TagsRemoved { 0: field_1 } => {
                    ::synckit::wire::Coded::write_coded(field_1, 1, out);
                }
                Self::Signed(event) => <Signed as __Event>::write_payload(event, out),
            }
        }
        fn read_payload(
            kind: usize,
            input: &mut ::synckit::wire::Reader<'_>,
        ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
            match kind {
                0 => ::synckit::wire::Coded::read_coded(1, input).map(Self::Created),
                1 => ::core::result::Result::Ok(Self::Deleted {}),
                2 => ::synckit::wire::Coded::read_coded(1, input).map(Self::TitleSet),
                3 => {
                    <__Severity<
                        Severity,
                    > as ::synckit::wire::Coded>::read_coded(1, input)
                        .map(Self::SeverityRaised)
                }
                4 => ::synckit::wire::Coded::read_coded(1, input).map(Self::VisitsAdded),
                5 => ::synckit::wire::Coded::read_coded(1, input).map(Self::TagsInserted),
                6 => ::synckit::wire::Coded::read_coded(1, input).map(Self::TagsRemoved),
                7 => <Signed as __Event>::read_payload(0, input).map(Self::Signed),
                _ => ::synckit::event::no_such_kind("kind of InspectionEvent"),
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
                7 => {
                    <Signed as __Event>::read_older(0, event, payload)
                        .map(|read| read.map(Self::Signed))
                }
                _ => ::core::option::Option::None,
            }
        }
    }
    const _: &[::synckit::event::EventKind] = <InspectionEvent as ::synckit::event::SyncEvent>::KINDS;
    #[automatically_derived]
    impl ::core::convert::From<Signed> for InspectionEvent {
        fn from(event: Signed) -> Self {
            Self::Signed(event)
        }
    }
    const _: [::core::option::Option<&str>; 2] = [
        ::core::option_env!("SYNCKIT_LOCKED"),
        ::core::option_env!("SYNCKIT_BLESS"),
    ];
};
