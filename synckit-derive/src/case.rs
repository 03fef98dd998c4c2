//! Names made of names: `TitleSet` from the field `title`, `note.title_set` from the variant
//! `TitleSet`.
//!
//! Event names stand in stored bytes, so these functions must never give another answer for the
//! same input.

/// `TitleSet` → `title_set`, `HTTPError` → `http_error`, `title_set` → `title_set`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut chars = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(char) = chars.next() {
        let word_starts = char.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase()
                        && chars.peek().is_some_and(|next| next.is_lowercase()))
            });
        if word_starts {
            out.push('_');
        }
        out.extend(char.to_lowercase());
        before = Some(char);
    }
    out
}

/// `first_seen` → `FirstSeen`.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut chars = word.chars();
        out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(chars.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_starts_where_a_reader_sees_it() {
        let pairs = [
            ("Renamed", "renamed"),
            ("TitleSet", "title_set"),
            ("HTTPError", "http_error"),
            ("Utf8Text", "utf8_text"),
            ("AB", "ab"),
            ("aB", "a_b"),
            ("title_set", "title_set"),
            ("Title_Set", "title_set"),
        ];
        for (name, expected) in pairs {
            assert_eq!(snake(name), expected, "{name}");
        }
    }

    #[test]
    fn underscores_vanish_in_camel_case() {
        let pairs =
            [("title", "Title"), ("first_seen", "FirstSeen"), ("_x__y", "XY"), ("aB", "AB")];
        for (name, expected) in pairs {
            assert_eq!(camel(name), expected, "{name}");
        }
    }
}
