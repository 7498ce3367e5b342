//! Ids, keys and bucket names: K01 to K15.

use crate::{Case, Expect};

/// What the columns mean for ids and keys.
pub const ABOUT: &str = "An id in a path or a batch of any route. A key or the name of a bucket, which no client names: \
    refused where it is read, before any storage is asked, and by the local S3 server. Keys that are accepted are \
    distinct objects in the reference model, on disk, and behind the S3 server.";

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// An id: `{id}` stands for a valid one, `{simple}` for the same without hyphens, `{cut}` for the same
    /// without its last digit. It is percent-encoded in a path.
    Id(&'static str),
    /// The id of the caller's own file in capital letters.
    Capitals,
    /// An id of this many letters.
    LongId(usize),
    /// The id of a file of another tenant.
    Foreign,
    /// A key of these bytes.
    Key(&'static [u8]),
    /// A key of this text so many times.
    Times(&'static str, usize),
    /// Keys that are each an object of its own.
    Distinct(&'static [&'static str]),
    /// The name of a bucket.
    Bucket(&'static str),
    /// The name of a bucket of so many letters.
    LongBucket(usize),
}

const INVALID_ID: Expect = Expect::refused(400, "INVALID_ID");
const INVALID_KEY: Expect = Expect::refused(400, "INVALID_KEY");
const FOUND: Expect = Expect { status: 200, code: None, state: None };

const fn id(id: &'static str, what: &'static str, text: &'static str) -> Case<Input> {
    Case { id, what, input: Input::Id(text), expect: INVALID_ID }
}

const fn key(id: &'static str, what: &'static str, bytes: &'static [u8]) -> Case<Input> {
    Case { id, what, input: Input::Key(bytes), expect: INVALID_KEY }
}

const fn distinct(id: &'static str, what: &'static str, keys: &'static [&'static str]) -> Case<Input> {
    Case { id, what, input: Input::Distinct(keys), expect: FOUND }
}

const fn bucket(id: &'static str, what: &'static str, name: &'static str) -> Case<Input> {
    Case { id, what, input: Input::Bucket(name), expect: Expect::refused(400, "INVALID_REQUEST") }
}

/// The cases.
pub const CASES: &[Case<Input>] = &[
    id("K01a", "no UUID", "x"),
    id("K01b", "a UUID without hyphens", "{simple}"),
    id("K01c", "a UUID in braces", "{{id}}"),
    id("K01d", "a UUID behind `urn:uuid:`", "urn:uuid:{id}"),
    id("K01e", "the nil UUID", "00000000-0000-0000-0000-000000000000"),
    id(
        "K01f",
        "a UUID of 36 characters with a digit that is not ASCII",
        "\u{660}1920000-0000-7000-8000-000000000000",
    ),
    id("K01g", "a UUID with a space behind it", "{id} "),
    id("K01h", "a UUID with a NUL behind it", "{id}\0"),
    id("K01i", "a number", "1"),
    Case { id: "K01j", what: "10 KB", input: Input::LongId(10_240), expect: INVALID_ID },
    id("K01k", "a UUID of version 1, where the id is that of a file", "c232ab00-9414-11ec-b3c8-9f6bdeced846"),
    Case { id: "K01l", what: "a UUID in capital letters", input: Input::Capitals, expect: FOUND },
    id("K01m", "the same as K01f in 36 bytes", "\u{660}192000-0000-7000-8000-000000000000"),
    id("K01n", "a UUID whose last digit is `g`", "{cut}g"),
    Case {
        id: "K02",
        what: "the id of another tenant: byte for byte what a missing one gets",
        input: Input::Foreign,
        expect: Expect::refused(404, "NOT_FOUND"),
    },
    key("K03", "the key `..`", b".."),
    key("K04", "the key `.`", b"."),
    key("K05a", "the key `a/../b`", b"a/../b"),
    key("K05b", "the key `a/./b`", b"a/./b"),
    key("K05c", "the key `../b`", b"../b"),
    key("K06", "the key `/a`", b"/a"),
    key("K07", "the key `a//b`", b"a//b"),
    key("K08", "the key `a/`", b"a/"),
    key("K09a", "a key with NUL", b"a\0b"),
    key("K09b", "a key with a backslash", b"a\\b"),
    key("K09c", "a key with a line feed", b"a\nb"),
    key("K09d", "a key with DEL", b"a\x7Fb"),
    key("K09e", "a key with a control of Latin 1", b"a\xC2\x85b"),
    Case { id: "K09f", what: "a key of 1,025 bytes", input: Input::Times("a/bcd", 205), expect: INVALID_KEY },
    Case { id: "K09g", what: "a segment of 256 bytes", input: Input::Times("a", 256), expect: INVALID_KEY },
    key("K09h", "a key that is not UTF-8", b"a\xFFb"),
    key("K09i", "an empty key", b""),
    key("K10a", "the key `C:\\x`", b"C:\\x"),
    key("K10b", "the key `C:/x`", b"C:/x"),
    key("K10c", "the key `\\\\srv\\s`", b"\\\\srv\\s"),
    key("K10d", "the key `file:///x`", b"file:///x"),
    key("K10e", "the key `~root`", b"~root"),
    distinct(
        "K11",
        "`%2e%2e/x`, also encoded once more: literal names that stay inside",
        &["%2e%2e/x", "%252e%252e/x", "%2E%2E/x", "..%2fx", "x", "%2fx"],
    ),
    distinct("K12", "`a` and `a/b`", &["a", "a/b", "a/b/c"]),
    distinct(
        "K13",
        "`A` and `a`, NFC and NFD",
        &["A", "a", "Dir/x", "dir/x", "\u{e9}", "e\u{301}", "\u{e9}/x", "e\u{301}/x"],
    ),
    distinct(
        "K14",
        "names of side files",
        &[
            "x",
            "x.json",
            "x.meta.json",
            "x.tmp",
            ".tmp",
            "metadata/x.json",
            "x@",
            "@",
            "objects/x",
            "staging/x",
        ],
    ),
    bucket("K15a", "the bucket `ab`", "ab"),
    bucket("K15b", "the bucket `A-b`", "A-b"),
    bucket("K15c", "the bucket `192.168.0.1`", "192.168.0.1"),
    bucket("K15d", "the bucket `xn--a`", "xn--a"),
    bucket("K15e", "the bucket `a..b`", "a..b"),
    bucket("K15f", "the bucket `-ab`", "-ab"),
    Case {
        id: "K15g",
        what: "a bucket of 64 letters",
        input: Input::LongBucket(64),
        expect: Expect::refused(400, "INVALID_REQUEST"),
    },
    bucket("K15h", "the bucket `sthree-x`", "sthree-x"),
    bucket("K15i", "the bucket `x-s3alias`", "x-s3alias"),
];
