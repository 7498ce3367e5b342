use serde_json::{Value, json};
use storage_core::ids::BucketName;

use super::*;

const KEY: &str = "temp/uploads/11111111-1111-4111-8111-111111111111/01920000-0000-7000-8000-000000000001/00112233445566778899aabbccddeeff";

fn record(name: &str, key: &str) -> Value {
    json!({ "eventSource": "aws:s3", "eventName": name, "s3": {
        "bucket": { "name": "acme-staging" }, "object": { "key": key, "size": 3, "sequencer": "0A" } } })
}

fn s3(key: &str) -> Value {
    json!({ "Records": [record("ObjectCreated:Put", key)] })
}

fn bridge(key: &str) -> Value {
    json!({ "version": "0", "detail-type": "Object Created", "source": "aws.s3",
        "detail": { "bucket": { "name": "acme-staging" }, "object": { "key": key } } })
}

fn sqs(bodies: &[String]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| json!({ "messageId": format!("m{index}"), "eventSource": "aws:sqs", "body": body }))
        .collect();
    json!({ "Records": records })
}

fn hints(payload: &Value) -> Vec<Hint> {
    parse(payload).into_iter().flat_map(|delivery| delivery.hints.unwrap()).collect()
}

fn poison(payload: &Value) -> Poison {
    let deliveries = parse(payload);
    assert_eq!(deliveries.len(), 1, "{payload}");
    deliveries[0].hints.clone().unwrap_err()
}

#[test]
fn e01_what_is_about_nothing_is_ignored_and_counted() {
    let test_event = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-staging" });
    for event in [json!({}), Value::Null, test_event, json!({ "Records": [] })] {
        for payload in [event.clone(), sqs(&[event.to_string()])] {
            let deliveries = parse(&payload);
            assert_eq!(deliveries.len(), 1, "{payload}");
            assert_eq!(deliveries[0].hints, Ok(vec![]));
            assert_eq!(deliveries[0].ignored, 1, "{payload}");
        }
    }
}

