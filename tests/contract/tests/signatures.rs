//! G37: what authenticates is compared in constant time by the library that made it, never by an operator.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use contract_tests::{root, sources, without_tests};

/// Words of a name that make it a signature.
const WORDS: &[&str] = &["signature", "signatures", "mac", "macs", "hmac", "cmac"];
/// Words that do so where a file seals or signs; elsewhere they are those of ETags and content.
const WORDS_WHERE_SEALED: &[&str] = &["tag", "tags", "digest", "expected"];

/// Comparisons in a source whose one side is named like a signature, and types of signatures that can be compared.
fn compared(source: &str) -> Vec<String> {
    let text = plain(source);
    let seals = ["Hmac", "hmac::", "aead::", "Aead"].iter().any(|word| text.contains(word));
    let named = |operand: &str| {
        // How long it is may be known to everybody.
        let operand = if operand.ends_with(".len()") { "" } else { operand };
        operand.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| {
            let word = word.to_ascii_lowercase();
            WORDS.contains(&&*word) || (seals && WORDS_WHERE_SEALED.contains(&&*word))
        })
    };
    let mut found = Vec::new();
    for operator in ["==", "!=", ".eq(", ".ne(", ".cmp(", "starts_with("] {
        for (place, _) in text.match_indices(operator) {
            let (left, right) = (left_of(&text[..place]), right_of(&text[place + operator.len()..]));
            if named(left) || named(right) {
                found.push(format!("{left} {operator} {right}"));
            }
        }
    }
    for derived in text.split("#[derive(").skip(1) {
        let (traits, rest) = derived.split_once(")]").unwrap_or((derived, ""));
        let name = rest.split_once("struct ").map_or("", |(_, name)| name);
        let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
        let signs = ["Signature", "Mac", "Seal"].iter().any(|end| name.ends_with(end));
        if signs && rest.find("struct ").is_some_and(|place| place < 80) && traits.contains("PartialEq") {
            found.push(format!("{name} derives PartialEq"));
        }
    }
    found
}

/// A source on one line, without comments and without the texts in quotes.
fn plain(source: &str) -> String {
    let mut plain = String::new();
    for line in source.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for (index, part) in code.split('"').enumerate() {
            plain.push_str(if index % 2 == 0 { part.trim() } else { "\"\"" });
            plain.push(' ');
        }
    }
    while let Some(place) = plain.find("  ") {
        plain.remove(place);
    }
    for operator in [" == ", " != "] {
        plain = plain.replace(operator, operator.trim());
    }
    plain.replace(" .", ".")
}

/// Whether a character belongs to the operand of a comparison.
fn belongs(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.:&*?[]".contains(character)
}

/// The operand that ends a text.
fn left_of(text: &str) -> &str {
    let mut depth = 0_usize;
    let start = text.char_indices().rev().find(|(_, character)| match character {
        ')' => {
            depth += 1;
            false
        }
        '(' if depth > 0 => {
            depth -= 1;
            false
        }
        _ => depth == 0 && !belongs(*character),
    });
    start.map_or(text, |(place, character)| &text[place + character.len_utf8()..])
}

/// The operand that a text starts with.
fn right_of(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, character)| match character {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth > 0 => {
            depth -= 1;
            false
        }
        _ => depth == 0 && !belongs(*character),
    });
    end.map_or(text, |(place, _)| &text[..place])
}

#[test]
fn g37_no_signature_is_compared_by_an_operator() {
    let (mut read, mut found) = (0, Vec::new());
    for folder in ["shared", "functions", "dev"] {
        for (path, source) in sources(&root().join(folder)) {
            let outside = ["tests", "benches", "target"].iter().any(|part| {
                Path::new(&path).iter().any(|segment| segment == *part) || path.ends_with("/tests.rs")
            });
            // The signature of a PNG is eight fixed bytes.
            if outside || path.ends_with("shared/imaging/src/sniff.rs") {
                continue;
            }
            found.extend(compared(without_tests(&source)).into_iter().map(|line| format!("{path}: {line}")));
            read += 1;
        }
    }
    assert!(found.is_empty(), "use the library's own comparison: {found:#?}");
    assert!(read > 100, "{read}");
}

#[test]
fn g37_the_search_finds_what_is_planted() {
    for planted in [
        "if signature == expected { return Ok(()) }",
        "if self.mac != other.mac {}",
        "assert!(given.hmac_sha256() == known)",
        "let same = expected == request\n    .signature(&key)\n    .as_ref();",
        "use hmac::Mac; fn check(tag: &[u8]) -> bool { tag == computed }",
        "signature.eq(&other)",
        "if url_signature.as_bytes()[..] != computed[..] {}",
        "#[derive(Clone, PartialEq, Eq)]\npub struct UrlSignature([u8; 32]);",
    ] {
        assert_eq!(compared(planted).len(), 1, "{planted}");
    }
    for good in [
        "mac.verify_slice(signature).is_ok()",
        "// signature == expected",
        "if usage == \"signature\" {}",
        "let machine = a == b; let stage = tag == other;",
        "if signature.len() == 64 && kind == other {}",
        "#[derive(Clone)] pub struct Mac; #[derive(PartialEq)] struct Other;",
    ] {
        assert_eq!(compared(good), Vec::<String>::new(), "{good}");
    }
}
