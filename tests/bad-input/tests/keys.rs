//! K01 to K15: ids by every route that takes one, keys where they are read and in every backend, names of buckets.

use api_tests::{Form, TestApp, fresh_id, routes};
use aws_sdk_s3::error::ProvideErrorMetadata;
use bad_input_tests::table::keys::{CASES, Input};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use serde_json::{Value, json};
use storage_core::ids::BucketName;
use storage_core::key::{KeySpace, ObjectKey, StorageKey};
use storage_core::ports::{Body, GetOptions, ListRequest, ObjectRef, PutOptions, StorageBackend};
use storage_core::{Error, ErrorKind};
use storage_lambda::http::error::status;
use storage_testkit::memory::MemoryBackend;
use storage_testkit::records;
use test_harness::Sim;

use crate::cloud::{client, s3, send};

/// The text of an id that is tried; `None` for the other cases.
fn bad_id(input: Input, id: &str) -> Option<String> {
    match input {
        Input::Id(text) => {
            let text = text.replace("{simple}", &id.replace('-', "")).replace("{cut}", &id[..35]);
            Some(text.replace("{id}", id))
        }
        Input::LongId(length) => Some("a".repeat(length)),
        _ => None,
    }
}

#[tokio::test]
async fn k01_ids_are_uuids_by_every_route_and_nothing_else() {
    let app = TestApp::new();
    let user = app.user();
    let form = Form::of_file("a.txt", "text/plain", b"some text");
    let made = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await.is(201).json();
    let file = made["file_id"].as_str().unwrap();
    for case in CASES {
        if matches!(case.input, Input::Capitals) {
            let path = format!("/api/v1/files/{}", file.to_uppercase());
            let found = app.get(&user, &path).await.is(case.expect.status).json();
            assert_eq!(found["file_id"], made["file_id"], "upper case is read, lower case is answered");
        }
        let Some(id) = bad_id(case.input, file) else { continue };
        let (status, code) = (case.expect.status, case.expect.code.unwrap());
        app.store_faults.forget_calls();
        // Only files have ids of one version.
        let of_files = case.id == "K01k";
        let encoded = utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string();
        let takes = |path: &str| path.contains("{id}") && (!of_files || path.contains("/files/"));
        for route in routes().into_iter().filter(|route| takes(route.path)) {
            let path = route.path.replace("{kind}", "users").replace("{file}", "small.jpg");
            let path = path.replace("{id}", &encoded);
            let answer = app.request(route.method.as_str(), &path, Some(&user.token), &Value::Null).await;
            answer.refused(status, code, &format!("{} {} {}", case.id, route.method, route.path));
        }
        for route in ["/api/v1/files/urls", "/api/v1/files/delete"] {
            let found = app.post(&user, route, &json!({ "ids": [id] })).await.is(200).json();
            assert_eq!(found["results"][0]["error"], code, "{} {route}", case.id);
        }
        if !of_files {
            let items = json!({ "avatars": [{ "kind": "users", "id": id }] });
            let found = app.post(&user, "/api/v1/avatars/urls", &items).await.is(200).json();
            assert_eq!(found["results"][0]["error"], code, "{}", case.id);
        }
        assert_eq!(app.store_faults.lines(), Vec::<String>::new(), "{}: nothing is looked up", case.id);
    }
}

