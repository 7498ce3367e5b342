//! Signed URLs that are none: `s3s` calls them invalid or not implemented, where a reader of a URL is simply refused.

use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

/// What every signed URL has, each exactly once.
const PARAMETERS: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];

/// The longest life of a signed URL in seconds: a week.
const MAX_LIFE: u32 = 7 * 24 * 60 * 60;

/// The answer to a URL that has some of what a signed URL has, and not all of it in its one form; `None` for every other.
pub(super) fn refusal(query: Option<&str>) -> Option<S3Result<Response<Body>>> {
    if is_none_or_whole(query.unwrap_or_default()) {
        return None;
    }
    let mut error = S3Error::with_message(
        S3ErrorCode::SignatureDoesNotMatch,
        "The signature of the URL is incomplete or malformed.",
    );
    error.set_status_code(StatusCode::FORBIDDEN);
    Some(error.to_http_response())
}

fn is_none_or_whole(query: &str) -> bool {
    let mut found: [Option<String>; 6] = Default::default();
    for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        let name = decoded(name);
        let Some(index) = PARAMETERS.iter().position(|known| *known == name) else { continue };
        if found[index].replace(decoded(value)).is_some() {
            return false;
        }
    }
    if found.iter().all(Option::is_none) {
        return true;
    }
    let [Some(algorithm), Some(credential), Some(date), Some(life), Some(headers), Some(signature)] = found
    else {
        return false;
    };
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    algorithm == "AWS4-HMAC-SHA256"
        && is_credential(&credential, &date)
        && is_date(&date)
        && life.bytes().all(|byte| byte.is_ascii_digit())
        && life.parse::<u32>().is_ok_and(|life| (1..=MAX_LIFE).contains(&life))
        && headers.split(';').any(|header| header == "host")
        && signature.len() == 64
        && signature.bytes().all(is_hex)
}

/// `{key id}/{day}/{region}/s3/aws4_request`, of the day the URL was signed.
fn is_credential(credential: &str, date: &str) -> bool {
    let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
    let [end, service, region, day, key] = parts.as_slice() else { return false };
    *end == "aws4_request"
        && *service == "s3"
        && !region.is_empty()
        && date.get(..8) == Some(day)
        && !key.is_empty()
}

/// `yyyymmddThhmmssZ`.
fn is_date(date: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        date.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    date.len() == 16 && digits(0..8) && digits(9..15) && date.get(8..9) == Some("T") && date.ends_with('Z')
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261120T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn only_whole_signatures_and_none_at_all_go_on() {
        assert!(is_none_or_whole("") && is_none_or_whole("list-type=2&prefix=a"));
        assert!(is_none_or_whole(SIGNED) && is_none_or_whole(&format!("x-id=GetObject&{SIGNED}&a")));
        assert!(is_none_or_whole(&SIGNED.replace("X-Amz-Date", "X%2DAmz-Date")));
        for (from, to) in [
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            ("key%2F", ""),
            ("%2F20261120%2F", "%2F20261121%2F"),
            ("aws4_request", "aws5_request"),
            ("T120000Z", "T12000Z"),
            ("20261120T120000Z", "2026-11-20T12:00"),
            ("Expires=60", "Expires=0"),
            ("Expires=60", "Expires=604801"),
            ("Expires=60", "Expires=+60"),
            ("Expires=60", "Expires=-60"),
            ("host", "hosts"),
            ("abcdef&", "ABCDEF&"),
            ("=0123", "=123"),
            ("=0123", "=00123"),
            ("=0123", "=%C3%A923"),
        ] {
            let changed = format!("{SIGNED}&").replacen(from, to, 1);
            assert!(changed != format!("{SIGNED}&"), "{from}");
            assert!(!is_none_or_whole(&changed), "{from} {to}");
        }
        for parameter in PARAMETERS {
            assert!(!is_none_or_whole(&SIGNED.replacen(parameter, "other", 1)), "{parameter}");
            assert!(!is_none_or_whole(&format!("{SIGNED}&{parameter}=x")), "{parameter}");
        }
    }
}
