//! Scans for malware: what is not found clean is not readable by any route, whatever comes when, or does not come.

use std::sync::Arc;
use std::time::Duration;

use api_tests::{Form, Issued, Person, TestApp, batch, photo, scan_event};
use bytes::Bytes;
use serde_json::{Value, json};
use storage_core::ErrorKind;
use storage_core::ports::{Body, Clock, PutOptions, ScanVerdict, StorageBackend};
use storage_core::record::{FileState, Scan, ScanStatus};
use storage_core::state::{QUARANTINE_LIFE, SCAN_LIFE};
use storage_local::{Clamd, ClamdDaemon};

/// Attachments and exports are scanned, avatars are not.
const POLICY: &[(&str, &str)] = &[("STORAGE_SCAN", "attachment=before_ready,export=before_ready")];
/// Every word of GuardDuty, and one it does not know yet.
const STATUSES: [&str; 6] =
    ["NO_THREATS_FOUND", "THREATS_FOUND", "UNSUPPORTED", "ACCESS_DENIED", "FAILED", "SOMETHING_NEW"];
const CLEAN: &str = STATUSES[0];

/// The harmless file that every scanner finds, put together here so that this file is not it.
fn eicar() -> String {
    format!("{}{}", r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
}

/// A text whose bytes lie on staging.
async fn uploaded(app: &TestApp, user: &Person, text: &str) -> Issued {
    let body = json!({ "filename": "a.txt", "content_type": "text/plain", "size_bytes": text.len() });
    let issued = app.presign(user, "/api/v1/files/presigned-upload", &body).await;
    app.post_form(&issued, text.as_bytes()).await.unwrap();
    issued
}

/// The same, waiting for its verdict.
async fn waiting(app: &TestApp, user: &Person) -> Issued {
    let issued = uploaded(app, user, "a text").await;
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    assert_eq!(state(app, &issued.file).await, "scanning");
    issued
}

/// The same person later, when the first token has ended.
fn later(app: &TestApp, user: &Person) -> Person {
    Person { token: app.token(user.tenant, user.id, &["user"]), ..user.clone() }
}

async fn state(app: &TestApp, file: &str) -> &'static str {
    app.record(file).await.state.as_str()
}

async fn status(app: &TestApp, file: &str) -> ScanStatus {
    app.record(file).await.scan.expect("a scan").status
}

async fn complete(app: &TestApp, user: &Person, file: &str) -> api_tests::Answer {
    app.post(user, &format!("/api/v1/files/{file}/complete"), &Value::Null).await
}

/// Every route by which bytes could be read answers with this code, and the record says why.
async fn check_unreadable(app: &TestApp, user: &Person, file: &str, code: (u16, &str), case: &str) {
    let path = format!("/api/v1/files/{file}");
    for route in [format!("{path}/download"), format!("/api/v1/download/{file}")] {
        app.get(user, &route).await.refused(code.0, code.1, case);
        let inline = format!("{route}?disposition=inline");
        app.get(user, &inline).await.refused(code.0, code.1, case);
    }
    let urls = app.post(user, "/api/v1/files/urls", &json!({ "ids": [file] })).await.is(200).json();
    assert_eq!(urls["results"][0]["error"], code.1, "{case}: {urls}");
    let shown = app.get(user, &path).await.is(200);
    assert!(!String::from_utf8_lossy(&shown.body).contains("cdn.test"), "{case}");
    assert_eq!(shown.json().get("url"), None, "{case}");
}

const LOCKED: (u16, &str) = (403, "FILE_QUARANTINED");

