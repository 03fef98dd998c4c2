//! Lock files of several families, and an index.

use crate::completed;

const EVENT: &str = "synckit lock 2
event inspection.signed

version 1
  min_reader 1
  1 by UserId@1#5d1c0a6f0b2e9c44
  2 at optional u64
  fingerprint ?

version 2
  min_reader 2
  upcast 1 in_utc
  sample 1 0a0161 is 0a0161
  1 by UserId@1#5d1c0a6f0b2e9c44
  2 signed_at optional u64
  3 remark string default
  reserved 4 pages
  fingerprint ?
";

const AGGREGATE: &str = "synckit lock 2
aggregate note

version 1
  min_reader 1
  on_delete edit_wins
  1 title string merge lww
  2 tags set string merge set
  3 seen map string i64 merge map(counter)
  event note.signed
  retired note.moved
  fingerprint ?
";

const ENUM: &str = "synckit lock 2
enum Weather

version 1
  min_reader 1
  variant 1 sunny default
  variant 2 rainy
  other unknown
  identity 5d1c0a6f0b2e9c44
  fingerprint ?
";

const INDEX: &str = "synckit index 2
event note.moved in notes::locks notes::others
value Point in notes::locks
";

/// Texts from which tests begin.
#[doc(hidden)]
pub fn examples() -> [String; 4] {
    [completed(EVENT), completed(AGGREGATE), completed(ENUM), INDEX.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, parse};

    #[test]
    fn the_examples_are_sound() {
        let [event, aggregate, weather, index] = examples();
        for lock in [event, aggregate, weather] {
            assert!(parse(&lock).is_ok(), "{:?}", parse(&lock));
        }
        assert!(Index::parse(&index).is_ok());
    }
}
