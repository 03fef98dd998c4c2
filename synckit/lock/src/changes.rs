//! Versions for readers: what one changes of the one before, and who can read it.
//!
//! [`VersionChanges`] is a readable difference, which the test of a package shows for what its locks lack;
//! [`page`] is the history of many types in Markdown.

use std::fmt::{self, Write as _};

use crate::model::{Item, Lock, Version};

/// The differences of a version from the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionChanges {
    lines: Vec<String>,
    number: u32,
    min_reader: u32,
    first: bool,
}

impl VersionChanges {
    /// Those of `after`; all that it has when nothing is before it.
    pub fn of(before: Option<&Version>, after: &Version) -> Self {
        let mut changes = Self {
            lines: Vec::new(),
            number: after.number,
            min_reader: after.min_reader,
            first: before.is_none(),
        };
        let nothing = Version::default();
        let before = before.unwrap_or(&nothing);
        after.items.iter().for_each(|item| changes.item(before.item(item.slot), item));
        let gone = before.items.iter().filter(|item| after.item(item.slot).is_none());
        gone.for_each(|item| changes.gone(item));
        changes.events(before, after);
        changes.rest(before, after);
        changes.closed(after);
        changes
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn item(&mut self, before: Option<&Item>, item: &Item) {
        let named = format!("{} `{}`", item.word(), item.name);
        let holds = item.shape.as_deref().map(plain);
        let Some(before) = before else {
            let content = holds.map(|shape| format!(": `{shape}`")).unwrap_or_default();
            let default = if item.default { ", the default where it is absent" } else { "" };
            let rule = item.rule.as_ref().map(|rule| format!(", merged by `{rule}`"));
            let with = item.with.as_ref().map(|with| format!(", converted by `{with}`"));
            let (rule, with) = (rule.unwrap_or_default(), with.unwrap_or_default());
            let slot = item.slot;
            return self.say(format!("adds {named} as {slot}{content}{default}{with}{rule}"));
        };
        if before.name != item.name {
            self.say(format!("renames {} `{}` to `{}`", item.word(), before.name, item.name));
        }
        if let (Some(old), Some(new)) = (before.shape.as_deref().map(plain), holds) {
            let versions = before.shape != item.shape && old == new;
            if old != new {
                self.say(format!("{named} is `{new}`, was `{old}`"));
            } else if versions {
                self.say(format!("{named} is another `{new}`"));
            }
        }
        match (before.default, item.default) {
            (false, true) => self.say(format!("{named} has a default")),
            (true, false) => self.say(format!("{named} has no default any more")),
            _ => {}
        }
        if let Some(with) = item.with.as_ref().filter(|_| before.with != item.with) {
            self.say(format!("{named} is converted by `{with}`"));
        }
        if before.rule != item.rule {
            let rule = item.rule.as_deref().unwrap_or_default();
            self.say(format!("{named} is merged by `{rule}`"));
        }
    }

    fn gone(&mut self, item: &Item) {
        let (word, name, slot) = (item.word(), &item.name, item.slot);
        self.say(format!("removes {word} `{name}`; number {slot} stays reserved"));
    }

    fn events(&mut self, before: &Version, after: &Version) {
        for event in &after.events {
            let was = before.events.iter().find(|was| was.name == event.name);
            let name = &event.name;
            match (was.map(|was| was.retired), event.retired) {
                (None, false) => self.say(format!("adds event `{name}`")),
                (None, true) => self.say(format!("adds event `{name}`, which is only read")),
                (Some(false), true) => self.say(format!("retires event `{name}`")),
                (Some(true), false) => self.say(format!("emits event `{name}` again")),
                _ => {}
            }
        }
    }

    /// Tells of an enum that is about to be published, and that programs of this version will know no later
    /// variants of.
    fn closed(&mut self, after: &Version) {
        let is_plain = |item: &Item| item.shape.is_none();
        let is_enum = !after.items.is_empty() && after.items.iter().all(is_plain);
        if self.first && is_enum && after.other.is_none() {
            self.say(
                "parks what holds a variant that a later version adds; #[value(other)] Unheard(u32) would read \
                 it, and is best there from the first version",
            );
        }
    }

    fn rest(&mut self, before: &Version, after: &Version) {
        if before.upcast != after.upcast
            && let Some(upcast) = &after.upcast
        {
            let (from, by) = (upcast.from, &upcast.by);
            let held = if after.samples.is_empty() { "" } else { ", held to samples" };
            self.say(format!("converts events of version {from} and before by `{by}`{held}"));
        }
        match (before.commutes, after.commutes) {
            (false, true) => self.say("commutes"),
            (true, false) => self.say("commutes no more"),
            _ => {}
        }
        if after.edit_wins && !before.edit_wins {
            self.say("keeps an aggregate that is edited while it is deleted");
        }
        if let (None, Some(other)) = (&before.other, &after.other) {
            self.say(format!("takes numbers that it does not know, as `{other}`"));
        }
    }
}

/// One line each, indented, and a last one for who can read it.
impl fmt::Display for VersionChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            writeln!(f, "  changes no field")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        let (number, least) = (self.number, self.min_reader);
        match (self.first, least < number) {
            (true, _) => Ok(()),
            (false, true) => writeln!(f, "  read by programs of version {least} and later"),
            (false, false) => writeln!(
                f,
                "  read by programs of version {number} and later; those before park what is written with it, until they \
                 are upgraded"
            ),
        }
    }
}

