//! Replicas and hubs: what an application sees.

mod replica {
    mod accidents;
    mod admission;
    mod backup;
    mod edits;
    mod enrolment;
    mod files;
    mod filters;
    mod left_alone;
    mod links;
    mod live;
    mod narrowing;
    mod once;
    mod part;
    mod panics;
    mod passed_on;
    mod pending;
    mod policies;
    mod predicates;
    mod pruned;
    mod quotas;
    mod salvaged;
    mod support;
    mod sync;
    mod tracing_through;
}