/// Whatever the administrator or the owner tries, the file stays where it is and nobody reads it.
async fn check_locked(app: &TestApp, user: &Person, file: &str, case: &str) {
    check_unreadable(app, user, file, LOCKED, case).await;
    let shown = app.get(user, &format!("/api/v1/files/{file}")).await.is(200).json();
    assert_eq!((&shown["state"], &shown["error_code"]), (&json!("quarantined"), &json!(LOCKED.1)), "{case}");
    complete(app, user, file).await.refused(LOCKED.0, LOCKED.1, case);
    let admin = app.person(app.tenant, &["storage:admin"]);
    check_unreadable(app, &admin, file, LOCKED, case).await;
    let (copy, changed) = (format!("/api/v1/files/{file}/copy"), format!("/api/v1/files/{file}/move"));
    for route in [copy, changed, format!("/api/v1/files/{file}/restore")] {
        let answer = app.post(&admin, &route, &json!({})).await;
        assert!(answer.status >= 400, "{case}: {route} {answer:?}");
    }
    assert_eq!(
        app.keys(&[]).iter().filter(|key| !key.starts_with("staging/quarantine/")).count(),
        0,
        "{case}"
    );
}

/// I41: the test file as an attachment, by form and by request.
#[tokio::test]
async fn i41_the_eicar_file_goes_to_quarantine() {
    let scan = async |app: &TestApp, issued: &Issued, way: &str, user: &Person| match way {
        "event" => assert!(app.deliver_event(&issued.staging).await.is_empty()),
        _ => drop(complete(app, user, &issued.file).await.refused(LOCKED.0, LOCKED.1, way)),
    };
    for way in ["event", "complete"] {
        let app = TestApp::with(POLICY);
        app.malware.answer(Some(ScanVerdict::Infected { threat: "EICAR".to_owned() }));
        let user = app.user();
        let issued = uploaded(&app, &user, &eicar()).await;
        scan(&app, &issued, way, &user).await;
        check_locked(&app, &user, &issued.file, way).await;
        assert_eq!(app.trail(&issued.file).await, ["issued", "claimed", "quarantined"], "{way}");
        assert_eq!(app.keys(&[]), ["staging/quarantine/tenant/file1"], "{way}");
    }
    let app = TestApp::with(POLICY);
    app.malware.answer(Some(ScanVerdict::Infected { threat: "EICAR".to_owned() }));
    let user = app.user();
    for _ in 0..2 {
        let form = Form::of_file("a.txt", "text/plain", eicar().as_bytes());
        let call = app.call("POST", "/api/v1/files/upload").by(&user).form(form);
        call.header("idempotency-key", "once").send().await.refused(LOCKED.0, LOCKED.1, "direct");
    }
    let files = app.store.files();
    assert_eq!(files.len(), 1, "the repeated request is the same file");
    check_locked(&app, &user, &files[0].file_id.to_string(), "direct").await;
}

/// G49: each word of an event about a file that waits for it. Only one makes it readable, and it is the one that says so.
#[tokio::test]
async fn g49_each_verdict_on_a_file_that_waits_has_its_own_end() {
    for word in STATUSES {
        let app = TestApp::with(POLICY);
        let user = app.user();
        let issued = waiting(&app, &user).await;
        check_unreadable(&app, &user, &issued.file, (409, "NOT_READY"), word).await;
        assert!(app.deliver_scan(&issued.staging, word).await.is_empty(), "{word}");
        let record = app.record(&issued.file).await;
        let scan = record.scan.clone().unwrap();
        let expected = match word {
            CLEAN => (FileState::Ready, ScanStatus::Clean),
            "THREATS_FOUND" => (FileState::Quarantined, ScanStatus::Infected),
            _ => (FileState::Quarantined, ScanStatus::Error),
        };
        assert_eq!((record.state, scan.status), expected, "{word}");
        assert_eq!(scan.threat.is_some(), word == "THREATS_FOUND");
        if word == CLEAN {
            assert_eq!(record.attempts, 1, "waiting is no attempt");
            let answer = app.get(&user, &format!("/api/v1/files/{}/download", issued.file)).await.is(302);
            assert_eq!(app.fetch(answer.header("location").unwrap()).as_deref(), Some(&b"a text"[..]));
            let trail = app.trail(&issued.file).await;
            assert_eq!(trail, ["issued", "claimed", "scan-awaited", "acquitted", "ready"]);
        } else {
            check_locked(&app, &user, &issued.file, word).await;
        }
        // Delivered twice it is the same once.
        let before = (app.store.files(), app.storage.keys());
        let event = scan_event(&issued.staging, &scan.object.unwrap().etag, word);
        for late in STATUSES {
            let mut event = event.clone();
            event["detail"]["scanResultDetails"]["scanResultStatus"] = late.into();
            assert!(app.deliver(batch(&[event.to_string()])).await.is_empty(), "{word}, then {late}");
        }
        assert_eq!((app.store.files(), app.storage.keys()), before, "{word}");
    }
}

