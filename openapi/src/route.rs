//! A route as the table says it.

use std::collections::BTreeSet;

use storage_core::ErrorKind;

use crate::errors;

/// One method of one path.
pub struct Route {
    /// In upper case.
    pub method: &'static str,
    /// With parameters in braces.
    pub path: String,
    pub(crate) id: String,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) caller: Caller,
    pub(crate) query: Option<&'static str>,
    pub(crate) open_query: bool,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Option<Body>,
    pub(crate) answers: Vec<(u16, Answer)>,
    pub(crate) refusals: BTreeSet<ErrorKind>,
}

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Whoever has a token.
    Token,
    /// The same, and anyone else who names the tenant.
    TokenOrTenant,
    /// Whoever has the ticket of the path.
    Ticket,
    /// Anyone.
    Anyone,
}

/// A header that a request may have.
#[derive(Clone, Copy)]
pub(crate) enum Header {
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
}

/// What a request brings.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    pub(crate) json: Option<&'static str>,
    pub(crate) form: Option<&'static str>,
    pub(crate) required: bool,
}

/// What a request gets.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// JSON of one of these schemas.
    Json(&'static [&'static str]),
    /// A list of this schema.
    List(&'static str),
    /// JSON with an `ETag`.
    Tagged(&'static str),
    /// JSON, or a PNG.
    JsonOrPng(&'static [&'static str]),
    /// A redirect to the bytes.
    Redirect,
    /// Nothing.
    Empty(&'static str),
}

impl Route {
    /// A route for callers with a token.
    pub(crate) fn new(method: &'static str, path: impl Into<String>, id: impl Into<String>) -> Self {
        Route {
            method,
            path: format!("/api/v1{}", path.into()),
            id: id.into(),
            tag: "",
            summary: "",
            caller: Caller::Token,
            query: None,
            open_query: false,
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: errors::ANY.iter().copied().collect(),
        }
    }

    pub(crate) fn does(mut self, tag: &'static str, summary: &'static str) -> Self {
        (self.tag, self.summary) = (tag, summary);
        self
    }

    pub(crate) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// With the parameters of a query that a function declares.
    pub(crate) fn query(mut self, name: &'static str) -> Self {
        self.query = Some(name);
        self
    }

    /// With the query of `GET /s3/params`, which has names of the page's own.
    pub(crate) fn file_query(mut self) -> Self {
        self.open_query = true;
        self
    }

    pub(crate) fn header(mut self, header: Header) -> Self {
        self.headers.push(header);
        match header {
            Header::IdempotencyKey => {
                self.refuses(&[ErrorKind::IdempotencyMismatch, ErrorKind::RequestInProgress])
            }
            Header::IfMatch => self.refuses(&[ErrorKind::PreconditionFailed]),
            Header::IfNoneMatch => self,
        }
    }

    /// Takes a JSON object.
    pub(crate) fn json(self, schema: &'static str) -> Self {
        self.takes(Body { json: Some(schema), form: None, required: true })
    }

    /// Takes a JSON object, or nothing.
    pub(crate) fn optional_json(self, schema: &'static str) -> Self {
        self.takes(Body { json: Some(schema), form: None, required: false })
    }

    /// Takes a form.
    pub(crate) fn form(self, schema: &'static str) -> Self {
        self.takes(Body { json: None, form: Some(schema), required: true })
    }

    /// Takes a form or a JSON object.
    pub(crate) fn form_or_json(self, form: &'static str, json: &'static str) -> Self {
        self.takes(Body { json: Some(json), form: Some(form), required: true })
    }

    fn takes(mut self, body: Body) -> Self {
        self.body = Some(body);
        let json: &[_] =
            if body.json.is_some() { &[ErrorKind::InvalidJson, ErrorKind::UnknownField] } else { &[] };
        let form: &[_] =
            if body.form.is_some() { &[ErrorKind::LengthRequired, ErrorKind::UnknownField] } else { &[] };
        self.refuses(json).refuses(form)
    }

    pub(crate) fn answers(mut self, status: u16, answer: Answer) -> Self {
        self.answers.push((status, answer));
        self
    }

    pub(crate) fn refuses(mut self, kinds: &[ErrorKind]) -> Self {
        self.refusals.extend(kinds);
        self
    }
}
