//! Ranges of reads, which S3 understands one at a time.

use http::header::{AUTHORIZATION, RANGE};
use http::{HeaderMap, Method, Request};

/// Takes away a `Range` that S3 ignores: several ranges, one that ends before it starts, another unit. The whole object is
/// the answer then. `s3s` refuses them.
///
/// A range that a signature covers stays: without it the signature would not be true any more.
pub(super) fn ignore_unusable<B>(request: &mut Request<B>) {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !is_usable(request.headers()) && !is_signed(request) {
        request.headers_mut().remove(RANGE);
    }
}

fn is_usable(headers: &HeaderMap) -> bool {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return false };
    let Some(range) = range.to_str().ok().and_then(|range| range.strip_prefix("bytes=")) else {
        return false;
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok());
    match range.split_once('-') {
        Some(("", last)) => matches!(number(last), Some(Some(_))),
        Some((first, "")) => matches!(number(first), Some(Some(_))),
        Some((first, last)) => match (number(first), number(last)) {
            (Some(Some(first)), Some(Some(last))) => first <= last,
            _ => false,
        },
        None => false,
    }
}

/// Whether the names of the signed headers, in the URL or in `Authorization`, have `range` among them.
fn is_signed<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let in_url = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = authorization
        .and_then(|value| value.split_once("SignedHeaders="))
        .map(|(_, names)| names.split(',').next().unwrap_or_default());
    let named =
        |names: &str| names.replace("%3B", ";").replace("%3b", ";").split(';').any(|name| name == "range");
    in_url.is_some_and(named) || in_header.is_some_and(named)
}
