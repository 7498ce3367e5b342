//! The arrows between crates, and what may be linked where.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use contract_tests::{functions, linked_crates, metadata, root};

/// The functions that ingest: the only ones with image code.
const INGESTING: &[&str] = &["complete-upload", "direct-upload", "process-upload"];

/// Crates that decode or encode pictures.
const CODECS: &[&str] = &[
    "storage-imaging",
    "image",
    "scaled-jpeg",
    "zune-jpeg",
    "jpeg-encoder",
    "png",
    "gif",
    "image-webp",
    "storage-webp",
    "libwebp-sys",
    "fast_image_resize",
    "moxcms",
    "thumbhash",
];

#[test]
fn image_codecs_are_linked_only_where_uploads_are_ingested() {
    for function in functions() {
        let linked = linked_crates(&function);
        let found: Vec<_> = CODECS.iter().filter(|codec| linked.contains(**codec)).collect();
        assert_eq!(found.is_empty(), !INGESTING.contains(&function.as_str()), "{function}: {found:?}");
    }
}

/// Crates that turn coded bytes into pixels, with the one format that each decodes.
const DECODERS: &[(&str, &str)] =
    &[("scaled-jpeg", "JPEG"), ("zune-jpeg", "JPEG"), ("png", "PNG"), ("image-webp", "WebP"), ("gif", "GIF")];

/// How words in the names of crates begin that decode pictures, or that hand bytes to one of many decoders.
const PICTURES: &[&str] = &[
    "image", "jpeg", "jpg", "png", "webp", "gif", "tiff", "bmp", "ico", "avif", "heif", "heic", "dav1d",
    "rav1", "jxl", "jp2", "openjpeg", "exr", "qoi", "psd", "tga", "dds", "hdr", "farbfeld", "svg", "vips",
    "magick", "zune", "pdfium", "mupdf", "poppler", "libwebp",
];

/// Linked crates with such a name that decode no picture. libwebp has a decoder; that it is not called is a test of its
/// own.
const HARMLESS: &[&str] =
    &["fast_image_resize", "jpeg-encoder", "libwebp-sys", "rustls-webpki", "storage-webp", "zune-core"];

#[test]
fn g42_only_jpeg_png_webp_and_gif_are_decoded() {
    for function in INGESTING {
        let linked = linked_crates(function);
        for (decoder, format) in DECODERS {
            assert!(linked.contains(*decoder), "{function} does not decode {format}");
        }
        let is_decoder = |name: &str| DECODERS.iter().any(|(decoder, _)| *decoder == name);
        let others: Vec<_> = linked
            .iter()
            .filter(|name| {
                PICTURES.iter().any(|part| name.split(['-', '_']).any(|word| word.starts_with(part)))
            })
            .filter(|name| !is_decoder(name) && !HARMLESS.contains(&name.as_str()))
            .collect();
        assert!(others.is_empty(), "{function} links {others:?}");
        let features = linked_features(function);
        // What a decoder can do besides: APNG and ICC are in every build, other containers would be features.
        for (decoder, allowed) in [("gif", &["std"][..]), ("png", &[]), ("image-webp", &[])] {
            let asked: Vec<_> = features
                .iter()
                .filter_map(|line| line.strip_prefix(decoder)?.strip_prefix(" feature "))
                .map(|feature| feature.trim_matches('"'))
                .filter(|feature| *feature != "default" && !allowed.contains(feature))
                .collect();
            assert!(asked.is_empty(), "{function} asks {decoder} for {asked:?}");
        }
    }
}

/// libwebp is here to write. What somebody sent never reaches it: its decoder has been overrun before.
#[test]
fn g42_the_one_c_codec_is_called_in_one_file_and_only_to_encode() {
    let naming: Vec<_> = ["shared", "functions", "dev"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .filter(|(path, text)| !path.contains("/tests/") && text.contains("libwebp_sys"))
        .collect();
    let [(path, text)] = naming.as_slice() else { panic!("{:?}", naming.iter().map(|(path, _)| path)) };
    assert!(path.ends_with("shared/webp/src/ffi.rs"), "{path}");
    assert!(text.contains("WebPEncode"));
    for decoding in ["Decode", "WebPGetInfo", "WebPGetFeatures", "Demux", "Mux", "WebPI", "libwebp_sys::*"] {
        assert!(!text.contains(decoding), "{path} names {decoding}");
    }
    for (crate_name, features) in dependants("libwebp-sys") {
        assert_eq!((crate_name.as_str(), features), ("storage-webp", vec!["std".to_owned()]));
    }
}

/// Which members of the workspace depend on a crate, and with which features beside the default ones.
fn dependants(name: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for package in metadata()["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["name"] == name {
                assert_eq!(dependency["uses_default_features"], false);
                let features = dependency["features"].as_array().unwrap();
                let features = features.iter().map(|feature| feature.as_str().unwrap().to_owned());
                found.push((package["name"].as_str().unwrap().to_owned(), features.collect()));
            }
        }
    }
    assert!(!found.is_empty(), "{name}");
    found
}