/// The history of types in Markdown: what each is, and what its versions changed.
pub fn page(locks: &[Lock]) -> String {
    let mut page = "# Schemas\n".to_owned();
    for lock in locks {
        let (what, name, last) = (lock.what.word(), &lock.name, lock.last());
        // Writing to a text cannot fail.
        let _ = write!(page, "\n## The {what} `{name}`, version {}\n\n", last.number);
        if last.items.iter().any(|item| item.shape.is_some()) {
            page.push_str("| number | field | content | |\n|---|---|---|---|\n");
        } else if !last.items.is_empty() {
            page.push_str("| number | variant | | |\n|---|---|---|---|\n");
        }
        last.items.iter().for_each(|item| page.push_str(&row(item)));
        for event in &last.events {
            let _ = writeln!(
                page,
                "\n{} `{}`",
                if event.retired { "Reads" } else { "Emits" },
                event.name
            );
        }
        let earlier = lock.versions.iter();
        let pairs = earlier.zip(lock.versions.iter().skip(1));
        for (before, after) in pairs {
            let _ = writeln!(page, "\nVersion {}:\n", after.number);
            let changes = VersionChanges::of(Some(before), after).to_string();
            changes.lines().for_each(|line| {
                let _ = writeln!(page, "- {}", line.trim_start());
            });
        }
    }
    page
}

fn row(item: &Item) -> String {
    let Item { slot, name, .. } = item;
    let content = item.shape.as_deref().map(|shape| format!("`{}`", plain(shape)));
    let marks = [
        item.default.then(|| "default".to_owned()),
        item.with.as_ref().map(|with| format!("converted by `{with}`")),
        item.rule.as_ref().map(|rule| format!("merged by `{rule}`")),
    ];
    let marks: Vec<_> = marks.into_iter().flatten().collect();
    format!("| {slot} | `{name}` | {} | {} |\n", content.unwrap_or_default(), marks.join(", "))
}

/// A shape without the identities in it.
fn plain(shape: &str) -> String {
    let word = |word: &str| word.split('#').next().unwrap_or_default().to_owned();
    shape.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{completed, parse};

    const HISTORY: &str = "synckit lock 2\nevent trip.paid\n\nversion 1\n  min_reader 1\n  1 by string\n  2 sum u32\n  \
                           3 unit Unit@1#00000000000000aa\n  fingerprint ?\n\nversion 2\n  min_reader 1\n  1 payer string\n  \
                           2 sum u64\n  4 at optional u64\n  reserved 3 unit\n  fingerprint ?\n\nversion 3\n  min_reader 3\n  \
                           commutes\n  upcast 2 in_cents\n  sample 2 0802 is 08c801\n  1 payer string\n  2 sum u64\n  \
                           4 at optional u64\n  5 place string default with degrees\n  reserved 3 unit\n  fingerprint ?\n";

    #[test]
    fn a_version_is_told_by_what_it_changes() {
        let lock = parse(&completed(HISTORY)).unwrap();
        let [first, second, third] = lock.versions.as_slice() else { panic!("three versions") };
        assert_eq!(
            VersionChanges::of(None, first).to_string(),
            "  adds field `by` as 1: `string`\n  adds field `sum` as 2: `u32`\n  adds field `unit` as 3: `Unit@1`\n"
        );
        assert_eq!(
            VersionChanges::of(Some(first), second).to_string(),
            "  renames field `by` to `payer`\n  field `sum` is `u64`, was `u32`\n  adds field `at` as 4: `optional u64`\n  \
             removes field `unit`; number 3 stays reserved\n  read by programs of version 1 and later\n"
        );
        let third = VersionChanges::of(Some(second), third).to_string();
        assert_eq!(
            third,
            "  adds field `place` as 5: `string`, the default where it is absent, converted by `degrees`\n  \
             converts events of version 2 and before by `in_cents`, held to samples\n  commutes\n  \
             read by programs of version 3 and later; those before park what is written with it, until they are \
             upgraded\n"
        );
    }

    #[test]
    fn an_enum_that_is_closed_is_told_before_it_is_published() {
        let level = "synckit lock 2\nenum Level\n\nversion 1\n  min_reader 1\n  variant 0 Low\n  \
                     identity 00000000000000aa\n  fingerprint ?\n";
        let told = |text: &str| {
            let lock = parse(&completed(text)).unwrap();
            VersionChanges::of(None, lock.last()).to_string()
        };
        assert!(told(level).contains("\n  parks what holds a variant that a later version adds; "));
        let open = level.replace("  identity", "  other Unheard\n  identity");
        assert!(!told(&open).contains("parks what holds"), "{}", told(&open));
        let oneof =
            level.replace("enum", "oneof").replace("  identity", "  0.1 by u32\n  identity");
        assert!(!told(&oneof).contains("parks what holds"), "{}", told(&oneof));
    }

    #[test]
    fn a_page_has_what_types_are_and_how_they_came_to_it() {
        let lock = parse(&completed(HISTORY)).unwrap();
        let page = page(&[lock]);
        assert!(page.starts_with("# Schemas\n\n## The event `trip.paid`, version 3\n\n| number |"));
        assert!(page.contains("| 5 | `place` | `string` | default, converted by `degrees` |\n"));
        assert!(page.contains("\nVersion 2:\n\n- renames field `by` to `payer`\n"), "{page}");
    }
}
