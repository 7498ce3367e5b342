//! G24 at its root: every type that is read from a request refuses what it does not know.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contract_tests::{root, sources, without_tests};

/// Where what is read is no request of a client: tokens and key sets of others, and what we sealed ourselves.
const OTHERS: &[&str] = &["shared/lambda/src/http/auth/", "shared/lambda/src/seal"];

/// The structs of a source that are deserialised, and whether each refuses unknown members.
fn deserialised(source: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for block in source.split("#[derive(").skip(1) {
        let Some((traits, rest)) = block.split_once(")]") else { continue };
        let Some((attributes, body)) = rest.split_once("struct ") else { continue };
        // What lies between belongs to an enum or to something that has no members.
        if !traits.contains("Deserialize") || attributes.contains(['{', ';']) {
            continue;
        }
        let name: String = body.chars().take_while(char::is_ascii_alphanumeric).collect();
        // A struct around one value has no members either.
        if !body[name.len()..].starts_with('(') {
            found.push((name, attributes.contains("deny_unknown_fields")));
        }
    }
    found
}

/// Types that are read by hand: each chooses between types that are found here.
const CHOICES: &[&str] = &["PresignBody"];

#[test]
fn g24_every_type_of_a_request_refuses_unknown_members() {
    let (mut strict, mut used, mut loose) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for folder in ["functions", "shared/lambda/src"] {
        for (path, source) in sources(&root().join(folder)) {
            let source = without_tests(&source);
            if path.contains("/tests/")
                || path.ends_with("/tests.rs")
                || OTHERS.iter().any(|other| path.contains(other))
            {
                continue;
            }
            for (name, refuses) in deserialised(source) {
                if !refuses {
                    loose.push(format!("{path}: {name}"));
                }
                strict.insert(name);
            }
            for extractor in ["StrictJson<", "StrictQuery<"] {
                let types = source.split(extractor).skip(1).filter_map(|rest| rest.split('>').next());
                // The extractor's own definition names a parameter.
                used.extend(types.filter(|name| name.len() > 1).map(str::to_owned));
            }
        }
    }
    assert!(loose.is_empty(), "these take members they do not know: {loose:?}");
    assert!(used.len() >= 6, "{used:?}");
    strict.extend(CHOICES.iter().map(|name| (*name).to_owned()));
    let lost: Vec<_> = used.difference(&strict).collect();
    assert!(lost.is_empty(), "read from requests, and not found among the types: {lost:?}");
}

#[test]
fn g24_a_type_that_takes_anything_is_found() {
    let planted = "#[derive(Debug, Deserialize)]\nstruct Loose { a: u8 }\n\
        #[derive(Deserialize)]\n#[serde(deny_unknown_fields)]\npub struct Strict { a: u8 }\n\
        #[derive(Debug)]\nstruct Neither { a: u8 }\n\
        #[derive(Deserialize)]\nstruct Around(u64);\n\
        #[derive(Deserialize)]\nenum Choice { A }\n#[derive(Debug)]\nstruct Last;";
    assert_eq!(deserialised(planted), [("Loose".to_owned(), false), ("Strict".to_owned(), true)]);
}
