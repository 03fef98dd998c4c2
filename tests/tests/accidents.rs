//! Accidents that every fleet has, with real files and hubs: backups restored, devices cloned,
//! hubs lost, clocks wrong, peers that lie. Nobody puts anything right by hand, and everything that
//! was ever acknowledged is there once, everywhere.

// Marked so that clippy takes the helpers for what they are, too.
#[cfg(test)]
mod accidents {
    mod clocks;
    mod copies;
    mod damage;
    mod each_row;
    mod forgers;
    mod hubs;
    mod killed;
    mod many;
    mod noticed;
    mod pasts;
    mod processes;
    mod restores;
    mod rulings;
    mod station;
    mod support;
    mod writer;
}
