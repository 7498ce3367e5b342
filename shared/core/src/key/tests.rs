//! Keys read back as they were written, and nothing else is read.

use super::*;
use crate::ids::{EntityId, FileId, UploadNonce};
use crate::timestamp::Timestamp;

fn samples() -> Vec<ObjectKey> {
    let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
    let entity = EntityId::parse("22222222-2222-4222-8222-222222222222").unwrap();
    let file = FileId::parse("01920000-0000-7000-8000-000000000001").unwrap();
    let jpg = Extension::parse("jpg").unwrap();
    let mut keys = vec![
        ObjectKey::Staging { tenant, file, nonce: UploadNonce::generate() },
        ObjectKey::Quarantine { tenant, file },
        ObjectKey::AttachmentMetadata { file },
    ];
    for &visibility in Visibility::ALL {
        keys.push(ObjectKey::attachment(visibility, Timestamp::from_millis(1_795_000_000_000), file, jpg));
        for &kind in EntityKind::ALL {
            for &size in VariantSize::ALL {
                keys.push(ObjectKey::Avatar { visibility, kind, entity, file, size, extension: jpg });
            }
        }
    }
    keys
}

#[test]
fn every_key_parses_back_in_every_space() {
    let tenant = TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap();
    let base = StorageKey::parse("files/eu").unwrap();
    for space in [
        KeySpace::default(),
        KeySpace { base: Some(base.clone()), tenant: None },
        KeySpace { base: None, tenant: Some(tenant) },
        KeySpace { base: Some(base.clone()), tenant: Some(tenant) },
    ] {
        let flat = KeySpace { base: space.prefix(), tenant: None };
        for key in samples() {
            let path = key.path(&space);
            let of_tenant = key.visibility().is_some();
            assert!(!of_tenant || key.path(&flat) == path);
            StorageKey::parse(path.as_str()).unwrap();
            assert_eq!(ObjectKey::parse(&space, path.as_str()).unwrap(), key);
            assert!(ObjectKey::parse(&space, &path.as_str().to_uppercase()).is_err());
        }
    }
}

#[test]
fn g07_only_staging_keys_lie_under_the_prefix_that_makes_events() {
    for key in samples() {
        let path = key.path(&KeySpace::default());
        let is_staging = matches!(key, ObjectKey::Staging { .. });
        assert_eq!(path.as_str().starts_with(STAGING_PREFIX), is_staging, "{path}");
    }
}

#[test]
fn keys_outside_the_rules_are_refused() {
    let long_segment = "a".repeat(256);
    let long = vec!["a".repeat(200); 6].join("/");
    for bad in [
        "",
        "..",
        ".",
        "a/../b",
        "/a",
        "a//b",
        "a/",
        "a\0",
        "a\\b",
        "a\u{7f}",
        "a\u{ffff}",
        &long_segment,
        &long,
        "C:\\x",
        "C:/x",
        "\\\\srv\\s",
        "file:///x",
        "~root",
    ] {
        assert_eq!(StorageKey::parse(bad).unwrap_err().kind(), ErrorKind::InvalidKey, "{bad:.30}");
    }
    for good in ["a", "a/b", "%2e%2e/x", "e\u{301}", "é", "x.meta.json", ".tmp", "ab:c", "...", "a b"] {
        StorageKey::parse(good).unwrap();
    }
}
