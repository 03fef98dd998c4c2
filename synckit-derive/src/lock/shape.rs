//! Shapes as words: `u32`, `Point@1`, `optional string`, `list u16`, `set u8`, `map string
//! Point@2`.
//!
//! The number behind a name is the version of a value type, which has a lock of its own.

/// The integers that hold every value of the ones before them.
const WIDER: [&[&str]; 2] = [&["u8", "u16", "u32", "u64"], &["i8", "i16", "i32", "i64"]];

/// Whether the words are a shape.
pub(crate) fn is_shape(words: &[&str]) -> bool {
    match words {
        [value] | ["optional" | "list" | "set", value] => is_value(value),
        ["map", key, value] => is_value(key) && is_value(value),
        _ => false,
    }
}

fn is_value(word: &str) -> bool {
    !["optional", "list", "set", "map", "default", "merge"].contains(&word)
        && match word.split_once('@') {
            Some((name, version)) => !name.is_empty() && version.parse::<u32>().is_ok(),
            None => !word.is_empty(),
        }
}

/// Whether events without the field are readable: it is `None`, or empty.
pub(crate) fn may_be_absent(shape: &str) -> bool {
    shape.contains(' ')
}

/// What the field may become so that its bytes can still be read, itself first. Named types stand
/// for their later versions as well. With `default`, what is absent is read as the default.
pub(crate) fn followers(shape: &str, default: bool) -> Vec<String> {
    match shape.split(' ').collect::<Vec<_>>().as_slice() {
        [value] => {
            let wider = wider(value);
            let optional = wider.iter().map(|value| format!("optional {value}"));
            wider.iter().cloned().chain(optional).collect()
        }
        ["optional", value] => {
            let wider = wider(value);
            let required = wider.iter().filter(|_| default).cloned();
            let optional = wider.iter().map(|value| format!("optional {value}"));
            optional.chain(required).collect()
        }
        // A list of bytes is written in another way than other lists.
        ["list", "u8"] => vec![shape.to_owned()],
        [many @ ("list" | "set"), value] => {
            wider(value).into_iter().map(|value| format!("{many} {value}")).collect()
        }
        ["map", key, value] => {
            let (keys, values) = (wider(key), wider(value));
            let to = |key: &String| {
                values.iter().map(|value| format!("map {key} {value}")).collect::<Vec<_>>()
            };
            keys.iter().flat_map(to).collect()
        }
        _ => vec![shape.to_owned()],
    }
}

fn wider(value: &str) -> Vec<String> {
    let found = WIDER.iter().find_map(|row| {
        let at = row.iter().position(|word| *word == value)?;
        Some(row[at..].iter().map(|word| (*word).to_owned()).collect())
    });
    found.unwrap_or_else(|| vec![value.to_owned()])
}

/// Whether bytes of the old shape can be read as the new one.
pub(crate) fn follows(old: &str, new: &str, default: bool) -> bool {
    followers(old, default).iter().any(|follower| same_or_later(follower, new))
}

fn same_or_later(old: &str, new: &str) -> bool {
    let (old, new): (Vec<_>, Vec<_>) = (old.split(' ').collect(), new.split(' ').collect());
    let later = |(old, new): (&&str, &&str)| match (old.split_once('@'), new.split_once('@')) {
        (Some((old, before)), Some((new, after))) => {
            let version = |text: &str| text.parse::<u32>().unwrap_or_default();
            old == new && version(before) <= version(after)
        }
        _ => old == new,
    };
    old.len() == new.len() && old.iter().zip(&new).all(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_follow_a_shape() {
        let pairs = [
            ("u8", "u8", true),
            ("u8", "u64", true),
            ("u8", "optional u8", true),
            ("u16", "u8", false),
            ("u8", "i16", false),
            ("i8", "i64", true),
            ("f32", "f64", false),
            ("string", "bytes", false),
            ("optional u8", "optional u32", true),
            ("optional u8", "u8", false),
            ("list u16", "list u32", true),
            ("list u8", "list u16", false),
            ("list u16", "set u16", false),
            ("map u8 i8", "map u16 i64", true),
            ("map u8 i8", "map i8 i8", false),
            ("Point@1", "Point@3", true),
            ("Point@3", "Point@1", false),
            ("Point@1", "Pin@1", false),
            ("map string Point@1", "map string Point@2", true),
        ];
        for (old, new, expected) in pairs {
            assert_eq!(follows(old, new, false), expected, "{old} to {new}");
        }
        assert!(follows("optional u8", "u16", true), "with a default");
    }

    #[test]
    fn the_first_follower_is_the_shape_itself() {
        for shape in ["u8", "Point@1", "optional string", "list u8", "set i8", "map u8 u8"] {
            assert_eq!(followers(shape, true)[0], shape);
        }
    }

    #[test]
    fn words_that_are_no_shape() {
        for words in [&["optional"][..], &["list", "set"], &["map", "u8"], &["@1"], &["A@x"], &[]] {
            assert!(!is_shape(words), "{words:?}");
        }
    }
}
