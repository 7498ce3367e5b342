//! AWS Signature Version 4 for URLs and form posts, by the public documentation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::{ACCESS_KEY, SECRET_KEY};

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn signature(date: &str, text: &str) -> String {
    let key = ["us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(hmac(format!("AWS4{SECRET_KEY}").as_bytes(), date), |key, part| hmac(&key, part));
    hex::encode(hmac(&key, text))
}

/// The date and the time so many minutes ago.
fn ago(minutes: i64) -> (String, String) {
    let now = OffsetDateTime::now_utc() - time::Duration::minutes(minutes);
    let time = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
    (time[..8].to_owned(), time)
}

/// A URL for `method` that is signed for its host only.
pub(crate) fn presigned(host: &str, method: &str, target: &str, expires: i64) -> String {
    let (date, time) = ago(0);
    presigned_at(host, method, target, &date, &time, expires)
}

pub(crate) fn presigned_at(
    host: &str,
    method: &str,
    target: &str,
    date: &str,
    time: &str,
    expires: i64,
) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let scope = format!("{date}/us-east-1/s3/aws4_request");
    let mut fields: Vec<String> = query
        .split('&')
        .filter(|field| !field.is_empty())
        .map(|field| if field.contains('=') { field.to_owned() } else { format!("{field}=") })
        .collect();
    fields.extend([
        "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
        format!("X-Amz-Credential={ACCESS_KEY}%2F{}", scope.replace('/', "%2F")),
        format!("X-Amz-Date={time}"),
        format!("X-Amz-Expires={expires}"),
        "X-Amz-SignedHeaders=host".to_owned(),
    ]);
    fields.sort();
    let query = fields.join("&");
    let request = format!("{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let hash = hex::encode(Sha256::digest(request));
    let signature = signature(date, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}"));
    format!("http://{host}{path}?{query}&X-Amz-Signature={signature}")
}

/// The fields of a form, signed so many minutes ago, that may upload `key` as a PNG of `sizes` bytes for ten minutes.
pub(crate) fn form(bucket: &str, key: &str, minutes: i64, sizes: (u64, u64)) -> Vec<(String, String)> {
    let (date, time) = ago(minutes);
    let fields = json!({
        "key": key,
        "Content-Type": "image/png",
        "Cache-Control": "no-store",
        "success_action_status": "201",
        "x-amz-meta-name": "n",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": format!("{ACCESS_KEY}/{date}/us-east-1/s3/aws4_request"),
        "x-amz-date": time,
    });
    let mut conditions: Vec<Value> =
        fields.as_object().unwrap().iter().map(|(name, value)| json!({ name.as_str(): value })).collect();
    conditions.push(json!({ "bucket": bucket }));
    conditions.push(json!(["content-length-range", sizes.0, sizes.1]));
    let expiration = (OffsetDateTime::now_utc() + time::Duration::minutes(10))
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z"))
        .unwrap();
    let policy = STANDARD.encode(json!({ "expiration": expiration, "conditions": conditions }).to_string());
    let mut form: Vec<(String, String)> = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    form.push(("x-amz-signature".to_owned(), signature(&date, &policy)));
    form.push(("policy".to_owned(), policy));
    form
}