/// G49: each verdict on a file in each state but the one that waits for it changes nothing.
#[tokio::test]
async fn g49_a_verdict_on_any_other_state_is_dropped() {
    for other in FileState::ALL.iter().copied().filter(|state| *state != FileState::Scanning) {
        for word in STATUSES {
            let app = TestApp::with(POLICY);
            let user = app.user();
            let issued = uploaded(&app, &user, "a text").await;
            let worker = storage_core::ids::WorkerId::generate();
            let until = app.clock.now() + Duration::from_secs(600);
            app.alter(&issued.file, |record| {
                record.state = other;
                // Somebody is at work on what is being processed.
                (record.lease_owner, record.lease_until) = (Some(worker), Some(until));
                record.scan.as_mut().unwrap().moved = true;
            })
            .await;
            // An upload whose bytes have not been claimed would go on by itself, to the state that waits.
            if other == FileState::Pending {
                continue;
            }
            let before = (app.store.files(), app.storage.keys());
            assert!(app.deliver_scan(&issued.staging, word).await.is_empty(), "{other} {word}");
            assert_eq!((app.store.files(), app.storage.keys()), before, "{other} {word}");
        }
    }
}

/// The event overtakes the upload's own: it is dropped, and what it knew is found by asking.
#[tokio::test]
async fn g49_a_verdict_before_anybody_waits_for_it_is_found_by_asking() {
    for (word, verdict) in [
        (CLEAN, Some(ScanVerdict::Clean)),
        ("THREATS_FOUND", Some(ScanVerdict::Infected { threat: "x".to_owned() })),
        // A tag that is not there yet: the word of the event alone is believed only where somebody waits for it.
        (CLEAN, None),
    ] {
        let app = TestApp::with(POLICY);
        let user = app.user();
        let issued = uploaded(&app, &user, "a text").await;
        app.malware.answer(verdict.clone());
        assert!(app.deliver_scan(&issued.staging, word).await.is_empty());
        let expected = match verdict {
            Some(ScanVerdict::Clean) => "ready",
            Some(_) => "quarantined",
            None => "scanning",
        };
        assert_eq!(state(&app, &issued.file).await, expected, "{word} {verdict:?}");
    }
}

/// G49 and G55: however it was deleted, and whatever is said of it afterwards, it stays dead.
#[tokio::test]
async fn g49_g55_a_late_clean_verdict_does_not_bring_a_deleted_file_back() {
    for locked in [false, true] {
        let app = TestApp::with(POLICY);
        let user = app.user();
        let issued = waiting(&app, &user).await;
        let etag = app.record(&issued.file).await.scan.unwrap().object.unwrap().etag;
        if locked {
            app.deliver_scan(&issued.staging, "THREATS_FOUND").await;
            assert_eq!(state(&app, &issued.file).await, "quarantined");
        }
        app.delete(&user, &format!("/api/v1/files/{}", issued.file)).await.is(204);
        assert_eq!(app.keys(&[]), Vec::<String>::new(), "the bytes go at once, from wherever they lay");
        app.malware.answer(Some(ScanVerdict::Clean));
        for round in 0..3 {
            // The browser sends its form once more, and that is found clean.
            app.put(&issued.staging, b"a text").await;
            let event = scan_event(&issued.staging, &etag, CLEAN);
            assert!(app.deliver(batch(&[event.to_string()])).await.is_empty());
            assert!(app.deliver_event(&issued.staging).await.is_empty());
            let user = later(&app, &user);
            complete(&app, &user, &issued.file).await.refused(404, "NOT_FOUND", "deleted");
            let path = format!("/api/v1/files/{}", issued.file);
            app.get(&user, &path).await.refused(404, "NOT_FOUND", "deleted");
            assert_eq!(app.keys(&[]), Vec::<String>::new(), "round {round}");
            app.sweep_later().await;
        }
        assert_eq!(state(&app, &issued.file).await, "deleted");
    }
}

