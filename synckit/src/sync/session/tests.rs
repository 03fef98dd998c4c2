//! The session, told as stories of two peers, and as a simulated world of many.

mod ending;
mod filters;
mod flow;
mod handshake;
pub(crate) mod ledger;
mod meeting;
mod missing;
mod planted;
mod resume;
mod seat;
mod simulation;
mod stories;
mod trust;
mod types;
mod world;
