//! What keeps a function's start short: one TLS provider, and no entropy that is made by waiting.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contract_tests::{functions, linked_crates, read};

/// Crates that encrypt connections, or do the arithmetic of it.
const PROVIDERS: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-fips-sys",
    "boring",
    "mbedtls",
    "native-tls",
    "openssl",
    "ring",
    "rustls-rustcrypto",
    "s2n-tls",
    "wolfssl",
];

#[test]
fn every_function_links_one_provider_of_tls() {
    for function in functions() {
        let linked = linked_crates(&function);
        let found: Vec<_> = PROVIDERS.iter().filter(|name| linked.contains(**name)).collect();
        assert_eq!(found, [&"aws-lc-rs"], "{function}");
    }
}

/// Its first use of randomness would otherwise take tens of milliseconds of CPU: see docs/DECISIONS.md.
#[test]
fn aws_lc_is_built_without_jitter_entropy() {
    let text = read(".cargo/config.toml");
    let section = text.split_once("[env]\n").unwrap().1;
    let section = section.split("\n[").next().unwrap();
    assert!(section.lines().any(|line| line == "AWS_LC_SYS_NO_JITTER_ENTROPY = \"1\""), "{section}");
}
