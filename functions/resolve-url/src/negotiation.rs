//! What a client wants to get: a redirect or JSON, and which encoding of a picture.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use storage_core::{Error, ErrorKind, Result};
use storage_services::encoding::Encoding;

/// What a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Whether it asks for JSON by name; `*/*` is an `<img>` or a browser.
    pub(crate) json: bool,
    /// Whether it names WebP. Clients that cannot show it say `image/*` and `*/*` too.
    pub(crate) webp: bool,
}

impl Accepted {
    /// By the `Accept` header, of which a part that is no media range is passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let lines = || headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let names = |wanted| lines().flat_map(|line| line.split(',')).any(|range| names(range, wanted));
        Accepted { json: names("application/json"), webp: names("image/webp") }
    }

    /// The encoding that the query's `format` stands for; `InvalidRequest` for a word that it does not know.
    pub(crate) fn encoding(self, format: Option<&str>) -> Result<Encoding> {
        match format {
            None | Some("auto") => Ok(Encoding::Auto { accepts_webp: self.webp }),
            Some("webp") => Ok(Encoding::Webp),
            Some("jpeg") => Ok(Encoding::Jpeg),
            Some(_) => Err(Error::new(ErrorKind::InvalidRequest, "format")),
        }
    }
}

/// Whether a media range is exactly `wanted`, and wanted at all.
fn names(range: &str, wanted: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(wanted));
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
}

/// The same address answers by the token and by what is accepted: a cache has to know.
pub(crate) fn varying(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept, authorization"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&'static str]) -> Accepted {
        let headers = lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_static(line)));
        Accepted::of(&headers.collect())
    }

    #[test]
    fn formats_are_asked_for_by_name() {
        for (accept, json, webp) in [
            ("application/json", true, false),
            ("APPLICATION/JSON", true, false),
            ("text/html, application/json;q=0.1", true, false),
            ("application/json;q=0", false, false),
            ("image/avif,image/webp,*/*;q=0.8", false, true),
            ("image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", false, false),
            ("Image/WebP ; q=0.001", false, true),
            ("image/webp;level=1;q=0", false, false),
            ("image/webp;q=0.0, image/jpeg", false, false),
            ("image/webp;q=high", false, false),
            ("image/webpx, application/jsonx", false, false),
            ("application/json, image/webp", true, true),
            (",;, image/webp", false, true),
            ("", false, false),
        ] {
            assert_eq!(accepted(&[accept]), Accepted { json, webp }, "{accept}");
        }
        assert!(accepted(&["text/html", "image/webp"]).webp, "lines are one list");
        assert_eq!(accepted(&[]), Accepted { json: false, webp: false });
    }

    #[test]
    fn the_query_decides_before_the_header() {
        for webp in [true, false] {
            let accepted = Accepted { json: false, webp };
            let auto = Encoding::Auto { accepts_webp: webp };
            assert_eq!(accepted.encoding(None).unwrap(), auto);
            assert_eq!(accepted.encoding(Some("auto")).unwrap(), auto);
            assert_eq!(accepted.encoding(Some("webp")).unwrap(), Encoding::Webp);
            assert_eq!(accepted.encoding(Some("jpeg")).unwrap(), Encoding::Jpeg);
            for unknown in ["", "WEBP", "jpg", "png", "avif", "auto "] {
                let error = accepted.encoding(Some(unknown)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{unknown}");
            }
        }
    }
}
