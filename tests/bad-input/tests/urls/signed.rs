//! What we sign: URLs and forms as our own signers make them, for the S3 of a [`Sim`] and for an edge.

use std::time::Duration;

use bad_input_tests::table::urls::Artefact;
use bytes::Bytes;
use storage_aws::{Aws, PostSigner, S3Backend};
use storage_core::filename::{Disposition, FileName};
use storage_core::key::{StorageKey, Visibility};
use storage_core::ports::{
    Body, ListRequest, ObjectRef, PostRequest, PresignPost, PresignUrl, PutOptions, StorageBackend, UrlTarget,
};
use storage_core::timestamp::Timestamp;
use test_harness::Sim;

use super::edge::{EDGE_LIFE, Edge};
use crate::cloud::{Answer, connect, keys, send};

/// The bytes of the object that may be read.
pub(super) const STORED: &[u8] = b"stored bytes";
/// The bytes that may be uploaded.
pub(super) const UPLOAD: &[u8] = b"uploaded";
/// How long URLs and forms of S3 live here.
pub(super) const LIFE: Duration = Duration::from_secs(60);
/// A tenant that the object does not belong to.
pub(super) const OTHER_TENANT: &str = "33333333-3333-4333-8333-333333333333";

/// Something signed, as a client sends it.
#[derive(Clone, Debug)]
pub(super) enum Signed {
    /// A URL of S3.
    Url { method: &'static str, url: String, headers: Vec<(String, String)>, body: Vec<u8> },
    /// A form. Characters up to U+00FF are sent as one byte each, so that a value can be any bytes.
    Form { url: String, fields: Vec<(String, String)>, file: Vec<u8> },
    /// A URL of the edge, and when it is asked for.
    Edge { method: &'static str, url: String, at: Timestamp },
}

/// The signers, and what they sign for.
pub(super) struct Shop {
    pub(super) sim: Sim,
    pub(super) edge: Edge,
    known: Aws,
    unknown: Aws,
}

impl Shop {
    /// With two objects of the tenant, one of another, and nothing uploaded.
    pub(super) async fn open() -> Self {
        let sim = Sim::start().await;
        let known = connect(&sim, keys(&sim)).await;
        let unknown = connect(&sim, ("AKIANOBODYKNOWSTHIS0".to_owned(), "another-secret".to_owned())).await;
        let shop = Shop { sim, edge: Edge::new(), known, unknown };
        let own = shop.stored();
        let key = own.key.as_str();
        let tenant = shop.sim.tenant.to_string();
        for key in [key.to_owned(), key.replace("medium", "large"), key.replace(&tenant, OTHER_TENANT)] {
            let object = ObjectRef::new(own.bucket.clone(), StorageKey::parse(&key).unwrap());
            let body = Body::Bytes(Bytes::from_static(STORED));
            shop.sim.storage.put(&object, body, PutOptions::default()).await.unwrap();
        }
        shop
    }

    /// The object that URLs to read are for.
    pub(super) fn stored(&self) -> ObjectRef {
        let key = format!("{}/private/avatars/medium.jpg", self.sim.tenant);
        ObjectRef::new(self.sim.files(), StorageKey::parse(&key).unwrap())
    }

    /// The place that uploads are for.
    pub(super) fn upload(&self) -> ObjectRef {
        let key = format!("temp/uploads/{}/file/nonce", self.sim.tenant);
        ObjectRef::new(self.sim.staging(), StorageKey::parse(&key).unwrap())
    }

    /// Signs at `now`.
    pub(super) async fn sign(&self, artefact: Artefact, now: Timestamp) -> Signed {
        self.sign_with(&self.known, artefact, now).await
    }

    /// The same with a key that nobody knows.
    pub(super) async fn sign_unknown(&self, artefact: Artefact, now: Timestamp) -> Signed {
        self.sign_with(&self.unknown, artefact, now).await
    }

    async fn sign_with(&self, aws: &Aws, artefact: Artefact, now: Timestamp) -> Signed {
        let s3 = S3Backend::new(aws);
        match artefact {
            Artefact::Get => {
                let signed = s3.presign_get(&self.stored(), None, LIFE, now).await.unwrap();
                let headers = signed.headers.into_iter().collect();
                Signed::Url { method: "GET", url: signed.url, headers, body: Vec::new() }
            }
            Artefact::Put => {
                let (object, length) = (self.upload(), UPLOAD.len() as u64);
                let signed = s3.presign_put(&object, "text/plain", length, LIFE, now).await.unwrap();
                let headers = signed.headers.into_iter().collect();
                Signed::Url { method: "PUT", url: signed.url, headers, body: UPLOAD.to_vec() }
            }
            Artefact::Form => {
                let request = PostRequest {
                    object: self.upload(),
                    content_type: "text/plain".to_owned(),
                    min_bytes: UPLOAD.len() as u64,
                    max_bytes: UPLOAD.len() as u64,
                    expires_in: LIFE,
                };
                let form = PostSigner::new(aws).unwrap().presign_post(request, now).await.unwrap();
                Signed::Form {
                    url: form.url,
                    fields: form.fields.into_iter().collect(),
                    file: UPLOAD.to_vec(),
                }
            }
            Artefact::Edge => {
                let target = UrlTarget {
                    tenant: self.sim.tenant,
                    object: self.stored(),
                    visibility: Visibility::Private,
                    disposition: Some((Disposition::Attachment, FileName::parse("a b.jpg").unwrap())),
                };
                let known = std::ptr::eq(aws, &self.known);
                let url = self.edge.sign(&target, now, known).await;
                Signed::Edge { method: "GET", url, at: now }
            }
        }
    }

    /// The answer to it.
    pub(super) async fn send(&self, signed: &Signed) -> Answer {
        match signed {
            Signed::Url { method, url, headers, body } => {
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                send(method, url, &headers, body).await
            }
            Signed::Form { url, fields, file } => {
                let mut body = Vec::new();
                for (name, value) in fields {
                    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
                    let value: Vec<u8> =
                        value.chars().map(|character| u8::try_from(character).unwrap()).collect();
                    body.extend([head.as_bytes(), &value, b"\r\n"].concat());
                }
                body.extend_from_slice(
                    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n",
                );
                body.extend([&file[..], b"\r\n--b--\r\n"].concat());
                send("POST", url, &[("content-type", "multipart/form-data; boundary=b")], &body).await
            }
            Signed::Edge { method, url, at } => self.edge.answer(method, url, *at),
        }
    }

    /// Every key there is, staging first.
    pub(super) async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for bucket in [self.sim.staging(), self.sim.files()] {
            let listed = self.sim.storage.list(&bucket, ListRequest::under("")).await.unwrap();
            keys.extend(listed.objects.into_iter().map(|meta| meta.key.to_string()));
        }
        keys
    }

    /// Takes away what an upload has left.
    pub(super) async fn clean(&self) {
        self.sim.storage.delete(&self.upload()).await.unwrap();
    }
}

impl Signed {
    /// Its parameters or fields, and what they belong to.
    pub(super) fn parameters(&mut self) -> Parameters<'_> {
        match self {
            Signed::Form { fields, .. } => Parameters::Fields(fields),
            Signed::Url { url, .. } | Signed::Edge { url, .. } => Parameters::Query(url),
        }
    }

