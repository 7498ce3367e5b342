//! The table and the shapes, put together.

use serde_json::{Value, json};
use storage_lambda::openapi::{FileId, Id, Kind, PartNumber, Shapes};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApiBuilder, Paths, Ref,
    RefOr, Required, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::route::{Answer, Body, Caller, Header, Route};
use crate::{errors, forms, nulls, routes};

const DESCRIPTION: &str = "Files and avatars of a product: uploads straight to storage, checked, listed, shared and \
    deleted. docs/API.md says in words what this document says in schemas.\n\n\
    - Unknown members, form fields and names in a query are refused with 400.\n\
    - `x-request-id` is on every answer.\n\
    - The gateway in front of the functions answers a path or method that no route has, and more requests than the \
    stack allows (429), in its own shape, `{\"message\": \"..\"}`.";

const TAGS: &[(&str, &str)] = &[
    ("Avatars", "Pictures of users and agents."),
    ("Uploads", "How files come in."),
    ("Uploaders", "What browser uploaders such as Uppy speak, with a token or with a ticket in the path."),
    ("Files", "What there is, and what becomes of it."),
    ("Administration", "For callers with `storage:admin`, within their own tenant."),
    ("Health", "Liveness and readiness."),
];

/// The whole document.
pub fn document() -> Value {
    let shapes = storage_lambda::openapi::shapes()
        .and(issue_upload::openapi::shapes())
        .and(resolve_url::openapi::shapes())
        .and(delete_file::openapi::shapes())
        .and(manage_storage::openapi::shapes())
        .and(health::openapi::shapes())
        .and(Shapes::default().schema::<forms::Avatar>().schema::<forms::File>().schema::<errors::Problem>());
    let mut paths = Paths::new();
    for route in routes() {
        let method = match route.method {
            "GET" => HttpMethod::Get,
            "POST" => HttpMethod::Post,
            "PATCH" => HttpMethod::Patch,
            "PUT" => HttpMethod::Put,
            _ => HttpMethod::Delete,
        };
        paths.add_path_operation(&route.path, vec![method], operation(&route, &shapes));
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("Signed with RS256, ES256 or EdDSA by the configured issuer."));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(shapes.schemas)
        .responses_from_iter(errors::responses())
        .security_scheme("bearerAuth", SecurityScheme::Http(bearer.build()));
    let licence = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0"));
    let info = InfoBuilder::new()
        .title("Stowage")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(licence.build()));
    let tags = TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build());
    let document = OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components.build()))
        .build();
    let mut document = json!(document);
    nulls::out_of_answers(&mut document["components"]["schemas"]);
    document["components"]["schemas"]["Problem"]["examples"] = json!([errors::example()]);
    for parameter in parameters(&mut document["paths"]) {
        nulls::take_out(&mut parameter["schema"]);
    }
    document
}

fn parameters(paths: &mut Value) -> impl Iterator<Item = &mut Value> {
    let items = paths.as_object_mut().into_iter().flatten().map(|(_, item)| item);
    let operations =
        items.flat_map(|item| item.as_object_mut().into_iter().flatten().map(|(_, operation)| operation));
    operations.flat_map(|operation| {
        operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
    })
}

fn operation(route: &Route, shapes: &Shapes) -> OperationBuilder {
    let mut operation =
        OperationBuilder::new().tag(route.tag).operation_id(Some(&route.id)).summary(Some(route.summary));
    for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        operation = operation.parameter(path_parameter(name, &route.path));
    }
    for parameter in route.query.and_then(|name| shapes.queries.get(name)).into_iter().flatten() {
        operation = operation.parameter(parameter.clone());
    }
    if route.open_query {
        for parameter in file_query() {
            operation = operation.parameter(parameter);
        }
    }
    for header in &route.headers {
        operation = operation.parameter(header_parameter(*header));
    }
    if matches!(route.caller, Caller::Token | Caller::TokenOrTenant) {
        operation = operation.parameter(tenant_header());
    }
    operation = operation.request_body(route.body.map(request_body).map(RequestBodyBuilder::build));
    for (status, answer) in &route.answers {
        operation = operation.response(status.to_string(), response(*answer));
    }
    let mut refusals = route.refusals.clone();
    if route.caller != Caller::Anyone {
        refusals.extend(errors::CALLERS);
    }
    if route.caller == Caller::Ticket {
        // A ticket stands in for the token.
        refusals.retain(|kind| {
            !matches!(
                kind.code(),
                "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TENANT_MISMATCH" | "TENANT_REQUIRED"
            )
        });
    }
    for (status, reference) in errors::references(&refusals) {
        operation = operation.response(status.to_string(), RefOr::Ref(reference));
    }
    let token = || SecurityRequirement::new("bearerAuth", Vec::<String>::new());
    match route.caller {
        Caller::Token => operation.security(token()),
        Caller::TokenOrTenant => operation.securities(Some([token(), SecurityRequirement::default()])),
        Caller::Ticket | Caller::Anyone => operation.securities(Some([])),
    }
}