#[tokio::test]
async fn k02_the_id_of_another_tenant_gets_the_bytes_that_a_missing_one_gets() {
    let case = CASES.iter().find(|case| matches!(case.input, Input::Foreign)).unwrap();
    let app = TestApp::new();
    let owner = app.user();
    let form = Form::of_file("a.txt", "text/plain", b"some text");
    let made = app.call("POST", "/api/v1/files/upload").by(&owner).form(form).send().await.is(201).json();
    let stranger = app.person(records::new_tenant(), &["storage:admin", "agent:write", "storage:service"]);
    let ask = async |method: &str, path: &str, id: &str| {
        let body = if method == "PATCH" { serde_json::json!({ "filename": "b.txt" }) } else { Value::Null };
        let answer = app.request(method, &path.replace("{id}", id), Some(&stranger.token), &body).await;
        (answer.status, answer.code(), answer.anonymous_body())
    };
    let file = made["file_id"].as_str().unwrap();
    let mut tried = 0;
    for route in routes() {
        if !route.path.starts_with("/api/v1/files/{id}") && !route.path.ends_with("load/{id}") {
            continue;
        }
        let foreign = ask(route.method.as_str(), route.path, file).await;
        let missing = ask(route.method.as_str(), route.path, &fresh_id()).await;
        assert_eq!((foreign.0, Some(&*foreign.1)), (case.expect.status, case.expect.code), "{route:?}");
        assert_eq!(foreign, missing, "{route:?}");
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
    app.get(&owner, &format!("/api/v1/files/{file}")).await.is(200);
}

/// The key of a case that is tried as one; `None` for the other cases.
fn bad_key(input: Input) -> Option<Vec<u8>> {
    match input {
        Input::Key(bytes) => Some(bytes.to_vec()),
        Input::Times(text, times) => Some(text.repeat(times).into_bytes()),
        _ => None,
    }
}

fn refused(error: &Error, expected: (u16, Option<&str>), id: &str) {
    let found = (status(error.kind()).as_u16(), Some(error.kind().code()));
    assert_eq!(found, expected, "{id}");
}

/// K03 to K10: such a key cannot be made, so no backend ever sees it; the S3 server refuses it from any other client.
#[tokio::test(flavor = "multi_thread")]
async fn k03_to_k10_keys_that_cannot_be_are_refused_wherever_they_are_read() {
    let sim = Sim::start().await;
    let client = client(&sim);
    let bucket = sim.files();
    for case in CASES {
        let Some(bytes) = bad_key(case.input) else { continue };
        let expected = (case.expect.status, case.expect.code);
        let Ok(text) = String::from_utf8(bytes.clone()) else {
            // A key that is not UTF-8 is no text at all, in JSON neither.
            let quoted = [b"\"", &bytes[..], b"\""].concat();
            assert!(serde_json::from_slice::<StorageKey>(&quoted).is_err(), "{}", case.id);
            let raw = format!("{}/{bucket}/{}", sim.s3_url, percent_encode(&bytes, NON_ALPHANUMERIC));
            let answer = send("PUT", &raw, &[], b"x").await;
            assert_eq!((answer.status, answer.code.as_deref()), (400, Some("InvalidURI")), "{}", case.id);
            continue;
        };
        refused(&StorageKey::parse(&text).unwrap_err(), expected, case.id);
        refused(&ObjectKey::parse(&KeySpace::default(), &text).unwrap_err(), expected, case.id);
        assert!(serde_json::from_value::<StorageKey>(json!(text)).is_err(), "{}", case.id);
        if text.is_empty() {
            // Without a key HTTP names the bucket, and nobody but its owner makes one.
            let answer = send("PUT", &format!("{}/{bucket}/", sim.s3_url), &[], b"x").await;
            assert_eq!((answer.status, answer.code.as_deref()), (403, Some("AccessDenied")), "{}", case.id);
            continue;
        }
        let put = client.put_object().bucket(bucket.as_str()).key(&text).body(b"x".to_vec().into());
        let error = put.send().await.unwrap_err();
        let found = error.raw_response().map(|response| response.status().as_u16());
        assert_eq!(found, Some(400), "{}: {error:?}", case.id);
        assert!(
            matches!(error.code(), Some("InvalidArgument" | "KeyTooLongError")),
            "{}: {error:?}",
            case.id
        );
    }
    let listed = sim.storage.list(&bucket, ListRequest::under("")).await.unwrap();
    assert_eq!(listed, Default::default(), "nothing is stored");
}

/// K11 to K14: in every backend each key is one object, found and deleted by itself.
#[tokio::test(flavor = "multi_thread")]
async fn k11_to_k14_names_that_look_alike_are_different_objects_in_every_backend() {
    let sim = Sim::start().await;
    let bucket = sim.files();
    let memory = MemoryBackend::new(&[&bucket]);
    let s3 = s3(&sim).await;
    // The S3 server lies over the local backend; each run leaves nothing behind for the next.
    let backends: [&dyn StorageBackend; 3] = [&memory, &sim.storage, &s3];
    for case in CASES {
        let Input::Distinct(keys) = case.input else { continue };
        for backend in backends {
            let tried = format!("{} {}", case.id, backend.name());
            let object = |key: &str| ObjectRef::new(bucket.clone(), StorageKey::parse(key).unwrap());
            for key in keys {
                let body = Body::Bytes(bytes::Bytes::copy_from_slice(key.as_bytes()));
                backend.put(&object(key), body, PutOptions::default()).await.unwrap();
            }
            let mut left: Vec<&str> = keys.to_vec();
            left.sort_unstable();
            while let Some(key) = left.first().copied() {
                let listed = backend.list(&bucket, ListRequest::under("")).await.unwrap();
                let listed: Vec<&str> = listed.objects.iter().map(|meta| meta.key.as_str()).collect();
                assert_eq!(listed, left, "{tried}");
                let read = backend.get(&object(key), GetOptions::default()).await.unwrap();
                assert_eq!(read.collect(99).await.unwrap(), key.as_bytes(), "{tried}");
                backend.delete(&object(key)).await.unwrap();
                let gone = backend.head(&object(key)).await.unwrap_err();
                assert_eq!(gone.kind(), ErrorKind::NotFound, "{tried} {key}");
                left.remove(0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k15_names_that_s3_gives_no_bucket_are_refused() {
    let sim = Sim::start().await;
    let client = client(&sim);
    for case in CASES {
        let name = match case.input {
            Input::Bucket(name) => name.to_owned(),
            Input::LongBucket(length) => "a".repeat(length),
            _ => continue,
        };
        let error = BucketName::parse(&name).unwrap_err();
        refused(&error, (case.expect.status, case.expect.code), case.id);
        let error = client.create_bucket().bucket(&name).send().await.unwrap_err();
        let found = error.raw_response().map(|response| response.status().as_u16());
        assert_eq!((found, error.code()), (Some(400), Some("InvalidBucketName")), "{}", case.id);
    }
}
