//! The repository as the contract tests see it: files, template, functions.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test helper fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The top of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// The text of a file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The functions, by folder.
pub fn functions() -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("functions")).unwrap();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The template as JSON. CloudFormation's short tags become objects of one member.
pub fn template() -> Value {
    cloudformation("template.yaml")
}

/// A template of CloudFormation as JSON.
pub fn cloudformation(path: &str) -> Value {
    fn plain(value: serde_yaml_ng::Value) -> Value {
        use serde_yaml_ng::Value as Yaml;
        match value {
            Yaml::Tagged(tagged) => {
                let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
                Value::Object([(name, plain(tagged.value))].into_iter().collect())
            }
            Yaml::Mapping(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.as_str().map(str::to_owned).unwrap_or_default(), plain(value)))
                    .collect(),
            ),
            Yaml::Sequence(items) => Value::Array(items.into_iter().map(plain).collect()),
            other => serde_json::to_value(other).unwrap(),
        }
    }
    plain(serde_yaml_ng::from_str(&read(path)).unwrap())
}

/// The resources of the template with this type.
pub fn resources(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    let all = template["Resources"].as_object().unwrap();
    let matching = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    matching.map(|(name, resource)| (name.clone(), resource.clone())).collect()
}

/// The template's functions, by the binary they run.
pub fn template_functions(template: &Value) -> BTreeMap<String, Value> {
    let functions = resources(template, "AWS::Serverless::Function");
    let binary =
        |function: &Value| function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
    functions.into_values().map(|function| (binary(&function), function)).collect()
}

/// Method, path and function of every route of the template.
pub fn template_routes(template: &Value) -> BTreeSet<(String, String, String)> {
    let mut routes = BTreeSet::new();
    for (name, function) in template_functions(template) {
        let events = function["Properties"]["Events"].as_object().cloned().unwrap_or_default();
        for event in events.values().filter(|event| event["Type"] == "HttpApi") {
            let text = |field: &str| event["Properties"][field].as_str().unwrap().to_owned();
            routes.insert((text("Method"), text("Path"), name.clone()));
        }
    }
    routes
}

/// What cargo says of the workspace.
pub fn metadata() -> Value {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names of every crate that ends up in a package's binary.
pub fn linked_crates(package: &str) -> BTreeSet<String> {
    let arguments = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "--offline", "--locked"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Every Rust file under a folder, with its text.
pub fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// A source without the tests at its end.
pub fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}
