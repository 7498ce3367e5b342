//! docs/openapi.json is what the code says, and the code says it of every route there is.
//!
//! `cargo test -p contract-tests --test openapi -- --ignored` writes the document anew; `make openapi` does, with the
//! client's types.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use contract_tests::{functions, linked_crates, read, root, template, template_routes};
use serde_json::Value;
use storage_core::ErrorKind;
use storage_lambda::http::error::status;
use stowage_openapi::{document, routes, text};

const PATH: &str = "docs/openapi.json";
/// What an item of a path has beside its methods.
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

#[test]
fn the_committed_document_is_the_one_the_code_makes() {
    let committed: Value = serde_json::from_str(&read(PATH)).unwrap();
    let made = document();
    for part in ["info", "paths", "components"] {
        let (committed, made) = (&committed[part], &made[part]);
        for (name, member) in made.as_object().unwrap() {
            assert_eq!(committed[name], *member, "{PATH} is old at {part}.{name}: run `make openapi`");
        }
    }
    assert!(committed == made, "{PATH} is old: run `make openapi`");
    assert_eq!(made["openapi"], "3.1.0");
}

#[test]
#[ignore = "writes docs/openapi.json"]
fn write_the_document() {
    std::fs::write(root().join(PATH), text(&document())).unwrap();
}

#[test]
fn the_document_has_exactly_the_routes_of_the_template() {
    let said: BTreeSet<_> = routes().into_iter().map(|route| (route.method.to_owned(), route.path)).collect();
    assert_eq!(said.len(), routes().len(), "a route is said once");
    let there: BTreeSet<_> =
        template_routes(&template()).into_iter().map(|(method, path, _)| (method, path)).collect();
    let missing: Vec<_> = there.difference(&said).collect();
    let gone: Vec<_> = said.difference(&there).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "openapi/src/table.rs lacks {missing:?}; not there: {gone:?}"
    );
    let written: BTreeSet<_> =
        operations(&document()).into_keys().map(|(method, path)| (method.to_uppercase(), path)).collect();
    assert_eq!(written, there);
}

/// Every operation by method and path.
fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
            found.insert((method.to_string(), path.clone()), item[*method].clone());
        }
    }
    found
}

#[test]
fn every_code_is_documented_under_its_status() {
    let document = document();
    let mut documented = BTreeMap::new();
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let code = name.strip_prefix("Problem").unwrap().parse::<u16>().unwrap();
        let narrowed = &response["content"]["application/json"]["schema"]["allOf"][1];
        for kind in narrowed["properties"]["error"]["properties"]["code"]["enum"].as_array().unwrap() {
            documented.insert(kind.as_str().unwrap().to_owned(), code);
        }
    }
    let list = ErrorKind::ALL.iter().map(|kind| (kind.code().to_owned(), status(*kind).as_u16()));
    assert_eq!(documented, list.collect());
}

#[test]
fn a_route_names_the_codes_that_it_refuses_with() {
    for ((method, path), operation) in operations(&document()) {
        for (code, response) in operation["responses"].as_object().unwrap() {
            let Some(reference) = response["$ref"].as_str() else { continue };
            assert_eq!(reference, format!("#/components/responses/Problem{code}"));
            let description = response["description"].as_str().unwrap();
            for kind in description.split(", ") {
                let kind = ErrorKind::from_code(kind.trim_matches('`')).unwrap();
                assert_eq!(status(kind).as_u16().to_string(), *code, "{method} {path}");
            }
        }
    }
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some_and(Value::is_object), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(found.contains(reference.as_str()), "nothing uses the schema {name}");
    }
    let operations = operations(&document);
    let ids: BTreeSet<_> =
        operations.values().map(|operation| operation["operationId"].to_string()).collect();
    assert_eq!(ids.len(), operations.len());
    for ((method, path), operation) in &operations {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let braces = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named, braces.collect(), "{method} {path}");
        for text in ["summary", "tags"] {
            assert!(!operation[text].is_null() && operation[text] != "", "{method} {path} has no {text}");
        }
    }
}

#[test]
fn descriptions_are_for_readers_of_the_document() {
    let text = document().to_string();
    for rust in ["[`", "::", "crate"] {
        assert!(!text.contains(rust), "a description says {rust}");
    }
}

/// Bodies are closed, as the code reads them; answers never say `null`.
#[test]
fn only_what_is_read_may_be_null() {
    let document = document();
    let mut bodies = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let closed = schema["additionalProperties"] == Value::Bool(false);
        bodies += usize::from(closed);
        assert!(closed || !schema["properties"].to_string().contains("\"null\""), "{name}");
    }
    assert!(bodies >= 12, "{bodies}");
}

#[test]
fn no_deployed_function_carries_the_document() {
    for function in functions() {
        assert!(!linked_crates(&function).contains("utoipa"), "{function}");
    }
}
