//! Replicas and hubs: what an application sees.

mod replica {
    mod edits;
    mod files;
    mod live;
    mod office;
    mod sync;
}
