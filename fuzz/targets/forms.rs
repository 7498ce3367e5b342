//! Upload forms: arbitrary bodies, cut into chunks of any size, and forms made of arbitrary contents.
#![no_main]

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::stream;
use libfuzzer_sys::fuzz_target;
use storage_core::{ErrorKind, Result};
use storage_lambda::http::multipart::{FormRules, UploadForm, read_form};

/// The most bytes of a file: few, so that the limit is met.
const MAX_FILE_BYTES: u64 = 512;
const RULES: FormRules<'static> = FormRules {
    max_file_bytes: MAX_FILE_BYTES,
    fields: &["owner_id", "is_public"],
    presign_route: "/presign",
};

fuzz_target!(|data: &[u8]| {
    let [chunk, lie, body @ ..] = data else { return };
    let length = body.len() + usize::from(lie % 16 == 15);
    let whole = read(body, length, body.len().max(1));
    check(&whole, body, length);
    // How the network cuts a body changes nothing.
    let cut = read(body, length, usize::from(*chunk).max(1));
    check(&cut, body, length);
    assert_eq!(told(&cut), told(&whole));

    let (file, field) = body.split_at(usize::from(*chunk).min(body.len()));
    check_contents(file, &String::from_utf8_lossy(field));
});

/// Reads a body with this declared length that arrives in chunks of this size.
fn read(body: &[u8], length: usize, chunk: usize) -> Result<UploadForm> {
    let chunks: Vec<_> =
        body.chunks(chunk).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
    let request = Request::post("/form")
        .header("content-type", "multipart/form-data; boundary=b")
        .header("content-length", length)
        .body(Body::from_stream(stream::iter(chunks)))
        .expect("a request");
    fuzzing::wait(read_form(request, &RULES))
}

fn check(form: &Result<UploadForm>, body: &[u8], length: usize) {
    match form {
        Ok(form) => {
            assert_eq!(length, body.len(), "a form is as long as it says");
            assert!(form.file.bytes.len() as u64 <= MAX_FILE_BYTES);
            assert!(form.fields.keys().all(|name| RULES.fields.contains(&name.as_str())));
            let held =
                |bytes: &[u8]| bytes.is_empty() || body.windows(bytes.len()).any(|window| window == bytes);
            assert!(held(&form.file.bytes), "the file is a part of the body");
            assert!(form.fields.values().all(|value| held(value.as_bytes())));
            let content_type = form.file.content_type.as_deref().unwrap_or_default();
            assert!(content_type.len() <= 255 && !content_type.contains(['\r', '\n', '\t', '\0']));
        }
        Err(error) => {
            use ErrorKind::{InvalidRequest, PayloadTooLarge, UnknownField};
            assert!(
                matches!(error.kind(), InvalidRequest | PayloadTooLarge | UnknownField),
                "{}",
                error.kind()
            );
            assert!(!error.log_line().contains("canary"), "the log repeats nothing of a body");
        }
    }
}

/// What was read; of a form with several faults, the cut decides which one is met first.
fn told(form: &Result<UploadForm>) -> Option<String> {
    form.as_ref().ok().map(|form| format!("{form:?}"))
}

/// A well-made form gives back what was put in, unless that holds the boundary itself.
fn check_contents(file: &[u8], field: &str) {
    let body = [
        b"--b\r\nContent-Disposition: form-data; name=\"owner_id\"\r\n\r\n",
        field.as_bytes(),
        b"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n",
        file,
        b"\r\n--b--\r\n",
    ]
    .concat();
    let holds_boundary =
        |bytes: &[u8]| [b"\r\n", bytes, b"\r\n"].concat().windows(5).any(|window| window == b"\r\n--b");
    if holds_boundary(file) || holds_boundary(field.as_bytes()) {
        return;
    }
    match read(&body, body.len(), 7) {
        Ok(form) => {
            assert_eq!(form.file.bytes, file);
            assert_eq!(form.fields["owner_id"], field);
            assert_eq!(form.file.filename.as_deref(), Some("a.png"));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PayloadTooLarge);
            assert!(file.len() as u64 > MAX_FILE_BYTES || field.len() > 16 * 1024);
        }
    }
}
