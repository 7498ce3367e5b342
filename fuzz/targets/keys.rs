//! Object keys: as text, as one of our own objects, and as events spell them.
#![no_main]

use std::path::{Component, Path};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use storage_core::ErrorKind;
use storage_core::ids::TenantId;
use storage_core::key::{KeySpace, ObjectKey, StorageKey, Visibility};
use storage_lambda::events::{Poison, parse};

/// What S3 leaves as it is in the key of an event. A space becomes a `+`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/').remove(b' ');

static SPACES: LazyLock<[KeySpace; 4]> = LazyLock::new(|| {
    let tenant: Option<TenantId> = "01920000-0000-7000-8000-00000000000a".parse().ok();
    let base = StorageKey::parse("base/path").ok();
    assert!(tenant.is_some() && base.is_some());
    [(None, None), (None, tenant), (base.clone(), None), (base, tenant)]
        .map(|(base, tenant)| KeySpace { base, tenant })
});

fuzz_target!(|text: &str| {
    let key = StorageKey::parse(text);
    match &key {
        Ok(key) => check_key(key, text),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidKey),
    }
    for space in SPACES.iter() {
        match ObjectKey::parse(space, text) {
            Ok(object) => check_object(&object, space, text),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidKey),
        }
    }

    let encoded = utf8_percent_encode(text, ENCODED).to_string().replace(' ', "+");
    assert_eq!(of_event(&encoded), key.map_err(|_| Poison::Key), "an event brings the key that was written");
    // The same text as an event's own spelling is either refused or decoded exactly once.
    if let Ok(decoded) = of_event(text) {
        let spaced = text.replace('+', " ");
        let once = percent_encoding::percent_decode_str(&spaced).decode_utf8().expect("keys are UTF-8");
        assert_eq!(decoded.as_str(), once);
    }
});

fn check_key(key: &StorageKey, text: &str) {
    assert_eq!(key.as_str(), text);
    assert!((1..=1024).contains(&text.len()));
    // Under any folder the key stays one path of as many ordinary segments.
    let components: Vec<_> = Path::new(text).components().collect();
    assert!(components.iter().all(|component| matches!(component, Component::Normal(_))), "{text:?}");
    assert_eq!(components.len(), text.split('/').count());
    let json = serde_json::to_string(key).expect("keys are JSON");
    assert_eq!(serde_json::from_str::<StorageKey>(&json).ok().as_ref(), Some(key));
}

fn check_object(object: &ObjectKey, space: &KeySpace, text: &str) {
    assert_eq!(object.path(space).as_str(), text, "an object has one path");
    assert!(StorageKey::parse(text).is_ok(), "the path of an object is a key");
    let public = text.split('/').any(|segment| segment == "public");
    assert_eq!(object.visibility() == Some(Visibility::Public), public, "the path says who may read");
}

fn of_event(key: &str) -> Result<StorageKey, Poison> {
    let object = json!({ "key": key });
    let record = json!({ "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": "staging" }, "object": object } });
    let deliveries = parse(&json!({ "Records": [record] }));
    assert_eq!(deliveries.len(), 1);
    let hints = deliveries.into_iter().next().expect("one delivery").hints?;
    assert_eq!(hints.len(), 1);
    Ok(hints.into_iter().next().expect("one hint").key)
}
