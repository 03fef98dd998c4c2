//! Programs of three versions over one history: what is too new waits for the upgrade, and nothing
//! is lost on the way there. The versions are those of `examples/evolve`.

mod upgrade {
    mod histories;
    mod laws;
    mod office;
    mod parking;
    mod rolling;
    mod survival;
}