#[test]
fn e02_g08_one_bad_message_fails_alone_in_every_place() {
    for place in 0..10 {
        let bodies: Vec<String> = (0..10)
            .map(|index| if index == place { "{not json".to_owned() } else { s3(KEY).to_string() })
            .collect();
        let mut response = BatchResponse::default();
        let mut done = 0;
        for delivery in parse(&sqs(&bodies)) {
            match delivery.hints {
                Ok(hints) => done += hints.len(),
                Err(Poison::NotJson) => response.fail(&delivery.message_id.unwrap()),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(done, 9);
        let expected = json!({ "batchItemFailures": [{ "itemIdentifier": format!("m{place}") }] });
        assert_eq!(serde_json::to_value(&response).unwrap(), expected);
    }
    assert_eq!(serde_json::to_value(BatchResponse::default()).unwrap(), json!({ "batchItemFailures": [] }));
}

#[test]
fn e03_e06_keys_are_decoded_once_and_only_in_the_s3_shape() {
    assert_eq!(hints(&s3("a+b%20c%2Bd%C3%A9"))[0].key.as_str(), "a b c+dé");
    assert_eq!(hints(&bridge("a+b%41"))[0].key.as_str(), "a+b%41");
    assert_eq!(hints(&sqs(&[bridge("%2e").to_string()]))[0].key.as_str(), "%2e");
    assert_eq!(hints(&s3("a%252e"))[0].key.as_str(), "a%2e");
}

#[test]
fn e04_e05_keys_that_cannot_be_are_poison() {
    let long = "a".repeat(1025);
    for key in ["%FF%FE", "%zz", "%", "a%4", "temp/uploads/T/../../x", "/etc/passwd", "a%00b", "", &long] {
        assert_eq!(poison(&s3(key)), Poison::Key, "{key:.20}");
        assert_eq!(poison(&sqs(&[s3(key).to_string()])), Poison::Key, "{key:.20}");
    }
    for key in ["temp/../x", "/a", "a\0b", &long] {
        assert_eq!(poison(&bridge(key)), Poison::Key, "{key:.20}");
    }
}

#[test]
fn e08_only_creations_act() {
    let table = [
        ("ObjectCreated:Put", true),
        ("ObjectCreated:Post", true),
        ("ObjectCreated:Copy", true),
        ("ObjectCreated:CompleteMultipartUpload", true),
        ("s3:ObjectCreated:Put", true),
        (REENQUEUED, true),
        ("ObjectRemoved:Delete", false),
        ("ObjectRemoved:DeleteMarkerCreated", false),
        ("LifecycleExpiration:Delete", false),
        ("ObjectRestore:Completed", false),
        ("ObjectTagging:Put", false),
        ("Storage:Other", false),
        ("", false),
    ];
    for (name, acts) in table {
        let deliveries = parse(&json!({ "Records": [record(name, KEY)] }));
        assert_eq!(deliveries[0].hints.as_ref().unwrap().len(), usize::from(acts), "{name}");
        assert_eq!(deliveries[0].ignored, usize::from(!acts), "{name}");
    }
    let mut deleted = bridge(KEY);
    deleted["detail-type"] = "Object Deleted".into();
    assert!(hints(&deleted).is_empty());
    let mut foreign = bridge(KEY);
    foreign["source"] = "my.app".into();
    assert!(hints(&foreign).is_empty());
}

#[test]
fn shapes_and_buckets_that_cannot_be_are_poison() {
    for event in [json!({ "foo": 1 }), json!([]), json!("x"), json!({ "Records": [{}] })] {
        assert_eq!(poison(&event), Poison::Shape, "{event}");
    }
    // S3 in SNS in SQS is not configured here.
    let sns = json!({ "Type": "Notification", "Message": s3(KEY).to_string() });
    assert_eq!(poison(&sqs(&[sns.to_string()])), Poison::Shape);
    for bucket in [json!({ "name": "No" }), json!({}), json!("x"), Value::Null] {
        let mut event = s3(KEY);
        event["Records"][0]["s3"]["bucket"] = bucket;
        assert_eq!(poison(&event), Poison::Bucket);
    }
}

#[test]
fn a_message_with_good_and_bad_records_is_done_and_failed() {
    let body = json!({ "Records": [record("ObjectCreated:Put", KEY), record("ObjectCreated:Put", "%")] });
    let deliveries = parse(&sqs(&[body.to_string()]));
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[0].hints.as_ref().unwrap().len(), 1);
    assert_eq!(deliveries[1].hints, Err(Poison::Key));
    let mut response = BatchResponse::default();
    for delivery in &deliveries {
        response.fail(delivery.message_id.as_deref().unwrap());
    }
    assert_eq!(response.failures.len(), 1);
}

#[test]
fn e13_ten_thousand_records_are_read() {
    let records: Vec<Value> = (0..10_000).map(|_| record("ObjectCreated:Put", KEY)).collect();
    assert_eq!(hints(&json!({ "Records": records })).len(), 10_000);
}

#[test]
fn e16_what_aws_may_change_is_tolerated() {
    let body = format!(
        r#"{{"Records":[{{"eventName":"ObjectRemoved:Delete","eventName":"ObjectCreated:Put","new":{{"x":[1]}},
        "s3":{{"s3SchemaVersion":1.0,"bucket":{{"name":"acme-staging","extra":null}},
        "object":{{"key":"{KEY}","size":"12","sequencer":7}}}}}}],"more":true}}"#
    );
    let found = hints(&sqs(&[body]));
    assert_eq!(found[0].bucket, BucketName::parse("acme-staging").unwrap());
    assert_eq!(found[0].key.as_str(), KEY);
    assert_eq!(found[0].sequencer, Sequencer::new(None));
    assert_eq!(found[0].staged().object.key.as_str(), KEY);
}

