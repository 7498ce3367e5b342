//! Objects over HTTP: bytes, headers, conditions, checksums, copies, parts, listings.

use crate::{BUCKET, Server, failure, header};

#[tokio::test]
async fn objects_come_back_with_their_headers() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/dir/a%20b%2Bc%C3%A9");
    // "é" by RFC 2047, as SDKs send it.
    let sent = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("content-disposition", "inline"),
        ("x-amz-meta-name", "=?UTF-8?B?w6k=?="),
    ];
    let put = server.signed("PUT", &target, &sent, b"hello").await;
    assert_eq!((put.status().as_u16(), header(&put, "etag")), (200, "\"5d41402abc4b2a76b9719d911017c592\""));
    let get = server.signed("GET", &target, &[], b"").await;
    assert_eq!((get.status().as_u16(), &get.body()[..]), (200, &b"hello"[..]));
    let head = server.signed("HEAD", &target, &[], b"").await;
    for response in [&get, &head] {
        assert_eq!(header(response, "content-length"), "5");
        assert_eq!(header(response, "accept-ranges"), "bytes");
        assert_eq!(header(response, "etag"), header(&put, "etag"));
        for (name, value) in sent {
            assert_eq!(header(response, name), value, "{name}");
        }
    }
    let object = storage_core::ports::ObjectRef::new(
        storage_core::ids::BucketName::parse(BUCKET).unwrap(),
        storage_core::key::StorageKey::parse("dir/a b+c\u{e9}").unwrap(),
    );
    let meta = storage_core::ports::StorageBackend::head(&server.backend, &object).await.unwrap();
    assert_eq!(meta.metadata["name"], "\u{e9}");

    let range = server.signed("GET", &target, &[("range", "bytes=1-2")], b"").await;
    assert_eq!((range.status().as_u16(), &range.body()[..]), (206, &b"el"[..]));
    assert_eq!((header(&range, "content-range"), header(&range, "content-length")), ("bytes 1-2/5", "2"));
    let beyond = server.signed("GET", &target, &[("range", "bytes=5-")], b"").await;
    assert_eq!(failure(&beyond), (416, "InvalidRange".to_owned()));
    assert_eq!(header(&beyond, "content-range"), "bytes */5");

    let overrides = "response-content-disposition=attachment%3B%20filename%3Dx&response-content-type=a%2Fb";
    for method in ["GET", "HEAD"] {
        let response = server.signed(method, &format!("{target}?{overrides}"), &[], b"").await;
        assert_eq!(header(&response, "content-disposition"), "attachment; filename=x");
        assert_eq!(header(&response, "content-type"), "a/b");
    }

    assert_eq!(server.signed("DELETE", &target, &[], b"").await.status(), 204);
    assert_eq!(server.signed("DELETE", &target, &[], b"").await.status(), 204);
    assert_eq!(failure(&server.signed("GET", &target, &[], b"").await), (404, "NoSuchKey".to_owned()));
    assert_eq!(server.signed("HEAD", &target, &[], b"").await.status(), 404);
    let invalid = server.signed("PUT", &format!("/{BUCKET}/a/../b"), &[], b"x").await;
    assert_eq!(failure(&invalid), (400, "InvalidArgument".to_owned()));
}

#[tokio::test]
async fn conditions_hold_for_writes_and_reads() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/k");
    let put = server.signed("PUT", &target, &[("if-none-match", "*")], b"1").await;
    let etag = header(&put, "etag").to_owned();
    let refused = (412, "PreconditionFailed".to_owned());
    for condition in [("if-none-match", "*"), ("if-match", "\"other\"")] {
        assert_eq!(failure(&server.signed("PUT", &target, &[condition], b"2").await), refused);
    }
    assert_eq!(failure(&server.signed("PUT", &target, &[("if-match", "*")], b"2").await).0, 501);
    assert_eq!(server.signed("GET", &target, &[], b"").await.body(), &b"1"[..]);
    let unchanged = server.signed("GET", &target, &[("if-none-match", &etag)], b"").await;
    assert_eq!((unchanged.status().as_u16(), unchanged.body().len()), (304, 0));
    assert_eq!(header(&unchanged, "etag"), etag);
    assert_eq!(server.signed("GET", &target, &[("if-match", &etag)], b"").await.status(), 200);
    assert_eq!(failure(&server.signed("GET", &target, &[("if-match", "\"x\"")], b"").await), refused);
    assert_eq!(server.signed("PUT", &target, &[("if-match", &etag)], b"2").await.status(), 200);
}

