//! Errors that end the program, each printed in one line.

use std::error::Error;

/// An error of synckit's, of the system's, or of the program's own.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Formats an error and its causes in one line. Leaves out causes whose text is there already.
pub(crate) fn one_line(failure: &Failure) -> String {
    let mut line = failure.to_string();
    let mut next = failure.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !line.contains(&said) {
            line = format!("{line}: {said}");
        }
        next = cause.source();
    }
    line.replace('\n', " ")
}