/// G49: who asks by `complete` is told to wait, and after an hour that the file is locked away.
#[tokio::test]
async fn g49_without_a_verdict_the_sweep_ends_the_wait() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let issued = uploaded(&app, &user, "a text").await;
    for _ in 0..2 {
        let answer = complete(&app, &user, &issued.file).await.is(202).json();
        assert_eq!((&answer["state"], answer.get("url")), (&json!("scanning"), None));
    }
    app.clock.advance(SCAN_LIFE - Duration::from_secs(1));
    let counts = app.sweep_now().await;
    assert_eq!((counts.quarantined, counts.scan_timeouts, counts.errors), (0, 0, 0));
    assert_eq!(state(&app, &issued.file).await, "scanning");
    app.clock.advance(Duration::from_secs(1));
    let counts = app.sweep_now().await;
    assert_eq!((counts.quarantined, counts.scan_timeouts, counts.errors), (1, 1, 0));
    assert_eq!(status(&app, &issued.file).await, ScanStatus::Timeout);
    let user = later(&app, &user);
    check_locked(&app, &user, &issued.file, "after an hour").await;
    app.malware.answer(Some(ScanVerdict::Clean));
    app.sweep_later().await;
    check_locked(&app, &later(&app, &user), &issued.file, "a verdict that comes too late").await;
}

/// The tag is there, and the event never comes.
#[tokio::test]
async fn g49_the_sweep_finds_a_verdict_whose_event_was_lost() {
    for (verdict, end) in
        [(ScanVerdict::Clean, "ready"), (ScanVerdict::Infected { threat: "x".to_owned() }, "quarantined")]
    {
        let app = TestApp::with(POLICY);
        let user = app.user();
        let issued = waiting(&app, &user).await;
        app.malware.answer(Some(verdict));
        app.clock.advance(Duration::from_secs(10 * 60));
        let counts = app.sweep_now().await;
        assert_eq!((counts.errors, counts.scan_timeouts), (0, 0));
        app.deliver_queued().await;
        assert_eq!(state(&app, &issued.file).await, end);
    }
}

/// G10 and G49: an event about other bytes, another version, another key or another bucket says nothing about this file.
#[tokio::test]
async fn g49_a_verdict_on_another_object_is_dropped() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let issued = waiting(&app, &user).await;
    let etag = app.record(&issued.file).await.scan.unwrap().object.unwrap().etag;
    let honest = scan_event(&issued.staging, &etag, CLEAN);
    let key = issued.staging.key.as_str();
    let other_nonce = format!("{}{}", &key[..key.len() - 32], "0".repeat(32));
    let changes: [(&str, Value); 7] = [
        ("eTag", json!("d41d8cd98f00b204e9800998ecf8427e")),
        ("eTag", json!(format!("{}-2", etag.as_str()))),
        ("versionId", json!("another")),
        ("bucketName", json!(api_tests::BUCKET)),
        ("objectKey", json!(other_nonce)),
        ("objectKey", json!(format!("quarantine/{}/{}", app.tenant, issued.file))),
        ("objectKey", json!("private/attachments/x")),
    ];
    let before = (app.store.files(), app.storage.keys());
    for (member, value) in changes {
        let mut event = honest.clone();
        event["detail"]["s3ObjectDetails"][member] = value.clone();
        assert!(app.deliver(batch(&[event.to_string()])).await.is_empty(), "{member} {value}");
        assert_eq!((app.store.files(), app.storage.keys()), before, "{member} {value}");
    }
    // The browser sends something else before the verdict on the first comes.
    app.put(&issued.staging, b"a lie!").await;
    assert!(app.deliver(batch(&[honest.to_string()])).await.is_empty());
    assert_eq!(state(&app, &issued.file).await, "scanning");
    app.deliver_scan(&issued.staging, "THREATS_FOUND").await;
    check_locked(&app, &user, &issued.file, "the second upload").await;
}