#[tokio::test]
async fn a_body_that_is_not_what_was_declared_is_not_stored() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/k");
    for (name, wrong, right) in [
        ("content-md5", "rL0Y20zC+Fzt72VPzMSk2A==", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-checksum-crc32", "AAAAAA==", "NhCmhg=="),
        ("x-amz-checksum-sha1", "AAAAAA==", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
    ] {
        let response = server.signed("PUT", &target, &[(name, wrong)], b"hello").await;
        assert_eq!(failure(&response), (400, "BadDigest".to_owned()), "{name}");
        assert_eq!(server.signed("GET", &target, &[], b"").await.status(), 404);
        assert_eq!(server.signed("PUT", &target, &[(name, right)], b"hello").await.status(), 200, "{name}");
        assert_eq!(server.signed("DELETE", &target, &[], b"").await.status(), 204);
    }
    let other = "0000000000000000000000000000000000000000000000000000000000000000";
    let response = server.signed("PUT", &target, &[("x-amz-content-sha256", other)], b"hello").await;
    assert_eq!(failure(&response), (400, "BadDigest".to_owned()));
    assert_eq!(server.signed("GET", &target, &[], b"").await.status(), 404);
}

#[tokio::test]
async fn copies_are_bound_to_the_named_source() {
    let server = Server::start().await;
    let put = server.signed("PUT", &format!("/{BUCKET}/a%20b"), &[("content-type", "a/b")], b"x").await;
    let (source, etag) = (format!("/{BUCKET}/a%20b"), header(&put, "etag").to_owned());
    let from = ("x-amz-copy-source", source.as_str());
    let target = format!("/{BUCKET}/copy");
    let wrong = server.signed("PUT", &target, &[from, ("x-amz-copy-source-if-match", "\"x\"")], b"").await;
    assert_eq!(failure(&wrong), (412, "PreconditionFailed".to_owned()));
    let right = [from, ("x-amz-copy-source-if-match", &etag), ("if-none-match", "*")];
    let copied = server.signed("PUT", &target, &right, b"").await;
    assert_eq!(copied.status(), 200);
    assert!(String::from_utf8_lossy(copied.body()).contains(etag.trim_matches('"')));
    assert_eq!(failure(&server.signed("PUT", &target, &right, b"").await).0, 412);
    assert_eq!(header(&server.signed("HEAD", &target, &[], b"").await, "content-type"), "a/b");
    let replacing = [from, ("x-amz-metadata-directive", "REPLACE"), ("content-type", "c/d")];
    assert_eq!(server.signed("PUT", &target, &replacing, b"").await.status(), 200);
    assert_eq!(header(&server.signed("HEAD", &target, &[], b"").await, "content-type"), "c/d");
    let none = ("x-amz-copy-source", "/test-bucket/none");
    assert_eq!(failure(&server.signed("PUT", &target, &[none], b"").await).0, 404);
}

#[tokio::test]
async fn parts_become_an_object() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/big");
    let between = |text: &[u8], start: &str, end: &str| -> String {
        let text = String::from_utf8_lossy(text).into_owned();
        text.split_once(start).unwrap().1.split_once(end).unwrap().0.to_owned()
    };
    let created = server.signed("POST", &format!("{target}?uploads"), &[("content-type", "v/m")], b"").await;
    let id = between(created.body(), "<UploadId>", "</UploadId>");
    let mut list = String::new();
    for (number, bytes) in [(1, b"one"), (2, b"two")] {
        let part = format!("{target}?partNumber={number}&uploadId={id}");
        let etag = header(&server.signed("PUT", &part, &[], bytes).await, "etag").to_owned();
        list.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
    }
    let parts = server.signed("GET", &format!("{target}?max-parts=1&uploadId={id}"), &[], b"").await;
    assert_eq!(between(parts.body(), "<NextPartNumberMarker>", "</NextPartNumberMarker>"), "1");
    let open = server.signed("GET", &format!("/{BUCKET}?uploads"), &[], b"").await;
    assert_eq!(between(open.body(), "<UploadId>", "</UploadId>"), id);
    let complete = async |parts: &str| {
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        server.signed("POST", &format!("{target}?uploadId={id}"), &[], body.as_bytes()).await
    };
    let wrong = list.replacen("<PartNumber>2<", "<PartNumber>3<", 1);
    assert_eq!(failure(&complete(&wrong).await), (400, "InvalidPart".to_owned()));
    assert_eq!(complete(&list).await.status(), 200);
    let read = server.signed("GET", &target, &[], b"").await;
    assert_eq!((&read.body()[..], header(&read, "content-type")), (&b"onetwo"[..], "v/m"));
    assert_eq!(failure(&complete(&list).await), (404, "NoSuchUpload".to_owned()));
    let abort = server.signed("DELETE", &format!("{target}?uploadId={id}"), &[], b"").await;
    assert_eq!(failure(&abort), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn listings_are_paged_and_many_objects_deleted_at_once() {
    let server = Server::start().await;
    for key in ["a/1", "a/2", "b%20c/%261", "d"] {
        server.signed("PUT", &format!("/{BUCKET}/{key}"), &[], b"x").await;
    }
    let list = async |query: &str| {
        let response = server.signed("GET", &format!("/{BUCKET}?list-type=2&{query}"), &[], b"").await;
        assert_eq!(response.status(), 200);
        String::from_utf8_lossy(response.body()).into_owned()
    };
    let page = list("delimiter=%2F&max-keys=2").await;
    assert!(page.contains("<Prefix>a/</Prefix>") && page.contains("<Prefix>b c/</Prefix>"), "{page}");
    assert!(page.contains("<IsTruncated>true</IsTruncated>") && !page.contains("<Key>"), "{page}");
    let token = page.split_once("<NextContinuationToken>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let page = list(&format!("continuation-token={token}&delimiter=%2F&max-keys=2")).await;
    assert!(page.contains("<Key>d</Key>") && page.contains("<IsTruncated>false</IsTruncated>"), "{page}");
    let page = list("encoding-type=url&start-after=a%2F2").await;
    assert!(page.contains("<Key>b%20c/%261</Key>") && !page.contains("a/1"), "{page}");
    let wrong = server.signed("GET", &format!("/{BUCKET}?continuation-token=x&list-type=2"), &[], b"").await;
    assert_eq!(failure(&wrong), (400, "InvalidArgument".to_owned()));

    let body = b"<Delete><Object><Key>a/1</Key></Object><Object><Key>none</Key></Object>\
        <Object><Key>../x</Key></Object></Delete>";
    let deleted = server.signed("POST", &format!("/{BUCKET}?delete"), &[], body).await;
    let text = String::from_utf8_lossy(deleted.body()).into_owned();
    assert_eq!((text.matches("<Deleted>").count(), text.matches("<Error>").count()), (2, 1), "{text}");
    assert!(!list("").await.contains("a/1"));
}

/// H08: one range is a part, a range beyond the end is none, and what S3 does not understand is the whole object.
#[tokio::test]
async fn h08_one_range_is_served_and_others_are_ignored() {
    let server = Server::start().await;
    let target = format!("/{BUCKET}/k");
    server.signed("PUT", &target, &[], b"0123456789").await;
    let many = format!("bytes=0-0{}", ",1-1".repeat(5_000));
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=8-99", 206, "89"),
        ("bytes=0-0,1-1", 200, "0123456789"),
        (&many, 200, "0123456789"),
        ("bytes=9-5", 200, "0123456789"),
        ("items=0-1", 200, "0123456789"),
        ("bytes=", 200, "0123456789"),
        ("bytes=-", 200, "0123456789"),
        ("bytes=a-b", 200, "0123456789"),
        ("bytes=0-99999999999999999999", 200, "0123456789"),
    ] {
        let read = server.signed("GET", &target, &[("range", range)], b"").await;
        assert_eq!((read.status().as_u16(), &read.body()[..]), (status, body.as_bytes()), "{range:.40}");
        assert_eq!(header(&read, "content-range").is_empty(), status == 200, "{range:.40}");
    }
    for range in ["bytes=10-", "bytes=999999-", "bytes=999999-9999999"] {
        let read = server.signed("GET", &target, &[("range", range)], b"").await;
        assert_eq!(failure(&read), (416, "InvalidRange".to_owned()), "{range}");
        assert_eq!(header(&read, "content-range"), "bytes */10");
    }
    let repeated = [("range", "bytes=0-0"), ("range", "bytes=1-1")];
    assert_eq!(server.signed("GET", &target, &repeated, b"").await.status(), 200);
}
