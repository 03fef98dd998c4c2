//! Edits of the fields of an aggregate, rule by rule, as source.

use std::fmt::Write as _;

use super::program::Merged;

/// A struct that is merged field by field.
pub(crate) const PAGE: &str = "\
#[derive(synckit::SyncMerge, Clone, Debug, Default, PartialEq)]
pub struct Page {
    #[merge(text)] pub words: String,
    #[merge(list)] pub lines: Vec<String>,
}
impl Show for Page {
    fn show(&self, at: &str, out: &mut Shown) {
        self.words.show(&format!(\"{at}.words\"), out);
        self.lines.show(&format!(\"{at}.lines\"), out);
    }
    fn sample(_: usize) -> Self { unreachable!() }
}
";

impl Merged {
    /// Writes the part of an edit that is about the field.
    pub(crate) fn edit(&self, out: &mut String) {
        let Self { name, rule, ty, .. } = self;
        let inside = |outer: &str| ty.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
        let one = |ty: &str, at: &str| format!("<{ty} as Show>::sample({at})");
        let element = inside("BTreeSet<").unwrap_or(ty);
        let entry = inside("BTreeMap<String, ").unwrap_or(ty);
        let plain = inside("Option<").unwrap_or(ty);
        let text = match *rule {
            "lww" | "fww" | "resolve = latest" => format!("it.{name}.set({});", one(ty, "at")),
            "max" => format!("it.{name}.raise({});", one(plain, "at")),
            "min" => format!("it.{name}.lower({});", one(plain, "at")),
            "with = larger" | "with = larger, revision = 2" => {
                format!("it.{name}.join({});", one(ty, "at"))
            }
            "manual" => format!("it.{name}.set(<u32 as Show>::sample(at));"),
            "ordered" => format!("it.{name}.append(<u32 as Show>::sample(at));"),
            "fields" => format!("it.{name}.words.push_str(\"a\"); it.{name}.lines.push(\"b\");"),
            "text" => format!(
                "it.{name}.set(&{}); it.{name}.insert(0, \"é\"); it.{name}.delete(1..2);",
                one(ty, "at")
            ),
            "list" => {
                format!("it.{name}.push(\"a\"); it.{name}.insert(0, {});", one("String", "at"))
            }
            "map(text)" => format!("it.{name}.entry(\"a\").push_str(&{});", one(entry, "at")),
            "counter" => format!("it.{name}.add(3); it.{name}.add(-1);"),
            "flag" => format!("it.{name}.set(at % 2 == 0);"),
            "grow_set" => format!("it.{name}.insert({});", one(element, "at")),
            "set" | "set(remove_wins)" => format!(
                "it.{name}.insert({}); it.{name}.remove({});",
                one(element, "at"),
                one(element, "at + 1")
            ),
            "map(lww)" => format!(
                "it.{name}.entry([\"a\", \"b\"][at % 2]).set({}); it.{name}.remove(\"c\");",
                one(entry, "at")
            ),
            "map(max)" => format!("it.{name}.entry(\"a\").raise({});", one(entry, "at")),
            _ => unreachable!("{rule}"),
        };
        let _ = writeln!(out, "        {text}");
    }
}
