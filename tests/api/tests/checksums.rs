//! The checksum that the storage computes by itself: kept with every file, and shown.

use api_tests::{Form, TestApp, photo};
use serde_json::{Value, json};
use storage_core::ports::{ObjectRef, StorageBackend};
use storage_services::settings::MB;
use storage_testkit::memory::crc64nvme;

/// What the record and the answers say is the checksum of the bytes that are served.
async fn assert_told(app: &TestApp, file: &str, answer: &Value, what: &str) {
    let record = app.record(file).await;
    let object = ObjectRef::new(record.bucket.clone(), record.final_key.clone().unwrap());
    let expected = crc64nvme(&app.storage.bytes(&object).unwrap());
    assert_eq!(app.storage.head(&object).await.unwrap().checksum_crc64nvme, Some(expected.clone()), "{what}");
    assert_eq!(record.checksum_crc64nvme, Some(expected.clone()), "{what}");
    assert_eq!(answer["checksum_crc64nvme"], expected, "{what}");
}

#[tokio::test]
async fn every_file_tells_the_checksum_of_its_storage() {
    let app = TestApp::tuned(&[], |settings| {
        settings.inline_max_bytes = MB;
        settings.copy_part_bytes = MB;
    });
    app.storage.tell_checksums();
    let user = app.user();

    let text = app.text(&user, "a.txt", b"a direct upload").await;
    let read = app.get(&user, &format!("/api/v1/files/{text}")).await.is(200).json();
    assert_told(&app, &text, &read, "written").await;

    let small = b"a presigned upload".to_vec();
    let large = vec![0xFE; 3 * MB as usize + 1];
    for (bytes, what) in [(small, "copied"), (large, "copied in parts")] {
        let body = json!({ "filename": "a.bin", "content_type": "application/octet-stream",
            "size_bytes": bytes.len() });
        let issued = app.presign(&user, "/api/v1/files/presigned-upload", &body).await;
        app.post_form(&issued, &bytes).await.unwrap();
        assert_eq!(app.deliver_event(&issued.staging).await, Vec::<String>::new());
        let path = format!("/api/v1/files/{}/complete", issued.file);
        let complete = app.post(&user, &path, &json!({})).await.is(200).json();
        assert_told(&app, &issued.file, &complete, what).await;
    }

    let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, 1));
    let route = format!("/api/v1/users/{}/avatar", user.id);
    let made = app.call("POST", &route).by(&user).form(form).send().await.is(201).json();
    assert_told(&app, made["file_id"].as_str().unwrap(), &made, "an avatar").await;

    let path = format!("/api/v1/files/{text}");
    let public = app.patch(&user, &path, &json!({ "is_public": true })).await.is(200).json();
    assert_told(&app, &text, &public, "published").await;
    let listed = app.get(&user, "/api/v1/files").await.is(200).json();
    let item = listed["files"].as_array().unwrap().iter().find(|item| item["file_id"] == *text).unwrap();
    assert_told(&app, &text, item, "listed").await;
}

/// The local folder computes none, and then nothing is said.
#[tokio::test]
async fn a_storage_without_checksums_tells_none() {
    let app = TestApp::new();
    let user = app.user();
    let text = app.text(&user, "a.txt", b"text").await;
    let read = app.get(&user, &format!("/api/v1/files/{text}")).await.is(200).json();
    assert!(read.get("checksum_crc64nvme").is_none(), "{read}");
}