/// The browser sends something else between the clean verdict and the ingest that follows it.
#[tokio::test]
async fn g49_what_replaces_a_clean_upload_is_scanned_itself() {
    let app = Arc::new(TestApp::with(POLICY));
    let user = app.user();
    let issued = waiting(&app, &user).await;
    let (inner, staging) = (app.clone(), issued.staging.clone());
    // The commit of the verdict is the first; the claim of the ingest comes after it.
    app.store_faults.after("commit", 1, move || async move { inner.put(&staging, b"a lie!").await });
    assert!(app.deliver_scan(&issued.staging, CLEAN).await.is_empty());
    let scan = app.record(&issued.file).await.scan.unwrap();
    assert_eq!((state(&app, &issued.file).await, scan.status), ("scanning", ScanStatus::Pending));
    let lie = storage_core::ports::StorageBackend::head(&*app.storage, &issued.staging).await.unwrap().etag;
    assert_eq!(scan.object.unwrap().etag, lie);
    app.deliver_scan(&issued.staging, CLEAN).await;
    let record = app.record(&issued.file).await;
    assert_eq!(record.sha256.as_deref(), Some(&*api_tests::sha256(b"a lie!")), "and found clean itself");
}

/// A direct upload is answered before its verdict, and asked again it is answered with what became of it.
#[tokio::test]
async fn a_direct_upload_that_waits_for_its_verdict_is_accepted_and_not_done() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let send = async || {
        let form = Form::of_file("a.txt", "text/plain", b"a text");
        let call = app.call("POST", "/api/v1/files/upload").by(&user).form(form);
        call.header("idempotency-key", "once").send().await
    };
    let first = send().await.is(202).json();
    assert_eq!((&first["state"], first.get("url")), (&json!("scanning"), None));
    assert_eq!(send().await.is(202).json()["file_id"], first["file_id"]);
    let file = first["file_id"].as_str().unwrap();
    let record = app.record(file).await;
    let staging = storage_core::ports::ObjectRef::new(record.staging_bucket, record.staging_key.unwrap());
    app.deliver_scan(&staging, CLEAN).await;
    let done = send().await.is(201).json();
    assert_eq!((&done["state"], &done["file_id"]), (&json!("ready"), &first["file_id"]));
    assert_eq!(app.fetch(done["url"].as_str().unwrap()).as_deref(), Some(&b"a text"[..]));
    assert_eq!(app.keys(&[]).len(), 2, "nothing stays on staging");
}

