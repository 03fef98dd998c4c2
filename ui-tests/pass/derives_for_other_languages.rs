//! Derives of utoipa and ts-rs above and below ours.
#![deny(warnings)]
#![allow(dead_code)]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue, sync_aggregate};
use ts_rs::TS;
use utoipa::ToSchema;

#[derive(ToSchema, TS, SyncEvent, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schema(title = "A signature")]
#[ts(rename = "Signature")]
#[event(name = "others.signed")]
struct Signed {
    #[schema(example = "ada")]
    #[field(4)]
    #[ts(optional = false)]
    by: String,
    #[ts(optional)]
    #[schema(minimum = 1)]
    at: Option<u64>,
    level: Level,
}

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[derive(TS, ToSchema, Serialize, Deserialize)]
#[value(name = "others.Level")]
enum Level {
    #[default]
    #[schema(rename = "l")]
    Low,
    #[value(3)]
    #[ts(rename = "hi")]
    High,
}

#[derive(Serialize, Deserialize, TS, SyncValue, ToSchema, Clone, Debug, PartialEq)]
enum Fault {
    Hot { #[field(2)] #[schema(maximum = 9)] degrees: i64 },
    #[value(5)]
    Unknown,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[sync_aggregate(name = "others")]
#[derive(Clone, Debug, PartialEq, TS)]
struct Inspection {
    #[merge(lww)]
    #[schema(example = "Boiler")]
    title: String,
    #[ts(skip)]
    #[merge(max)]
    level: Level,
    #[merge(set)]
    tags: BTreeSet<String>,
}

fn main() {
    let signed = Signed { by: "ada".into(), at: Some(3), level: Level::High };
    let encoded = encode(&signed).unwrap();
    assert_eq!(decode(&encoded.event, &encoded.payload), Ok(signed));
    assert_eq!(<Signed as utoipa::ToSchema>::name(), "Signed");
    let config = ts_rs::Config::default();
    assert!(<Signed as TS>::decl(&config).contains("Signature"));
    assert!(<Inspection as TS>::decl(&config).contains("title: string"));
}
