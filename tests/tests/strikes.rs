//! The example `strikes`, run as the program that it is: on real reports, on broken ones, and
//! through crashes.

// Marked so that clippy takes the helpers for what they are, too.
#[cfg(test)]
mod strikes {
    mod again;
    mod crash;
    mod fold;
    mod program;
    mod rows;
    mod totals;
    mod unhappy;
}