/// The policy is of the purpose, and of the moment of issue.
#[tokio::test]
async fn what_the_policy_does_not_ask_for_is_not_scanned() {
    let app = TestApp::with(POLICY);
    app.malware.answer(Some(ScanVerdict::Infected { threat: "x".to_owned() }));
    let user = app.user();
    let form = Form::of_file("me.jpg", "image/jpeg", &photo(64, 1));
    app.call("POST", &format!("/api/v1/users/{}/avatar", user.id)).by(&user).form(form).send().await.is(201);
    assert_eq!(app.scan_faults.count("verdict"), 0);

    let app = TestApp::new();
    let user = app.user();
    let issued = uploaded(&app, &user, "a text").await;
    // A plan of somebody else's scans the bucket all the same: its words have nobody to hear them.
    assert!(app.deliver_scan(&issued.staging, "THREATS_FOUND").await.is_empty());
    assert_eq!(state(&app, &issued.file).await, "pending");
    app.deliver_event(&issued.staging).await;
    assert_eq!(state(&app, &issued.file).await, "ready");
    assert_eq!((app.record(&issued.file).await.scan, app.scan_faults.count("verdict")), (None, 0));
}

/// A scanner that is away is an outage: nothing is lost, and nothing is readable meanwhile.
#[tokio::test]
async fn g49_a_scanner_that_is_away_makes_nothing_readable() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    app.malware.answer(Some(ScanVerdict::Clean));
    let issued = uploaded(&app, &user, "a text").await;
    app.scan_faults.fail_from("verdict", 1, ErrorKind::StorageUnavailable);
    for _ in 0..8 {
        assert_eq!(app.deliver_event(&issued.staging).await, ["m0"], "it comes again");
        complete(&app, &user, &issued.file).await.refused(503, "STORAGE_UNAVAILABLE", "away");
        check_unreadable(&app, &user, &issued.file, (409, "NOT_READY"), "away").await;
    }
    app.scan_faults.heal();
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    assert_eq!(state(&app, &issued.file).await, "ready");
}

/// What an administrator releases is ingested from quarantine; a second upload is not what was released.
#[tokio::test]
async fn a_released_file_becomes_readable_with_the_bytes_that_were_locked_away() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let issued = waiting(&app, &user).await;
    app.deliver_scan(&issued.staging, "THREATS_FOUND").await;
    app.put(&issued.staging, b"a lie!").await;
    assert!(app.deliver_event(&issued.staging).await.is_empty());
    assert_eq!(app.keys(&[]), ["staging/quarantine/tenant/file1"], "what comes afterwards is a stray");
    app.put(&issued.staging, b"a lie!").await;
    app.release(&issued.file).await.unwrap();
    assert_eq!(app.release(&issued.file).await, Err(ErrorKind::StateConflict));
    check_unreadable(&app, &user, &issued.file, (409, "NOT_READY"), "released, and not ingested yet").await;
    app.deliver_queued().await;
    let record = app.record(&issued.file).await;
    assert_eq!((record.state, record.error_code), (FileState::Ready, None));
    assert_eq!(record.sha256.as_deref(), Some(&*api_tests::sha256(b"a text")));
    assert_eq!(status(&app, &issued.file).await, ScanStatus::Released);
    let trail = app.trail(&issued.file).await;
    assert_eq!(trail[3..], ["quarantined", "unquarantined", "ready"], "{trail:?}");
    assert!(app.keys(&[]).iter().all(|key| key.starts_with("files/")), "{:?}", app.keys(&[]));
    // From then on it is like any other file.
    app.delete(&user, &format!("/api/v1/files/{}?permanent=true", issued.file)).await.is(204);
    assert_eq!(app.keys(&[]), Vec::<String>::new());
}

#[tokio::test]
async fn quarantine_ends_after_thirty_days_by_itself() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let issued = waiting(&app, &user).await;
    app.deliver_scan(&issued.staging, "FAILED").await;
    app.clock.advance(QUARANTINE_LIFE - Duration::from_secs(1));
    app.sweep_now().await;
    let user = later(&app, &user);
    check_locked(&app, &user, &issued.file, "in its last second").await;
    app.clock.advance(Duration::from_secs(1));
    app.sweep_now().await;
    let path = format!("/api/v1/files/{}", issued.file);
    app.get(&user, &path).await.refused(404, "NOT_FOUND", "its time is over");
    assert_eq!(app.release(&issued.file).await, Err(ErrorKind::NotFound));
    app.sweep_later().await;
    assert_eq!(app.keys(&[]), Vec::<String>::new());
}

