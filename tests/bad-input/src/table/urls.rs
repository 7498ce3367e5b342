//! Signed URLs and forms: S01 to S06.

use crate::{Case, Expect};

/// What the columns mean for signed URLs.
pub const ABOUT: &str = "A presigned URL or form of ours, changed, at the local S3 server; or a CloudFront URL, changed, \
    where the edge verifies it. The edge is a verifier in the tests, written after the documentation of CloudFront: it \
    answers 403 `AccessDenied` to all that it refuses. The other codes are S3's, which answers in XML; a HEAD has no body \
    to say one. The API itself takes no signed reference. Two URLs that differ in the order or the escapes of their \
    parameters are one URL to SigV4. To a form that breaks its policy S3 itself says 403 `AccessDenied`. S3 signs the \
    method, so a URL for GET is none for HEAD; at the edge it is.";

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artefact {
    /// A presigned URL to read.
    Get,
    /// A presigned URL to write.
    Put,
    /// A presigned form.
    Form,
    /// A CloudFront URL.
    Edge,
}

/// What is done to it.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// This parameter, or field, is taken away.
    Without(&'static str),
    /// This parameter is there twice, with one value.
    Twice(&'static str),
    /// This parameter has another value.
    Value(&'static str, &'static str),
    /// The parameters stand in the opposite order.
    Reordered,
    /// Its parameters are written with other escapes for the same texts.
    OtherEscapes,
    /// Its path is written with an escape for a letter.
    EscapedPath,
    /// One more parameter, or field.
    Extra(&'static str, &'static str),
    /// Another signature, made of the true one.
    Signature(Mangled),
    /// It is sent with this method.
    Method(&'static str),
    /// It ended so many seconds ago.
    Expired(u64),
    /// It ends in so many seconds.
    Lasting(u64),
    /// It is signed with a key that nobody knows.
    UnknownKey,
}

/// What becomes of a signature.
#[derive(Clone, Copy, Debug)]
pub enum Mangled {
    /// Its last character is gone.
    Shorter,
    /// A `0` stands behind it.
    Longer,
    /// It is written in the other case.
    OtherCase,
    /// The same bytes in base64.
    Base64,
    /// The same bytes in the alphabet for URLs.
    Base64Url,
    /// Nothing is left.
    Empty,
    /// A megabyte of zeros.
    Megabyte,
}

/// Which artefacts, and what is done to each.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The artefacts.
    pub of: &'static [Artefact],
    /// The change.
    pub change: Change,
}

use Artefact::{Edge, Form, Get, Put};

const URLS: &[Artefact] = &[Get, Put];
const AT_S3: &[Artefact] = &[Get, Put, Form];
const ALL: &[Artefact] = &[Get, Put, Form, Edge];

const fn case(
    id: &'static str,
    what: &'static str,
    of: &'static [Artefact],
    change: Change,
    status: u16,
    code: Option<&'static str>,
) -> Case<Tried> {
    Case { id, what, input: Tried { of, change }, expect: Expect { status, code, state: None } }
}

const fn unsigned(
    id: &'static str,
    what: &'static str,
    of: &'static [Artefact],
    change: Change,
) -> Case<Tried> {
    case(id, what, of, change, 403, Some("SignatureDoesNotMatch"))
}

const fn denied(
    id: &'static str,
    what: &'static str,
    of: &'static [Artefact],
    change: Change,
) -> Case<Tried> {
    case(id, what, of, change, 403, Some("AccessDenied"))
}

/// What the edge refuses, to which it has one answer.
const fn at_edge(id: &'static str, what: &'static str, change: Change) -> Case<Tried> {
    denied(id, what, &[Edge], change)
}

/// A form that breaks its policy. S3 itself says 403 `AccessDenied` to it.
const fn broken(
    id: &'static str,
    what: &'static str,
    of: &'static [Artefact],
    change: Change,
) -> Case<Tried> {
    case(id, what, of, change, 400, Some("InvalidPolicyDocument"))
}

const fn works(id: &'static str, what: &'static str, of: &'static [Artefact], change: Change) -> Case<Tried> {
    case(id, what, of, change, 200, None)
}

/// The cases.
pub const CASES: &[Case<Tried>] = &[
    unsigned("S01a", "a URL without `X-Amz-Algorithm`", URLS, Change::Without("X-Amz-Algorithm")),
    unsigned("S01b", "a URL without `X-Amz-Credential`", URLS, Change::Without("X-Amz-Credential")),
    unsigned("S01c", "a URL without `X-Amz-Date`", URLS, Change::Without("X-Amz-Date")),
    unsigned("S01d", "a URL without `X-Amz-Expires`", URLS, Change::Without("X-Amz-Expires")),
    unsigned("S01e", "a URL without `X-Amz-SignedHeaders`", URLS, Change::Without("X-Amz-SignedHeaders")),
    unsigned("S01f", "a URL without `X-Amz-Signature`", URLS, Change::Without("X-Amz-Signature")),
    unsigned("S01g", "a URL with `X-Amz-Algorithm` twice", URLS, Change::Twice("X-Amz-Algorithm")),
    unsigned("S01h", "a URL with `X-Amz-Credential` twice", URLS, Change::Twice("X-Amz-Credential")),
    unsigned("S01i", "a URL with `X-Amz-Date` twice", URLS, Change::Twice("X-Amz-Date")),
    unsigned("S01j", "a URL with `X-Amz-Expires` twice", URLS, Change::Twice("X-Amz-Expires")),
    unsigned("S01k", "a URL with `X-Amz-SignedHeaders` twice", URLS, Change::Twice("X-Amz-SignedHeaders")),
    unsigned("S01l", "a URL with `X-Amz-Signature` twice", URLS, Change::Twice("X-Amz-Signature")),
    unsigned("S01m", "a URL without `x-id`, which says nothing", URLS, Change::Without("x-id")),
    unsigned("S01n", "a URL with another `X-Amz-Algorithm`", URLS, Change::Value("X-Amz-Algorithm", "none")),
    unsigned("S01o", "a URL with a longer life", URLS, Change::Value("X-Amz-Expires", "604800")),
    unsigned(
        "S01p",
        "a URL with a life of more than a week",
        URLS,
        Change::Value("X-Amz-Expires", "4294967295"),
    ),
    unsigned("S01q", "a URL with one more parameter", URLS, Change::Extra("x", "1")),
    works("S01r", "a URL in another order", &[Get, Put, Edge], Change::Reordered),
    works("S01s", "a URL with other escapes in its parameters", URLS, Change::OtherEscapes),
    works("S01t", "a URL with an escape for a letter in its path", URLS, Change::EscapedPath),
    denied("S01u", "the same at the edge, which verifies the text", &[Edge], Change::EscapedPath),
    denied("S01v", "a CloudFront URL without `Expires`", &[Edge], Change::Without("Expires")),
    denied("S01w", "a CloudFront URL without `Signature`", &[Edge], Change::Without("Signature")),
    denied("S01x", "a CloudFront URL without `Key-Pair-Id`", &[Edge], Change::Without("Key-Pair-Id")),
    denied("S01y", "a CloudFront URL with `Expires` twice", &[Edge], Change::Twice("Expires")),
    denied("S01z", "a CloudFront URL with a longer life", &[Edge], Change::Value("Expires", "4102444800")),
    denied(
        "S01aa",
        "a CloudFront URL without the disposition it was signed with",
        &[Edge],
        Change::Without("response-content-disposition"),
    ),
    at_edge("S01ab", "a CloudFront URL with one more parameter", Change::Extra("x", "1")),
    case(
        "S01ba",
        "a form without its policy",
        &[Form],
        Change::Without("policy"),
        400,
        Some("InvalidRequest"),
    ),
    denied("S01bb", "a form without its signature", &[Form], Change::Without("x-amz-signature")),
    case(
        "S01bc",
        "a form without its credential",
        &[Form],
        Change::Without("x-amz-credential"),
        400,
        Some("InvalidRequest"),
    ),
    broken("S01bd", "a form without its type", &[Form], Change::Without("Content-Type")),
    broken("S01be", "a form with another key", &[Form], Change::Value("key", "temp/other")),
    broken("S01bf", "a form with another type", &[Form], Change::Value("Content-Type", "text/html")),
    denied(
        "S01bg",
        "a form with a field that the policy does not name",
        &[Form],
        Change::Extra("x-amz-meta-x", "1"),
    ),
    denied("S01bh", "a form with an ACL", &[Form], Change::Extra("acl", "public-read")),
    unsigned("S02a", "a signature that is cut", AT_S3, Change::Signature(Mangled::Shorter)),
    unsigned("S02b", "a signature with a digit more", AT_S3, Change::Signature(Mangled::Longer)),
    unsigned("S02c", "a signature in the other case", AT_S3, Change::Signature(Mangled::OtherCase)),
    unsigned("S02d", "a signature in base64", AT_S3, Change::Signature(Mangled::Base64)),
    unsigned("S02e", "a signature in base64 for URLs", AT_S3, Change::Signature(Mangled::Base64Url)),
    unsigned("S02f", "an empty signature", AT_S3, Change::Signature(Mangled::Empty)),
    case("S02g", "a signature of 1 MB in a URL", URLS, Change::Signature(Mangled::Megabyte), 431, None),
    case(
        "S02h",
        "a signature of 1 MB in a form",
        &[Form],
        Change::Signature(Mangled::Megabyte),
        403,
        Some("SignatureDoesNotMatch"),
    ),
    at_edge("S02i", "at the edge: a signature that is cut", Change::Signature(Mangled::Shorter)),
    at_edge("S02j", "at the edge: a signature with a digit more", Change::Signature(Mangled::Longer)),
    at_edge("S02k", "at the edge: a signature in the other case", Change::Signature(Mangled::OtherCase)),
    at_edge("S02l", "at the edge: a signature in base64 for URLs", Change::Signature(Mangled::Base64Url)),
    at_edge("S02m", "at the edge: an empty signature", Change::Signature(Mangled::Empty)),
    denied("S03a", "expired a second ago", ALL, Change::Expired(1)),
    works("S03b", "a URL that lasts half a minute more", &[Get, Put, Edge], Change::Lasting(30)),
    case("S03c", "a form that lasts half a minute more", &[Form], Change::Lasting(30), 201, None),
    case("S04a", "a URL to read, with HEAD", &[Get], Change::Method("HEAD"), 403, None),
    works("S04b", "the same at the edge", &[Edge], Change::Method("HEAD")),
    unsigned("S04c", "a URL to read, with PUT", &[Get], Change::Method("PUT")),
    unsigned("S04d", "a URL to read, with DELETE", &[Get], Change::Method("DELETE")),
    unsigned("S04e", "a URL to read, with POST", &[Get], Change::Method("POST")),
    denied("S04f", "a CloudFront URL, with PUT", &[Edge], Change::Method("PUT")),
    denied("S04g", "a CloudFront URL, with DELETE", &[Edge], Change::Method("DELETE")),
    unsigned("S04h", "a URL to write, with GET", &[Put], Change::Method("GET")),
    unsigned("S04i", "a URL to write, with DELETE", &[Put], Change::Method("DELETE")),
    unsigned(
        "S05a",
        "`response-content-type=text/html` added",
        &[Get],
        Change::Extra("response-content-type", "text%2Fhtml"),
    ),
    unsigned(
        "S05b",
        "`response-content-disposition=inline` added",
        &[Get],
        Change::Extra("response-content-disposition", "inline"),
    ),
    at_edge(
        "S05c",
        "at the edge: `response-content-type=text/html` added",
        Change::Extra("response-content-type", "text%2Fhtml"),
    ),
    at_edge(
        "S05d",
        "at the edge: `response-content-disposition=inline` added",
        Change::Extra("response-content-disposition", "inline"),
    ),
    case(
        "S06a",
        "the id of a key that is unknown",
        AT_S3,
        Change::UnknownKey,
        403,
        Some("InvalidAccessKeyId"),
    ),
    at_edge("S06b", "at the edge: the id of a key that is retired", Change::UnknownKey),
];
