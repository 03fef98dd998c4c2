//! The additions of locks to the expansion need no prelude either.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

use ::std::string::String;

struct Option;
struct Result;
struct Vec;
trait Default {}
trait From {}

#[derive(::synckit::SyncEvent, ::std::clone::Clone, ::std::fmt::Debug)]
#[event(name = "trip.signed", historical)]
struct SignedV1 {
    by: String,
}

#[derive(::synckit::SyncEvent, ::std::clone::Clone, ::std::fmt::Debug)]
#[event(name = "trip.signed", version = 2, lock = required)]
#[upcast(from = SignedV1, with = convert)]
struct Signed {
    by: u32,
}

fn convert(_: SignedV1) -> ::std::result::Result<Signed, ::synckit::UpcastError> {
    ::std::result::Result::Err(::synckit::UpcastError::new("unreadable"))
}

#[derive(::synckit::SyncValue, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
enum Weather {
    Fair,
    Foul,
    #[value(other)]
    Unheard(u32),
}

#[derive(::synckit::SyncEvent, ::std::clone::Clone, ::std::fmt::Debug)]
#[event(name = "trip.moved", version = 2)]
struct Moved {
    from: String,
    steps: u16,
    #[field(default, new)]
    days: u32,
}

fn main() {}