/// A record that was moved to quarantine by nobody (as an older version might have left it) is not released from nothing.
#[tokio::test]
async fn what_is_not_in_quarantine_cannot_be_released() {
    let app = TestApp::with(POLICY);
    let user = app.user();
    let issued = uploaded(&app, &user, "a text").await;
    for other in FileState::ALL.iter().copied() {
        app.alter(&issued.file, |record| {
            record.state = other;
            record.scan = Some(Scan { moved: true, ..Scan::required(record.created_at) });
        })
        .await;
        let expected = match other {
            FileState::Quarantined => ErrorKind::UploadNotFound,
            FileState::Deleting | FileState::Deleted => ErrorKind::NotFound,
            _ => ErrorKind::StateConflict,
        };
        assert_eq!(app.release(&issued.file).await, Err(expected), "{other}");
    }
}

/// I41 with the real daemon: the test file is locked away, and its neighbour is served.
#[tokio::test]
async fn i41_clamd_finds_the_eicar_file_and_lets_others_pass() {
    if !ClamdDaemon::is_installed() {
        storage_testkit::loud::loudly("SKIPPED: clamd is missing (apt-get install clamav-daemon)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let daemon = ClamdDaemon::start(folder.path()).await.unwrap();
    let address = daemon.address();
    let app = TestApp::scanned_by(POLICY, |storage, _| Arc::new(Clamd::new(address, storage)));
    let user = app.user();
    for (text, end) in [(eicar(), "quarantined"), ("a harmless text".to_owned(), "ready")] {
        let issued = uploaded(&app, &user, &text).await;
        assert!(app.deliver_event(&issued.staging).await.is_empty());
        assert_eq!(state(&app, &issued.file).await, end);
        let form = Form::of_file("a.txt", "text/plain", text.as_bytes());
        let direct = app.call("POST", "/api/v1/files/upload").by(&user).form(form).send().await;
        assert_eq!(direct.status, if end == "ready" { 201 } else { 403 });
    }
    let threats: Vec<_> = app.store.files().into_iter().filter_map(|record| record.scan?.threat).collect();
    assert_eq!(threats.len(), 2);
    assert!(threats.iter().all(|threat| threat.contains("Eicar")), "{threats:?}");
    daemon.stop().await;
    let issued = uploaded(&app, &user, "a third text").await;
    assert_eq!(app.deliver_event(&issued.staging).await, ["m0"], "a daemon that is gone lets nothing pass");
    assert_eq!(app.record(&issued.file).await.etag, None);
}

/// G12, G49: whoever can make two objects with one tag, as with MD5 one can, gets the one served that was looked at.
#[tokio::test]
async fn g49_what_was_found_clean_is_what_is_served_whatever_tags_say() {
    for operation in ["get", "copy"] {
        let app = TestApp::with(POLICY);
        app.storage.keep_versions();
        app.storage.weaken_tags();
        let user = app.user();
        let issued = waiting(&app, &user).await;
        let (storage, staging) = (app.storage.clone(), issued.staging.clone());
        app.storage_faults.before(operation, 1, move || async move {
            let other = Body::Bytes(Bytes::from_static(b"b text"));
            storage.put(&staging, other, PutOptions::default()).await.unwrap();
        });
        assert!(app.deliver_scan(&issued.staging, CLEAN).await.is_empty());
        let record = app.record(&issued.file).await;
        assert_eq!(
            (record.state, record.sha256),
            (FileState::Ready, Some(api_tests::sha256(b"a text"))),
            "{operation}"
        );
        let answer = app.get(&user, &format!("/api/v1/files/{}/download", issued.file)).await.is(302);
        assert_eq!(app.fetch(answer.header("location").unwrap()).unwrap(), "a text", "{operation}");
    }
}
