//! A field may be on its way out without every build saying so.
#![deny(warnings)]

use synckit::{SyncEvent, SyncValue};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed")]
pub struct Signed {
    #[deprecated]
    pub by: String,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub enum Severity {
    Low,
    #[deprecated]
    Severe,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub enum Outline {
    Dot(Signature),
    #[deprecated]
    Line {
        length: u32,
    },
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub struct Signature {
    #[deprecated]
    pub by: String,
}

fn main() {}
