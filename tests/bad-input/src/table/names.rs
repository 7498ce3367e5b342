//! File names: N01 to N14.

use crate::{Case, Expect};

/// What the columns mean for names.
pub const ABOUT: &str = "The name of a file in JSON and, where a form can say it, in a form. A name that is accepted \
    is shown as text; the key of the object is made of ids alone.";

/// A name, and what is shown of it.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// What the client sends.
    pub sent: Sent,
    /// What the record shows. `None` for a name that is refused, or where the case is about more than the name.
    pub shown: Option<&'static str>,
}

/// What the client sends.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// This text.
    Text(&'static str),
    /// This text so many times.
    Times(&'static str, usize),
    /// `e`, and this combining mark so many times.
    Combined(char, usize),
    /// Each of these characters between two letters.
    Each(&'static [std::ops::RangeInclusive<u8>]),
    /// The member `filename` as this JSON text, which need not be valid.
    Json(&'static str),
    /// Every text of the Big List of Naughty Strings.
    NaughtyStrings,
}

impl Sent {
    /// Each name of the case; none where the case is not about texts of its own.
    pub fn names(self) -> Vec<String> {
        match self {
            Sent::Text(text) => vec![text.to_owned()],
            Sent::Times(text, times) => vec![text.repeat(times)],
            Sent::Combined(mark, times) => vec![format!("e{}", mark.to_string().repeat(times))],
            Sent::Each(ranges) => {
                let between = |byte: u8| format!("a{}b", char::from(byte));
                ranges.iter().cloned().flatten().map(between).collect()
            }
            Sent::Json(_) | Sent::NaughtyStrings => Vec::new(),
        }
    }
}

/// The controls of ASCII, DEL, and those of Latin 1.
const CONTROLS: &[std::ops::RangeInclusive<u8>] = &[0..=0x1F, 0x7F..=0x9F];

const REFUSED: Expect = Expect::refused(400, "INVALID_FILENAME");

/// The same text is shown.
const fn verbatim(id: &'static str, what: &'static str, text: &'static str) -> Case<Name> {
    shown(id, what, text, text)
}

const fn shown(id: &'static str, what: &'static str, sent: &'static str, shown: &'static str) -> Case<Name> {
    let input = Name { sent: Sent::Text(sent), shown: Some(shown) };
    Case { id, what, input, expect: Expect::READY }
}

const fn refused(id: &'static str, what: &'static str, sent: Sent) -> Case<Name> {
    Case { id, what, input: Name { sent, shown: None }, expect: REFUSED }
}

/// The cases.
pub const CASES: &[Case<Name>] = &[
    shown("N01a", "`../../etc/passwd`: shown as `passwd`", "../../etc/passwd", "passwd"),
    shown("N01b", "`..\\..\\x`: shown as `x`", "..\\..\\x", "x"),
    shown("N01c", "`/etc/passwd`: shown as `passwd`", "/etc/passwd", "passwd"),
    shown("N01d", "`C:\\Users\\me\\a.txt`: shown as `a.txt`", "C:\\Users\\me\\a.txt", "a.txt"),
    refused("N02a", "an empty name", Sent::Text("")),
    refused("N02b", "spaces alone", Sent::Text("   ")),
    refused("N02c", "dots alone", Sent::Text("...")),
    refused("N02d", "dots and spaces alone", Sent::Text(" . . ")),
    refused("N02e", "a folder without a name", Sent::Text("a/")),
    refused("N02f", "the folder above", Sent::Text("..\\")),
    refused("N02h", "`.`", Sent::Text(".")),
    refused("N02i", "`..`", Sent::Text("..")),
    refused("N02g", "invisible characters alone", Sent::Text("\u{200B}\u{202E}.\u{202C}")),
    refused("N03a", "a NUL inside", Sent::Text("a\0.jpg")),
    refused("N03b", "CR and LF inside", Sent::Text("a\r\nb")),
    refused("N03c", "each other control of ASCII and Latin 1, and DEL", Sent::Each(CONTROLS)),
    verbatim("N04", "`\"; filename=\"evil.exe`: cannot leave its header", "\"; filename=\"evil.exe"),
    refused("N05", "`\\r\\nSet-Cookie: a=b`", Sent::Text("\r\nSet-Cookie: a=b")),
    shown("N06a", "the right-to-left override: not shown", "a\u{202E}gpj.exe", "agpj.exe"),
    shown("N06b", "zero-width characters: not shown", "a\u{200B}b\u{200D}c\u{FEFF}.txt", "abc.txt"),
    shown("N06c", "bidirectional isolates: not shown", "a\u{2066}b\u{2069}.txt", "ab.txt"),
    shown(
        "N06d",
        "a joined emoji: shown as its parts",
        "\u{1F469}\u{200D}\u{1F4BB}.txt",
        "\u{1F469}\u{1F4BB}.txt",
    ),
    refused("N07a", "256 bytes", Sent::Times("a", 256)),
    refused("N07b", "255 emoji of 4 bytes", Sent::Times("\u{1F600}", 255)),
    refused("N07c", "255 combining marks", Sent::Combined('\u{327}', 255)),
    Case {
        id: "N07d",
        what: "255 bytes",
        input: Name { sent: Sent::Times("a", 255), shown: None },
        expect: Expect::READY,
    },
    shown("N08", "`e` and U+0301: shown composed", "e\u{301}.txt", "\u{e9}.txt"),
    shown("N09a", "`CON`: shown as `_CON`", "CON", "_CON"),
    shown("N09b", "`nul.txt`: shown as `_nul.txt`", "nul.txt", "_nul.txt"),
    shown("N09c", "`COM1`: shown as `_COM1`", "COM1", "_COM1"),
    shown("N09d", "`LPT9`: shown as `_LPT9`", "LPT9", "_LPT9"),
    shown("N09e", "`COM\u{b9}`: shown as `_COM\u{b9}`", "COM\u{b9}", "_COM\u{b9}"),
    shown("N09f", "`x:ads`: shown as `_x:ads`", "x:ads", "_x:ads"),
    shown("N09g", "a dot at the end: trimmed", "a.", "a"),
    shown("N09h", "a space at the end: trimmed", "a ", "a"),
    shown("N09i", "`con.txt`: shown as `_con.txt`", "con.txt", "_con.txt"),
    shown("N09j", "`LPT9.tar.gz`: shown as `_LPT9.tar.gz`", "LPT9.tar.gz", "_LPT9.tar.gz"),
    shown("N09k", "dots and spaces around: trimmed", " a . . ", "a"),
    verbatim("N10a", "`.htaccess`", ".htaccess"),
    verbatim("N10b", "`-rf`", "-rf"),
    verbatim("N10c", "`~`", "~"),
    verbatim("N10d", "`$(id)`", "$(id)"),
    verbatim("N10e", "`%00.jpg`: three ordinary characters", "%00.jpg"),
    verbatim("N10f", "`<script>alert(1)<`", "<script>alert(1)<"),
    verbatim("N11a", "`photo.jpg.php`: the key ends as the content says", "photo.jpg.php"),
    verbatim("N11b", "`photo.php%00.jpg`: the key ends as the content says", "photo.php%00.jpg"),
    Case {
        id: "N12",
        what: "a lone surrogate in JSON",
        input: Name { sent: Sent::Json(r#""a\ud800b""#), shown: None },
        expect: Expect::refused(400, "INVALID_JSON"),
    },
    Case {
        id: "N13",
        what: "each of the 515 naughty strings: 201, or 400 INVALID_FILENAME",
        input: Name { sent: Sent::NaughtyStrings, shown: None },
        expect: Expect::READY,
    },
    verbatim("N14", "Cyrillic letters that look like Latin ones", "\u{440}\u{430}ssport.pdf"),
];
