//! What ends the program: an error, told in one line.

use std::error::Error;

/// An error of synckit's, of the system's, or of the program's own.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The error and what caused it, in one line. Causes that repeat what was said are left out.
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
