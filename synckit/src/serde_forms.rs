//! Forms of serde: identifiers and cursors as they are printed, and policies as they are read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::aggregate::{Aggregate, Id};
use crate::id::{AggregateId, Key, ReplicaId};
use crate::merge::SequenceCursor;
use crate::policy::{Policy, PolicyRule, Verdict};

fn read<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
    String::deserialize(input)?.parse().map_err(D::Error::custom)
}

macro_rules! as_printed {
    ($(($($bound:tt)*) $id:ty),*) => {$(
        impl<$($bound)*> Serialize for $id {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de, $($bound)*> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                read(input)
            }
        }
    )*};
}
as_printed!(() Key, () AggregateId, (A: Aggregate) Id<A>, () SequenceCursor);

/// A policy in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyForm {
    name: String,
    revision: u32,
    #[serde(default)]
    otherwise: Verdict,
    #[serde(default)]
    rules: Vec<RuleForm>,
}

/// A rule in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    name: String,
    kind: Option<String>,
    key_prefix: Option<String>,
    field: Option<String>,
    event: Option<String>,
    author: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    verdict: Verdict,
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        const NAMES: [&str; 5] = ["accept", "reject", "last", "first", "leave"];
        let text = String::deserialize(input)?;
        let verdict = NAMES.iter().position(|name| *name == text).map(|place| Self::ALL[place]);
        verdict.ok_or_else(|| D::Error::unknown_variant(&text, &NAMES))
    }
}

impl RuleForm {
    fn rule<E: Error>(self) -> Result<PolicyRule, E> {
        let mut rule = PolicyRule::new(self.name, self.verdict);
        if let Some(kind) = self.kind {
            rule = rule.kind(&kind);
        }
        if let Some(prefix) = self.key_prefix {
            rule = rule.keyed(prefix);
        }
        if let Some(field) = self.field {
            rule = rule.field(field);
        }
        if let Some(event) = self.event {
            rule = rule.event(&event);
        }
        if let Some(author) = self.author {
            let id = ReplicaId::from_hex(&author).ok_or_else(|| {
                E::custom(format!("author `{author}` is no replica id of 64 hexadecimal digits"))
            })?;
            rule = rule.author(id);
        }
        for (key, value) in self.metadata {
            rule = rule.metadata(key, value);
        }
        Ok(rule)
    }
}

/// Unknown keys are refused; what the names in it stand for is checked by
/// [`Registry::check`](crate::Registry::check).
impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let form = PolicyForm::deserialize(input)?;
        let policy = Self::new(form.name, form.revision).otherwise(form.otherwise);
        form.rules.into_iter().try_fold(policy, |policy, rule| Ok(policy.rule(rule.rule()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{
        "name": "visits", "revision": 2, "otherwise": "last",
        "rules": [
            {
                "name": "chiefs decide", "kind": "visit", "key_prefix": "north/", "field": "verdict",
                "event": "visit.verdict_set", "author": "AUTHOR", "metadata": {"role": "chief"},
                "verdict": "accept"
            },
            { "name": "all others", "verdict": "reject" }
        ]
    }"#;

    #[test]
    fn a_policy_that_is_read_is_the_one_that_is_built() {
        let author = ReplicaId::from_bytes([0x5a; 32]);
        let built = Policy::new("visits", 2)
            .rule(
                PolicyRule::new("chiefs decide", Verdict::Accept)
                    .kind("visit")
                    .keyed("north/")
                    .field("verdict")
                    .event("visit.verdict_set")
                    .author(author)
                    .metadata("role", "chief"),
            )
            .rule(PolicyRule::new("all others", Verdict::Reject))
            .otherwise(Verdict::Last);
        let text = POLICY.replace("AUTHOR", &author.to_string());
        let read: Policy = serde_json::from_str(&text).unwrap();
        assert_eq!(read.id(), built.id());
    }

    #[test]
    fn a_verdict_is_read_by_its_name() {
        for verdict in Verdict::ALL {
            let text = format!("{verdict:?}").to_lowercase();
            let read = serde_json::from_value::<Verdict>(text.into());
            assert_eq!(read.unwrap(), verdict);
        }
    }

    #[test]
    fn what_a_policy_does_not_know_is_refused_by_name() {
        let text = POLICY.replace("AUTHOR", &"5a".repeat(32));
        for (known, mistaken, refused) in [
            ("\"otherwise\"", "\"otherwize\"", "unknown field `otherwize`"),
            ("\"field\"", "\"feild\"", "unknown field `feild`"),
            ("\"last\"", "\"latest\"", "unknown variant `latest`"),
            ("\"name\": \"all others\",", "", "missing field `name`"),
            (", \"verdict\": \"reject\"", "", "missing field `verdict`"),
            ("\"5a5a", "\"5a", "is no replica id of 64 hexadecimal digits"),
        ] {
            assert!(text.contains(known), "{known}");
            let error = serde_json::from_str::<Policy>(&text.replacen(known, mistaken, 1));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(refused), "{error}");
        }
    }

    #[test]
    fn a_key_is_text_and_text_that_is_no_key_is_refused() {
        let key = Key::new(&[0xff; 16]).unwrap();
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"");
        assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
        let refused = serde_json::from_str::<AggregateId>("\"note\"").unwrap_err();
        assert!(refused.to_string().contains("as it was printed"), "{refused}");
    }

    #[test]
    fn a_cursor_is_text_and_text_that_is_no_cursor_is_refused() {
        let beside = format!("<{}/7/0/3", "5a".repeat(32));
        for printed in [beside.as_str(), "beginning", "end"] {
            let text = format!("{printed:?}");
            let cursor: SequenceCursor = serde_json::from_str(&text).unwrap();
            assert_eq!(cursor.to_string(), printed);
            assert_eq!(serde_json::to_string(&cursor).unwrap(), text);
        }
        for mistaken in ["\"<5a/7/0/3\"", "\"middle\"", "7"] {
            assert!(serde_json::from_str::<SequenceCursor>(mistaken).is_err(), "{mistaken}");
        }
    }
}