/// Everybody inherits the lints, which forbid unsafe code, but for the crate that calls C: it repeats them.
#[test]
fn only_the_crate_that_calls_c_may_hold_unsafe_code() {
    let workspace = contract_tests::read("Cargo.toml");
    let lints = |text: &str, heading: &str| -> BTreeSet<String> {
        let section = text.split_once(heading).unwrap_or_else(|| panic!("no {heading}")).1;
        let section = section.split("\n[").next().unwrap();
        section.lines().filter(|line| line.contains(" = ")).map(str::to_owned).collect()
    };
    assert!(lints(&workspace, "[workspace.lints.rust]").contains("unsafe_code = \"forbid\""));
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        if package["name"] != "storage-webp" {
            assert!(manifest.contains("[lints]\nworkspace = true\n"), "{}", package["name"]);
            continue;
        }
        for group in ["rust", "clippy"] {
            let (all, own) = (
                lints(&workspace, &format!("[workspace.lints.{group}]")),
                lints(&manifest, &format!("[lints.{group}]")),
            );
            let missing: Vec<_> = all.difference(&own).collect();
            let expected: &[&str] = if group == "rust" { &["unsafe_code = \"forbid\""] } else { &[] };
            assert_eq!(missing, expected, "{group}");
        }
        assert!(lints(&manifest, "[lints.rust]").contains("unsafe_code = \"deny\""));
    }
}

#[test]
fn no_function_links_the_local_backend_the_test_kit_or_another_function() {
    let all = functions();
    for function in &all {
        let linked = linked_crates(function);
        assert!(!linked.contains("storage-local"), "{function}");
        assert!(!linked.contains("storage-testkit"), "{function}");
        let others: Vec<_> =
            all.iter().filter(|other| *other != function && linked.contains(*other)).collect();
        assert!(others.is_empty(), "{function} links {others:?}");
    }
}

#[test]
fn crates_see_only_what_is_left_of_them() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("storage-core", &[][..]),
        ("storage-services", &["storage-core"][..]),
        ("storage-imaging", &["storage-core", "storage-webp"][..]),
        ("storage-webp", &[][..]),
        ("storage-aws", &["storage-core"][..]),
        ("storage-local", &["storage-core"][..]),
        ("storage-testkit", &["storage-core"][..]),
        ("storage-lambda", &["storage-core", "storage-services", "storage-aws", "storage-local"][..]),
    ]);
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(allowed) = allowed.get(name) else { continue };
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        let own: BTreeSet<_> = normal
            .map(|dependency| dependency["name"].as_str().unwrap())
            .filter(|name| name.starts_with("storage-"))
            .collect();
        let foreign: Vec<_> = own.iter().filter(|name| !allowed.contains(*name)).collect();
        assert!(foreign.is_empty(), "{name} depends on {foreign:?}");
    }
}

#[test]
fn the_core_and_the_services_name_no_vendor_no_codec_and_no_machine() {
    for folder in ["shared/core/src", "shared/services/src"] {
        for (path, text) in sources(&root().join(folder)) {
            if path.contains("/tests") {
                continue;
            }
            for word in
                ["aws_sdk", "aws_config", "std::env", "std::fs", "StatusCode", "axum::", "zune", "reqwest"]
            {
                assert!(!text.contains(word), "{path} names {word}");
            }
        }
    }
}

#[test]
fn only_functions_are_built_by_default() {
    let metadata = metadata();
    let members = metadata["workspace_default_members"].as_array().unwrap();
    assert_eq!(members.len(), functions().len());
    assert!(members.iter().all(|member| member.as_str().unwrap().contains("/functions/")));
}

/// The features of every crate that ends up in a package's binary, one a line.
fn linked_features(package: &str) -> BTreeSet<String> {
    let arguments =
        ["tree", "-p", package, "-e", "normal,features", "--prefix", "none", "--offline", "--locked"];
    let output =
        std::process::Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

fn sources(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
