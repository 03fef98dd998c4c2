//! Replicas and hubs: what an application sees.

mod replica {
    mod office;
    mod sync;
}