    /// The name of the parameter that holds the signature.
    pub(super) fn signature(&self) -> &'static str {
        match self {
            Signed::Url { .. } => "X-Amz-Signature",
            Signed::Form { .. } => "x-amz-signature",
            Signed::Edge { .. } => "Signature",
        }
    }
}

/// Names and values, of a query or of a form.
pub(super) enum Parameters<'a> {
    Query(&'a mut String),
    Fields(&'a mut Vec<(String, String)>),
}

impl Parameters<'_> {
    /// Changes them. Values of a query are as they stand in the URL.
    pub(super) fn change(self, change: impl FnOnce(&mut Vec<(String, String)>)) {
        match self {
            Parameters::Fields(fields) => change(fields),
            Parameters::Query(url) => {
                let (path, query) = url.split_once('?').expect("a query");
                let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                let mut pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                change(&mut pairs);
                let pairs: Vec<String> =
                    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                *url = format!("{path}?{}", pairs.join("&"));
            }
        }
    }

    /// Changes the value of one that is there.
    pub(super) fn set(self, name: &str, value: impl FnOnce(&str) -> String) {
        self.change(|pairs| {
            let pair = pairs.iter_mut().find(|(known, _)| known == name);
            let pair = pair.unwrap_or_else(|| panic!("there is no {name}"));
            pair.1 = value(&pair.1);
        });
    }
}

/// The life of what `artefact` is here.
pub(super) fn life(artefact: Artefact) -> Duration {
    if artefact == Artefact::Edge { EDGE_LIFE } else { LIFE }
}
