//! The session, told as stories of two peers, and as a simulated world of many.

pub(crate) mod ledger;
mod planted;
mod seat;
mod simulation;
mod world;
