//! Messages that are put together at compile time.

/// The longest message; what does not fit is left out.
const BYTES_MAX: usize = 1024;

/// A message.
#[derive(Clone, Copy)]
pub(super) struct ConstText {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl ConstText {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; BYTES_MAX], length: 0 }
    }

    /// Appends a text.
    pub(super) const fn add(self, text: &str) -> Self {
        self.add_bytes(text.as_bytes())
    }

    /// Appends bytes, which are a text.
    pub(super) const fn add_bytes(mut self, text: &[u8]) -> Self {
        if self.length + text.len() > BYTES_MAX {
            return self;
        }
        let mut at = 0;
        while at < text.len() {
            self.bytes[self.length + at] = text[at];
            at += 1;
        }
        self.length += text.len();
        self
    }

    /// Appends a shape without the identities in it.
    pub(super) const fn add_shape(self, shape: &str) -> Self {
        let (bytes, mut text) = (shape.as_bytes(), self);
        let mut at = 0;
        let mut is_hash = false;
        while at < bytes.len() {
            is_hash = bytes[at] == b'#' || is_hash && bytes[at] != b' ';
            if !is_hash {
                text = text.add_bytes(&[bytes[at]]);
            }
            at += 1;
        }
        text
    }

    /// Appends a number.
    pub(super) const fn number(self, number: u64) -> Self {
        let mut text = self;
        if number >= 10 {
            text = text.number(number / 10);
        }
        text.add_bytes(&[b'0' + (number % 10) as u8])
    }

    pub(super) const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_are_put_together() {
        let text = ConstText::new().add("version ").number(0).add(" to ").number(1024);
        assert_eq!(text.as_str(), "version 0 to 1024");
    }

    #[test]
    fn a_shape_is_shown_without_identities() {
        let text = ConstText::new().add_shape("map A@1#0011 list B@2#ff").add_shape("u8");
        assert_eq!(text.as_str(), "map A@1 list B@2u8");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "ä".repeat(500);
        let text = ConstText::new().add(&long).add(&long).add("end");
        assert_eq!(text.as_str(), format!("{long}end"));
    }
}
