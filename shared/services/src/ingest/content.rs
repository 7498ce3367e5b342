//! What the bytes of an attachment are: a digest, a sniffed type and, for text, its encoding, lines and words.

use bytes::{Bytes, BytesMut};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, Encoding};
use memchr::memmem;
use sha2::{Digest, Sha256};

use crate::policy;

/// How many bytes decide the type and the encoding.
pub(super) const HEAD: usize = 64 * 1024;
/// Up to this size an image or PDF is kept whole, to be looked into.
pub(super) const INSPECT: usize = 32 * 1024 * 1024;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What is known of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextStats {
    /// The name of its encoding, as the WHATWG spells it.
    pub(super) encoding: String,
    /// Line ends, and an unended last line.
    pub(super) lines: u64,
    /// Runs of characters that are not white space.
    pub(super) words: u64,
}

/// What is known of a whole attachment.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) sha256: String,
    /// By content; `text/plain` for any text, `None` for bytes of no known type.
    pub(super) sniffed: Option<&'static str>,
    pub(super) text: Option<TextStats>,
    /// All bytes, where they are few enough to be looked into.
    pub(super) whole: Option<Bytes>,
}

/// Reads an attachment chunk by chunk, in memory bounded by [`INSPECT`].
pub(super) struct ContentReader {
    size: u64,
    digest: Sha256,
    kept: BytesMut,
    text: Option<TextReader>,
    started: bool,
}

impl ContentReader {
    pub(super) fn new() -> Self {
        ContentReader { size: 0, digest: Sha256::new(), kept: BytesMut::new(), text: None, started: false }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.size += chunk.len() as u64;
        self.digest.update(chunk);
        if self.kept.len() <= INSPECT {
            self.kept.extend_from_slice(&chunk[..chunk.len().min(INSPECT + 1 - self.kept.len())]);
        }
        if self.started {
            if let Some(text) = &mut self.text {
                text.push(chunk, false);
            }
        } else if self.kept.len() >= HEAD {
            self.start();
        }
    }

    /// Once the head is there the encoding is known, and everything so far is counted.
    fn start(&mut self) {
        self.started = true;
        self.text = text_encoding(&self.kept[..self.kept.len().min(HEAD)]).map(TextReader::new);
        if let Some(text) = &mut self.text {
            text.push(&self.kept, false);
        }
    }

    pub(super) fn finish(mut self) -> Content {
        if !self.started {
            self.start();
        }
        let head = &self.kept[..self.kept.len().min(HEAD)];
        let magic = infer::get(head).map(|kind| kind.mime_type()).filter(|mime| !mime.starts_with("text/"));
        let magic = magic.map(|mime| office_document(&self.kept).filter(|_| is_zip(head)).unwrap_or(mime));
        let text = if magic.is_none() { self.text.map(TextReader::finish) } else { None };
        let sniffed = magic.or(text.is_some().then_some("text/plain"));
        let whole = (self.kept.len() as u64 == self.size).then(|| self.kept.freeze());
        Content { size: self.size, sha256: hex::encode(self.digest.finalize()), sniffed, text, whole }
    }
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// Which Office document a ZIP holds, by the one entry that each kind must have, wherever it lies.
fn office_document(zip: &[u8]) -> Option<&'static str> {
    let holds = |name: &[u8]| memmem::find(zip, name).is_some();
    OFFICE_TYPES.iter().find(|(entry, _)| holds(entry.as_bytes())).map(|(_, mime)| *mime)
}

const OFFICE_TYPES: &[(&str, &str)] = &[
    ("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

/// The encoding of text, or `None` for bytes that no text has.
fn text_encoding(head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Some(encoding);
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127);
    if head.is_empty() || head.iter().any(binary) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, head.len() < HEAD);
    Some(detector.guess(None, Utf8Detection::Allow))
}

struct TextReader {
    encoding: &'static Encoding,
    decoder: Decoder,
    lines: u64,
    words: u64,
    in_word: bool,
    in_line: bool,
}

impl TextReader {
    fn new(encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder();
        TextReader { encoding, decoder, lines: 0, words: 0, in_word: false, in_line: false }
    }

    fn push(&mut self, chunk: &[u8], last: bool) {
        let mut buffer = String::with_capacity(16 * 1024);
        let mut rest = chunk;
        loop {
            let (result, read, _) = self.decoder.decode_to_string(rest, &mut buffer, last);
            self.count(&buffer);
            buffer.clear();
            rest = &rest[read..];
            if result == encoding_rs::CoderResult::InputEmpty {
                break;
            }
        }
    }

    fn count(&mut self, text: &str) {
        for character in text.chars() {
            self.in_line = character != '\n';
            self.lines += u64::from(!self.in_line);
            let in_word = !character.is_whitespace();
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
        }
    }