fn path_parameter(name: &str, path: &str) -> ParameterBuilder {
    let text = |longest| {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(longest))
    };
    let (schema, description): (RefOr<Schema>, _) = match name {
        "id" if path.contains("/users/") || path.contains("/agents/") || path.contains("/avatars/") => {
            (Id::schema(), "The id of the user or agent.")
        }
        "id" => (Ref::from_schema_name(FileId::name()).into(), "The id of the file."),
        "kind" => (Ref::from_schema_name(Kind::name()).into(), "What the avatar belongs to."),
        "number" => (Ref::from_schema_name(PartNumber::name()).into(), "The number of the part."),
        "file" => (
            text(64).pattern(Some("^(small|medium|large|original)\\.[a-z]{1,8}$")).into(),
            "The size, and an extension that is not looked at.",
        ),
        "ticket" => (text(4096).into(), "A ticket, which `POST /api/v1/uploads/tickets` issues."),
        _ => (text(4096).into(), "The sealed name of the upload, as the answer that began it has it."),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
}

/// `filename`, `type`, and `metadata[..]` with names of the page's own.
fn file_query() -> [ParameterBuilder; 3] {
    let query = |name: &str, required, description: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .description(Some(description))
            .schema(Some(schema))
    };
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let metadata = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(RefOr::T(Schema::Object(text().build()))));
    [
        query(
            "filename",
            Required::True,
            "The name to show.",
            text().min_length(Some(1)).max_length(Some(255)),
        ),
        query("type", Required::False, "The media type; empty where the browser knows none.", text()),
        query("metadata", Required::False, "What a page says of the file, as `metadata[size]=1`.", metadata)
            .style(Some(ParameterStyle::DeepObject))
            .explode(Some(true)),
    ]
}

fn header_parameter(header: Header) -> ParameterBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    let (name, description, schema) = match header {
        Header::IdempotencyKey => (
            "Idempotency-Key",
            "Makes it safe to repeat the request for 24 hours: visible ASCII.",
            text().pattern(Some("^[!-~]{1,255}$")),
        ),
        Header::IfMatch => {
            ("If-Match", "The `ETag` of the revision to change; without it, whichever there is.", text())
        }
        Header::IfNoneMatch => ("If-None-Match", "The `ETag` that the client has.", text()),
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn tenant_header() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("X-Tenant-ID")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The tenant of the token; only a service whose token names none may choose it."))
        .schema(Some(Id::schema()))
}

fn request_body(body: Body) -> RequestBodyBuilder {
    let content = |name| ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build();
    let required = if body.required { Required::True } else { Required::False };
    let mut builder = RequestBodyBuilder::new().required(Some(required));
    if let Some(form) = body.form {
        builder = builder.content("multipart/form-data", content(form));
    }
    if let Some(json) = body.json {
        builder = builder.content("application/json", content(json));
    }
    builder
}

fn response(answer: Answer) -> Response {
    let header = |description: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        HeaderBuilder::new().schema(Some(text)).description(Some(description)).build()
    };
    let json = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    let (described, plain) = (|text: &str| ResponseBuilder::new().description(text), "Done.");
    match answer {
        Answer::Json(names) => described(plain).content("application/json", json(any_of(names))),
        Answer::List(name) => {
            let list = ArrayBuilder::new().items(Ref::from_schema_name(name));
            described(plain).content("application/json", json(list.into()))
        }
        Answer::Tagged(name) => described(plain)
            .content("application/json", json(any_of(&[name])))
            .header("ETag", header("The revision of the record.")),
        Answer::JsonOrPng(names) => {
            let picture = ObjectBuilder::new().content_media_type("image/png");
            described("With `Accept: application/json` the URL itself; else a picture of initials.")
                .content("application/json", json(any_of(names)))
                .content("image/png", json(picture.into()))
        }
        Answer::Redirect => described("To the bytes.").header("Location", header("A signed or an open URL.")),
        Answer::Empty(text) => described(text),
    }
    .build()
}

fn any_of(names: &[&str]) -> RefOr<Schema> {
    match names {
        [name] => Ref::from_schema_name(*name).into(),
        _ => {
            let choices =
                names.iter().fold(AnyOfBuilder::new(), |any, name| any.item(Ref::from_schema_name(*name)));
            Schema::AnyOf(choices.build()).into()
        }
    }
}
