//! Payloads of invocations: S3, EventBridge and SQS, wrapped in each other, broken or made up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_lambda::events::{Delivery, Poison, parse};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let message = |id: &str, body: &str| json!({ "messageId": id, "body": body });
    let wrapped = parse(&json!({ "Records": [message("one", &text)] }));
    check(&wrapped);
    assert!(wrapped.iter().all(|delivery| delivery.message_id.as_deref() == Some("one")));

    match serde_json::from_str::<Value>(&text) {
        Ok(payload) => {
            let bare = parse(&payload);
            check(&bare);
            assert_eq!(bare, parse(&payload), "the same payload means the same");
            if !is_batch(&payload) {
                let bare: Vec<_> =
                    bare.into_iter().map(|found| (found.hints, found.scans, found.ignored)).collect();
                let unwrapped =
                    wrapped.iter().map(|found| (found.hints.clone(), found.scans.clone(), found.ignored));
                assert_eq!(bare, unwrapped.collect::<Vec<_>>(), "a queue changes nothing");
            }
        }
        Err(_) => assert_eq!(wrapped[0].hints, Err(Poison::NotJson)),
    }

    // What one message says never changes what its neighbour means.
    let good = r#"{"Records":[{"eventName":"ObjectCreated:Post","s3":{"bucket":{"name":"staging"},"object":{"key":"temp/a"}}}]}"#;
    let alone = parse(&json!({ "Records": [message("two", good)] }));
    let beside = parse(&json!({ "Records": [message("one", &text), message("two", good)] }));
    assert_eq!(beside, [wrapped, alone].concat());
});

/// Whether the payload is read as messages rather than as one event.
fn is_batch(payload: &Value) -> bool {
    let records = payload.get("Records").and_then(Value::as_array);
    let is_message = |record: &Value| record.get("body").is_some() && record.get("s3").is_none();
    records.is_some_and(|records| !records.is_empty() && records.iter().all(is_message))
}

/// Nothing vanishes, and what is handed on is valid.
fn check(deliveries: &[Delivery]) {
    assert!(!deliveries.is_empty(), "every payload is answered for");
    for hint in deliveries.iter().filter_map(|delivery| delivery.hints.as_ref().ok()).flatten() {
        assert_eq!(StorageKey::parse(hint.key.as_str()).as_ref().ok(), Some(&hint.key));
        assert_eq!(BucketName::parse(hint.bucket.as_str()).as_ref().ok(), Some(&hint.bucket));
        assert_eq!((&hint.staged().object.bucket, &hint.staged().object.key), (&hint.bucket, &hint.key));
    }
    for scan in deliveries.iter().flat_map(|delivery| &delivery.scans) {
        assert_eq!(StorageKey::parse(scan.key.as_str()).as_ref().ok(), Some(&scan.key));
        assert_eq!(BucketName::parse(scan.bucket.as_str()).as_ref().ok(), Some(&scan.bucket));
    }
}