    fn finish(mut self) -> TextStats {
        self.push(&[], true);
        TextStats {
            encoding: self.encoding.name().to_ascii_lowercase(),
            lines: self.lines + u64::from(self.in_line),
            words: self.words,
        }
    }
}

/// What an attachment is served as, from its content and what was declared; `None` where the two contradict.
///
/// A declared type whose files have a signature must show it. Text formats cannot be told apart by content, so the
/// declared one is kept. Whatever is on no list is served as opaque bytes.
pub(super) fn served_as(declared: &str, sniffed: Option<&'static str>) -> Option<&'static str> {
    let known =
        |text: &str| -> Option<&'static str> { SIGNED_TYPES.iter().find(|signed| **signed == text).copied() };
    if let Some(signed) = known(declared) {
        return (sniffed == Some(signed)).then_some(signed);
    }
    match sniffed {
        Some("text/plain") if policy::is_declared_text(declared) => {
            TEXT_TYPES.iter().find(|text| **text == declared).copied()
        }
        Some("text/plain") if declared.is_empty() => Some("text/plain"),
        Some("text/plain") => Some(OPAQUE),
        Some(_) if policy::is_declared_text(declared) => None,
        Some(mime) => Some(known(mime).unwrap_or(OPAQUE)),
        None => Some(OPAQUE),
    }
}

/// The type of bytes that are not interpreted.
pub(super) const OPAQUE: &str = "application/octet-stream";

/// Served types whose files begin with a signature.
const SIGNED_TYPES: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "audio/mpeg",
    "video/mp4",
];

const TEXT_TYPES: &[&str] = &["text/plain", "text/csv", "text/markdown", "application/json"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], chunk: usize) -> Content {
        let mut reader = ContentReader::new();
        for part in bytes.chunks(chunk) {
            reader.push(part);
        }
        reader.finish()
    }

    #[test]
    fn text_is_counted_the_same_in_any_chunks() {
        let text = "first line\nzwölf Boxkämpfer\n\nlast, unended".repeat(3000);
        for chunk in [1, 7, 4096, 1 << 20] {
            let content = read(text.as_bytes(), chunk);
            let stats = content.text.unwrap();
            assert_eq!(
                (stats.encoding.as_str(), stats.lines, stats.words),
                ("utf-8", 9001, 15_001),
                "{chunk}"
            );
            assert_eq!(content.sha256, sha256_hex(text.as_bytes()));
            assert_eq!(content.sniffed, Some("text/plain"));
        }
    }

    #[test]
    fn encodings_are_told_apart() {
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain("a b\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let stats = read(&utf16, 3).text.unwrap();
        assert_eq!((stats.encoding.as_str(), stats.lines, stats.words), ("utf-16le", 1, 2));
        let latin = b"caf\xe9 au lait, cr\xe8me br\xfbl\xe9e, d\xe9j\xe0 vu";
        assert_eq!(read(latin, 9).text.unwrap().encoding, "windows-1252");
        assert!(read(b"\0\x01\x02binary", 9).text.is_none());
        assert_eq!(read(b"", 1).sniffed, None);
    }

    /// Writers order the entries of a document as they like.
    #[test]
    fn an_office_document_is_told_by_its_entries() {
        let zip = |names: &[&str]| -> Vec<u8> {
            let entry = |name: &&str| {
                let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
                bytes.extend((name.len() as u16).to_le_bytes());
                bytes.extend([0, 0]);
                bytes.extend(name.as_bytes());
                bytes
            };
            names.iter().flat_map(entry).collect()
        };
        let front = ["[Content_Types].xml", "_rels/.rels", "docProps/core.xml", "docProps/app.xml"];
        for (entry, mime) in OFFICE_TYPES {
            assert_eq!(read(&zip(&[&front[..], &[entry]].concat()), 7).sniffed, Some(*mime));
        }
        assert_eq!(read(&zip(&["a.txt", "b.txt", "c.txt", "d.txt"]), 7).sniffed, Some("application/zip"));
    }

    #[test]
    fn a_signature_must_be_the_declared_one() {
        assert_eq!(served_as("image/png", Some("image/jpeg")), None);
        assert_eq!(served_as("application/pdf", Some("text/plain")), None);
        assert_eq!(served_as("text/plain", Some("application/pdf")), None);
        assert_eq!(served_as("text/csv", Some("text/plain")), Some("text/csv"));
        assert_eq!(served_as("text/html", Some("text/plain")), Some(OPAQUE));
        assert_eq!(served_as("image/svg+xml", Some("text/plain")), Some(OPAQUE));
        assert_eq!(served_as("application/x-thing", Some("application/pdf")), Some("application/pdf"));
        assert_eq!(served_as("application/x-thing", None), Some(OPAQUE));
        assert_eq!(served_as("", Some("image/gif")), Some("image/gif"));
    }
}
