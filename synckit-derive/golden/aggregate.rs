#[derive(Clone, Debug)]
pub struct Inspection {
    pub title: String,
    pub severity: Severity,
    pub visits: i64,
    pub tags: BTreeSet<String>,
}
/// What can happen to [`Inspection`].
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(private_interfaces)]
pub enum InspectionEvent {
    /// The aggregate exists.
    Created,
    /// `title` was set.
    TitleSet(String),
    /// `severity` was raised to at least this.
    SeverityRaised(
        <<[Severity; InspectionState::SEVERITY_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::ExtremeField>::Value,
    ),
    /// An amount was added to `visits`.
    VisitsAdded(i64),
    /// An element was put into `tags`.
    TagsInserted(
        <<[BTreeSet<
            String,
        >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::SetField>::Element,
    ),
    /// An element was taken out of `tags`.
    TagsRemoved(
        <<[BTreeSet<
            String,
        >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::SetField>::Element,
    ),
    /// A domain event: `Signed`.
    Signed(Signed),
}
#[automatically_derived]
#[allow(deprecated)]
impl ::synckit::event::SyncEvent for InspectionEvent {
    const KINDS: &'static [::synckit::event::EventKind] = {
        use ::synckit::wire::field_schema as field;
        &[
            ::synckit::event::EventKind::new("inspection.created", 2, &[]).commuting(),
            ::synckit::event::EventKind::new(
                "inspection.title_set",
                2,
                &[
                    field(
                        1,
                        "value",
                        <<[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::SHAPE,
                    ),
                ],
            ),
            ::synckit::event::EventKind::new(
                    "inspection.severity_raised",
                    2,
                    &[
                        field(
                            1,
                            "value",
                            <<<[Severity; InspectionState::SEVERITY_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::ExtremeField>::Value as ::synckit::wire::Field>::SHAPE,
                        ),
                    ],
                )
                .commuting(),
            ::synckit::event::EventKind::new(
                    "inspection.visits_added",
                    2,
                    &[field(1, "value", <i64 as ::synckit::wire::Field>::SHAPE)],
                )
                .commuting(),
            ::synckit::event::EventKind::new(
                    "inspection.tags_inserted",
                    2,
                    &[
                        field(
                            1,
                            "value",
                            <<<[BTreeSet<
                                String,
                            >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::SetField>::Element as ::synckit::wire::Field>::SHAPE,
                        ),
                    ],
                )
                .commuting(),
            ::synckit::event::EventKind::new(
                "inspection.tags_removed",
                2,
                &[
                    field(
                        1,
                        "value",
                        <<<[BTreeSet<
                            String,
                        >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::merge::SetField>::Element as ::synckit::wire::Field>::SHAPE,
                    ),
                ],
            ),
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
            Self::SeverityRaised { .. } => 2,
            Self::VisitsAdded { .. } => 3,
            Self::TagsInserted { .. } => 4,
            Self::TagsRemoved { .. } => 5,
            Self::Signed { .. } => 6,
        }
    }
    fn write_payload(&self, out: &mut ::synckit::wire::Writer) {
        match self {
            Self::Created {} => {}
            Self::TitleSet { 0: field_1 } => {
                <<[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::write_field(
                    field_1,
                    1,
                    out,
                );
            }
            Self::SeverityRaised { 0: field_1 } => {
                ::synckit::wire::Field::write_field(field_1, 1, out);
            }
            Self::VisitsAdded { 0: field_1 } => {
                ::synckit::wire::Field::write_field(field_1, 1, out);
            }
            Self::TagsInserted { 0: field_1 } => {
                ::synckit::wire::Field::write_field(field_1, 1, out);
            }
            Self::TagsRemoved { 0: field_1 } => {
                ::synckit::wire::Field::write_field(field_1, 1, out);
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
                    0: <<[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::read_field(
                        1,
                        input,
                    )?,
                })
            }
            2 => {
                ::core::result::Result::Ok(Self::SeverityRaised {
                    0: ::synckit::wire::Field::read_field(1, input)?,
                })
            }
            3 => {
                ::core::result::Result::Ok(Self::VisitsAdded {
                    0: ::synckit::wire::Field::read_field(1, input)?,
                })
            }
            4 => {
                ::core::result::Result::Ok(Self::TagsInserted {
                    0: ::synckit::wire::Field::read_field(1, input)?,
                })
            }
            5 => {
                ::core::result::Result::Ok(Self::TagsRemoved {
                    0: ::synckit::wire::Field::read_field(1, input)?,
                })
            }
            6 => {
                <Signed as ::synckit::event::SyncEvent>::read_payload(0, input)
                    .map(Self::Signed)
            }
            _ => {
                ::core::result::Result::Err(::synckit::wire::WireError::Invalid {
                    expected: "kind of InspectionEvent",
                })
            }
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
            6 => {
                <Signed as ::synckit::event::SyncEvent>::read_older(0, event, payload)
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
/// The mergeable state behind [`Inspection`].
#[derive(
    ::core::clone::Clone,
    ::core::fmt::Debug,
    ::core::default::Default,
    ::core::cmp::PartialEq,
)]
pub struct InspectionState {
    title: ::synckit::merge::Lww<
        <[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item,
    >,
    severity: ::synckit::merge::Max<
        <[Severity; InspectionState::SEVERITY_FITS] as ::core::iter::IntoIterator>::Item,
    >,
    visits: ::synckit::merge::Counter<
        <[i64; InspectionState::VISITS_FITS] as ::core::iter::IntoIterator>::Item,
    >,
    tags: ::synckit::merge::AddWinsSet<
        <[BTreeSet<
            String,
        >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item,
    >,
}
#[automatically_derived]
impl ::synckit::wire::Message for InspectionState {
    fn write_fields(&self, out: &mut ::synckit::wire::Writer) {
        ::synckit::merge::MergeState::write_field(&self.title, 1, out);
        ::synckit::merge::MergeState::write_field(&self.severity, 2, out);
        ::synckit::merge::MergeState::write_field(&self.visits, 3, out);
        ::synckit::merge::MergeState::write_field(&self.tags, 4, out);
    }
    fn read_fields(
        input: &mut ::synckit::wire::Reader<'_>,
    ) -> ::core::result::Result<Self, ::synckit::wire::WireError> {
        ::core::result::Result::Ok(Self {
            title: ::synckit::merge::MergeState::read_field(1, input)?,
            severity: ::synckit::merge::MergeState::read_field(2, input)?,
            visits: ::synckit::merge::MergeState::read_field(3, input)?,
            tags: ::synckit::merge::MergeState::read_field(4, input)?,
        })
    }
}
#[automatically_derived]
impl ::synckit::aggregate::AggregateState for InspectionState {
    type Event = InspectionEvent;
    fn apply(
        &mut self,
        event: &InspectionEvent,
        at: &::synckit::vector::Stamp<'_>,
        conflicts: &mut ::synckit::conflict::Conflicts<'_>,
    ) {
        match event {
            InspectionEvent::Created => {}
            InspectionEvent::TitleSet(value) => {
                self.title.set("title", value, at, conflicts)
            }
            InspectionEvent::SeverityRaised(value) => self.severity.raise(value),
            InspectionEvent::VisitsAdded(value) => self.visits.add(value),
            InspectionEvent::TagsInserted(value) => self.tags.insert(value, at),
            InspectionEvent::TagsRemoved(value) => self.tags.remove(value, at),
            InspectionEvent::Signed(event) => {
                ::synckit::aggregate::apply_lowered::<
                    Inspection,
                    <[Signed; <Signed as ::synckit::event::SyncEvent>::KINDS
                        .len()] as ::core::iter::IntoIterator>::Item,
                >(self, event, at, conflicts)
            }
        }
    }
}
/// What an edit can do to the fields of [`Inspection`].
#[derive(::core::fmt::Debug)]
#[allow(private_interfaces)]
pub struct InspectionOps<'a> {
    /// Edits `title`.
    pub title: ::synckit::merge::LwwOps<
        'a,
        InspectionEvent,
        <[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item,
    >,
    /// Edits `severity`.
    pub severity: ::synckit::merge::MaxOps<
        'a,
        InspectionEvent,
        <[Severity; InspectionState::SEVERITY_FITS] as ::core::iter::IntoIterator>::Item,
    >,
    /// Edits `visits`.
    pub visits: ::synckit::merge::CounterOps<'a, InspectionEvent>,
    /// Edits `tags`.
    pub tags: ::synckit::merge::SetOps<
        'a,
        InspectionEvent,
        <[BTreeSet<
            String,
        >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item,
    >,
}
impl InspectionState {
    const TITLE_FITS: usize = {
        const fn fits<F: ::synckit::merge::LwwField>() -> usize {
            1
        }
        fits::<String>()
    };
    const SEVERITY_FITS: usize = {
        const fn fits<F: ::synckit::merge::ExtremeField>() -> usize {
            1
        }
        fits::<Severity>()
    };
    const VISITS_FITS: usize = {
        const fn fits<F: ::synckit::merge::CounterField>() -> usize {
            1
        }
        fits::<i64>()
    };
    const TAGS_FITS: usize = {
        const fn fits<F: ::synckit::merge::SetField>() -> usize {
            1
        }
        fits::<BTreeSet<String>>()
    };
}
#[automatically_derived]
impl ::synckit::aggregate::Aggregate for Inspection {
    const NAME: &'static str = "inspection";
    const VERSION: u32 = 2;
    const RULES: &'static [::synckit::aggregate::FieldRule] = &[
        ::synckit::aggregate::FieldRule::new(
            1,
            "title",
            "lww",
            <<[String; InspectionState::TITLE_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::SHAPE,
        ),
        ::synckit::aggregate::FieldRule::new(
            2,
            "severity",
            "max",
            <<[Severity; InspectionState::SEVERITY_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::SHAPE,
        ),
        ::synckit::aggregate::FieldRule::new(
            3,
            "visits",
            "counter",
            <<[i64; InspectionState::VISITS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::SHAPE,
        ),
        ::synckit::aggregate::FieldRule::new(
            4,
            "tags",
            "set",
            <<[BTreeSet<
                String,
            >; InspectionState::TAGS_FITS] as ::core::iter::IntoIterator>::Item as ::synckit::wire::Field>::SHAPE,
        ),
    ];
    const LINEAGE: ::synckit::wire::Lineage = ::synckit::wire::Lineage::of(
        "inspections",
        2,
    );
    type Event = InspectionEvent;
    type State = InspectionState;
    type Ops<'a> = InspectionOps<'a>;
    fn created() -> InspectionEvent {
        InspectionEvent::Created
    }
    fn ops(recorder: &::synckit::event::Recorder<InspectionEvent>) -> InspectionOps<'_> {
        InspectionOps {
            title: ::synckit::merge::LwwOps::new(recorder, InspectionEvent::TitleSet),
            severity: ::synckit::merge::MaxOps::new(
                recorder,
                InspectionEvent::SeverityRaised,
            ),
            visits: ::synckit::merge::CounterOps::new(
                recorder,
                InspectionEvent::VisitsAdded,
            ),
            tags: ::synckit::merge::SetOps::new(
                recorder,
                InspectionEvent::TagsInserted,
                InspectionEvent::TagsRemoved,
            ),
        }
    }
    fn create(&self, ops: &mut InspectionOps<'_>) {
        ops.title.create(&self.title);
        ops.severity.create(&self.severity);
        ops.visits
            .create::<
                <[i64; InspectionState::VISITS_FITS] as ::core::iter::IntoIterator>::Item,
            >(&self.visits);
        ops.tags.create(&self.tags);
    }
    fn from_state(state: &InspectionState) -> Self {
        Self {
            title: state.title.value(),
            severity: state.severity.value(),
            visits: state.visits.value(),
            tags: state.tags.value(),
        }
    }
}
const _: [::core::option::Option<&str>; 2] = [
    ::core::option_env!("SYNCKIT_LOCKED"),
    ::core::option_env!("SYNCKIT_BLESS"),
];