/// A result as GuardDuty sends it.
fn scan_result(status: &str, threats: Value) -> Value {
    json!({ "version": "0", "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty", "account": "111122223333", "resources": ["arn:aws:guardduty:x:y:plan/z"],
        "detail": { "schemaVersion": "1.0", "scanStatus": "COMPLETED", "resourceType": "S3_OBJECT",
            "s3ObjectDetails": { "bucketName": "acme-staging", "objectKey": KEY, "eTag": "37ec9b74",
                "versionId": "v.1", "s3Throttled": false },
            "scanResultDetails": { "scanResultStatus": status, "threats": threats } } })
}

fn scans(payload: &Value) -> Vec<ScanResult> {
    parse(payload).into_iter().flat_map(|delivery| delivery.scans).collect()
}

#[test]
fn g49_only_one_word_of_a_scan_result_is_clean() {
    use storage_core::ports::ScanVerdict::{Clean, Error, Infected};
    let eicar = json!([{ "name": "EICAR-Test-File", "itemPaths": [] }, { "name": "Other" }]);
    let infected = |threat: &str| Infected { threat: threat.to_owned() };
    for (status, threats, verdict) in [
        ("NO_THREATS_FOUND", Value::Null, Clean),
        ("THREATS_FOUND", eicar.clone(), infected("EICAR-Test-File")),
        ("THREATS_FOUND", Value::Null, infected("unnamed")),
        ("THREATS_FOUND", json!("EICAR"), infected("unnamed")),
        ("UNSUPPORTED", Value::Null, Error),
        ("ACCESS_DENIED", Value::Null, Error),
        ("FAILED", eicar, Error),
        ("NO_THREATS_FOUND ", Value::Null, Error),
        ("COMPLETED", Value::Null, Error),
        ("", Value::Null, Error),
    ] {
        let event = scan_result(status, threats);
        for payload in [event.clone(), sqs(&[event.to_string()])] {
            let found = scans(&payload);
            assert_eq!(found.len(), 1, "{payload}");
            assert_eq!(found[0].verdict, verdict, "{status:?}");
            assert_eq!((found[0].bucket.as_str(), found[0].key.as_str()), ("acme-staging", KEY));
            assert_eq!(found[0].object.etag.as_str(), "37ec9b74");
            assert_eq!(found[0].object.version_id.as_deref(), Some("v.1"));
            assert!(hints(&payload).is_empty(), "a result is no upload");
        }
    }
}

#[test]
fn a_scan_result_that_does_not_say_about_what_is_poison() {
    let places = [
        ("/detail/s3ObjectDetails/bucketName", Poison::Bucket),
        ("/detail/s3ObjectDetails/objectKey", Poison::Key),
        ("/detail/s3ObjectDetails/eTag", Poison::Shape),
        ("/detail/scanResultDetails/scanResultStatus", Poison::Shape),
        ("/detail/scanResultDetails", Poison::Shape),
        ("/detail/s3ObjectDetails", Poison::Bucket),
        ("/detail", Poison::Shape),
    ];
    for (place, expected) in places {
        for value in [Value::Null, json!(7), json!("")] {
            let mut event = scan_result("NO_THREATS_FOUND", Value::Null);
            *event.pointer_mut(place).unwrap() = value.clone();
            let is_status = place.ends_with("Status") && value == json!("");
            match is_status {
                true => assert_eq!(scans(&event)[0].verdict, storage_core::ports::ScanVerdict::Error),
                false => assert_eq!(poison(&event), expected, "{place} {value}"),
            }
        }
    }
    // What only looks like one is about something else.
    for (member, value) in [("source", "my.app"), ("detail-type", "GuardDuty Finding"), ("source", "aws.s3")]
    {
        let mut event = scan_result("NO_THREATS_FOUND", Value::Null);
        event[member] = value.into();
        let deliveries = parse(&event);
        assert_eq!((deliveries[0].scans.len(), deliveries[0].ignored), (0, 1), "{member} {value}");
    }
    let mut event = scan_result("THREATS_FOUND", Value::Null);
    event["detail"]["s3ObjectDetails"]["versionId"] = Value::Null;
    assert_eq!(scans(&event)[0].object.version_id, None);
}
