//! Derives of other crates above and below ours, with their helper attributes.
#![deny(warnings)]
#![allow(dead_code)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoEnumIterator as _};
use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue, sync_aggregate};

#[derive(Serialize, Deserialize, JsonSchema, SyncEvent, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[event(name = "others.signed")]
struct Signed {
    #[serde(rename = "who")]
    #[field(4)]
    #[schemars(length(min = 1))]
    by: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    at: Option<u64>,
}

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[derive(Display, EnumString, EnumIter, Serialize, Deserialize, JsonSchema)]
#[strum(serialize_all = "snake_case")]
#[value(name = "others.Level")]
enum Level {
    #[default]
    #[strum(serialize = "l")]
    Low,
    #[value(3)]
    #[serde(alias = "hi")]
    High,
}

#[derive(thiserror::Error, SyncValue, Clone, Debug, PartialEq)]
enum Fault {
    #[error("too hot: {degrees}")]
    Hot { degrees: i64 },
    #[error("unknown")]
    #[value(5)]
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[sync_aggregate(name = "others")]
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inspection {
    #[serde(default)]
    #[merge(lww)]
    title: String,
    #[merge(max)]
    #[schemars(skip)]
    level: Level,
}

fn main() {
    let signed = Signed { by: "ada".into(), at: Some(3) };
    let encoded = encode(&signed).unwrap();
    assert_eq!(decode(&encoded.event, &encoded.payload), Ok(signed.clone()));
    assert_eq!(serde_json::to_string(&signed).unwrap(), r#"{"who":"ada","at":3}"#);
    assert_eq!(Level::Low.to_string(), "l");
    assert_eq!(Level::iter().count(), 2);
    assert_eq!(Fault::Hot { degrees: 99 }.to_string(), "too hot: 99");
    assert!(schemars::schema_for!(Signed).get("properties").is_some());
}
