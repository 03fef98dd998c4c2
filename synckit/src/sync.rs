//! The conversation by which two stores come to hold the same events.
//!
//! A [`Session`] decides and does nothing else: no async, no clock, no randomness, no I/O. Whoever
//! drives it says what happened ([`Session::handle`]) and carries out what it asks for
//! ([`Session::poll`]). Both sides are the same type.
//!
//! ```text
//!   initiator                                   acceptor
//!   Hello   who I am, which space         ──►
//!                                         ◄──   Hello, Start
//!   Start   proof of my key,              ──►
//!           where to resume in your log
//!   Events  my log from there on          ◄─►   Events
//!   Ack     committed up to here          ◄─►   Ack
//!   Goodbye                               ◄─►   Goodbye
//! ```
//!
//! - *Persist, then acknowledge*: events are acknowledged after they and the cursor that stands
//!   behind them have been committed in one transaction.
//! - Each side sends its own log in log order, so what arrives is causally ordered.
//! - A session costs what there is to send: with a cursor that still holds, nothing depends on the
//!   length of a log or on the number of replicas.

pub mod backoff;
mod bridges;
mod flow;
pub mod frame;
pub mod limits;
mod marks;
mod receiver;
mod sender;
pub mod session;
mod violation;

pub use backoff::Backoff;
pub use bridges::{LineEnd, TraceLines, Traced, TracedLine};
pub use frame::Frame;
pub use session::{
    Admittance, Config, Direction, Effect, HeldPart, Input, Now, Progress, Recollection, Role,
    Session, Until,
};
pub use violation::{Denial, PeerLimit, SessionError, Violation};
