//! A client's file name as display text: never a path, never part of a key.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, ErrorKind, Result};

/// A file name for people: one line, NFC, at most 255 bytes, without directories or invisible direction controls.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

/// The longest name in bytes, after NFC.
const MAX_BYTES: usize = 255;

impl FileName {
    /// Reads what a client sent.
    ///
    /// Directories before the last `/` or `\` are dropped, zero-width and bidirectional controls are stripped, text is
    /// composed to NFC, trailing dots and spaces are trimmed, and names that Windows reserves get a `_` in front. A name
    /// that was read once and is sent back stays the same.
    /// `InvalidFilename` for control characters, for more than 255 bytes, and where nothing is left.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::InvalidFilename, "filename");
        if text.chars().any(char::is_control) {
            return Err(invalid());
        }
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        // What is stripped may have stood between a letter and its accent, and white space before a dot.
        let composed: String = last.chars().filter(|&character| !is_invisible(character)).nfc().collect();
        let is_end = |character: char| character == '.' || character.is_whitespace();
        let trimmed = composed.trim_start().trim_end_matches(is_end);
        if trimmed.is_empty() || trimmed.len() > MAX_BYTES {
            return Err(invalid());
        }
        let name = if is_reserved(trimmed) { format!("_{trimmed}") } else { trimmed.to_owned() };
        if name.len() > MAX_BYTES { Err(invalid()) } else { Ok(FileName(name)) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of a `Content-Disposition` header: an ASCII `filename` and, by RFC 5987, the exact name.
    pub fn content_disposition(&self, disposition: Disposition) -> String {
        let ascii: String = self
            .0
            .chars()
            .map(|character| match character {
                '"' | '\\' | '%' => '_',
                ' '..='~' => character,
                _ => '_',
            })
            .collect();
        let mut exact = String::with_capacity(self.0.len() * 3);
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                exact.push(char::from(byte));
            } else {
                exact.push_str(&format!("%{byte:02X}"));
            }
        }
        format!("{}; filename=\"{ascii}\"; filename*=UTF-8''{exact}", disposition.as_str())
    }
}

/// Zero-width characters, bidirectional controls and isolates, and the byte order mark.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{061C}')
}

/// Names that Windows keeps for devices, with any extension, and names with a drive or stream colon.
fn is_reserved(name: &str) -> bool {
    if name.contains(':') {
        return !name.starts_with('_');
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            matches!(rest, "¹" | "²" | "³") || (rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for FileName {
    /// Names can be personal: a debug line only says how long one is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FileName({} bytes)", self.0.len())
    }
}

/// Whether a browser shows a file or saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Show it.
    Inline,
    /// Save it.
    Attachment,
}

impl Disposition {
    /// The first word of the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Disposition::Inline => "inline",
            Disposition::Attachment => "attachment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_display_text() {
        for (sent, kept) in [
            ("../../etc/passwd", "passwd"),
            ("..\\..\\x", "x"),
            ("photo\u{202E}gpj.exe", "photogpj.exe"),
            ("e\u{301}.png", "é.png"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("COM\u{b9}", "_COM\u{b9}"),
            ("x:ads", "_x:ads"),
            ("a.", "a"),
            ("a ", "a"),
            (".htaccess", ".htaccess"),
            ("%00.jpg", "%00.jpg"),
            ("раssport.pdf", "раssport.pdf"),
            ("e\u{200B}\u{301}.png", "é.png"),
            ("a.\u{3000}", "a"),
            ("a .\u{A0}. ", "a"),
        ] {
            assert_eq!(FileName::parse(sent).unwrap().as_str(), kept, "{sent}");
            assert_eq!(FileName::parse(kept).unwrap().as_str(), kept, "{kept} sent back");
        }
    }

    #[test]
    fn names_that_cannot_be_shown_are_refused() {
        let emoji = "😀".repeat(255);
        let long = "a".repeat(256);
        for bad in
            ["", "   ", "...", "a\0b", "a\r\nSet-Cookie: a=b", "a\u{7f}", "a\u{85}", &emoji, &long, "dir/"]
        {
            assert_eq!(FileName::parse(bad).unwrap_err().kind(), ErrorKind::InvalidFilename);
        }
    }

    #[test]
    fn a_disposition_is_one_header_line_with_the_exact_name() {
        let name = FileName::parse("\"; filename=\"évil.exe").unwrap();
        let header = name.content_disposition(Disposition::Attachment);
        assert_eq!(
            header,
            "attachment; filename=\"_; filename=__vil.exe\"; filename*=UTF-8''%22%3B%20filename%3D%22%C3%A9vil.exe"
        );
    }
}
