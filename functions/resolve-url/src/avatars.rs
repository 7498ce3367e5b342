//! Avatars: a redirect for an `<img>`, JSON for a program, everything for a profile page.

use axum::extract::State as Shared;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use storage_core::ids::EntityId;
use storage_core::key::{EntityKind, VariantSize};
use storage_core::ports::ResolvedUrl;
use storage_core::timestamp::Timestamp;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::auth::Caller;
use storage_lambda::http::extract::{Nothing, PathId, PathParameters, StrictQuery};
use storage_lambda::http::json::StrictJson;
use storage_lambda::http::{ApiResult, respond};
use storage_lambda::reader::AvatarReader;
use storage_lambda::views::AvatarView;
use storage_services::resolve::Reader;

use crate::State;
use crate::fallback::Fallback;
use crate::negotiation::{Accepted, varying};

/// How long the redirect to a generation is kept: a new avatar is seen after this at the latest.
const REDIRECT_CACHE: &str = "private, max-age=60";
/// The most items of a batch.
const MAX_BATCH: usize = 200;
/// How many of them are looked up at once.
const AT_ONCE: usize = 16;

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct AvatarQuery {
    /// Which size; `medium` where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Size>))]
    size: Option<String>,
    /// Which encoding; `auto` where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Format>))]
    format: Option<String>,
    /// `initials`: a picture where there is no avatar.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::FallbackWord>))]
    fallback: Option<String>,
    /// With `fallback`: the name to take the initials from.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 100))]
    name: Option<String>,
    /// The tenant, for callers without a token.
    // Read by `AvatarReader`.
    #[serde(default, rename = "tenant")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Id>))]
    _tenant: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub(crate) struct InfoQuery {
    /// The tenant, for callers without a token.
    #[serde(default, rename = "tenant")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<storage_lambda::openapi::Id>))]
    _tenant: Option<String>,
}

/// A URL for a program.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct UrlView {
    /// Where to read it.
    url: String,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Time>))]
    expires_at: Option<Timestamp>,
}

impl From<ResolvedUrl> for UrlView {
    fn from(url: ResolvedUrl) -> Self {
        UrlView { url: url.url, expires_at: url.expires_at }
    }
}

pub(crate) async fn user(
    Shared(state): Shared<State>,
    reader: AvatarReader,
    PathId(id): PathId<EntityId>,
    StrictQuery(query): StrictQuery<AvatarQuery>,
    headers: HeaderMap,
) -> ApiResult {
    show(&state, &reader, EntityKind::Users, id, &query, &headers).await
}

pub(crate) async fn agent(
    Shared(state): Shared<State>,
    reader: AvatarReader,
    PathId(id): PathId<EntityId>,
    StrictQuery(query): StrictQuery<AvatarQuery>,
    headers: HeaderMap,
) -> ApiResult {
    show(&state, &reader, EntityKind::Agents, id, &query, &headers).await
}

async fn show(
    state: &State,
    reader: &AvatarReader,
    kind: EntityKind,
    id: EntityId,
    query: &AvatarQuery,
    headers: &HeaderMap,
) -> ApiResult {
    let accepted = Accepted::of(headers);
    let size = size(query.size.as_deref())?;
    let encoding = accepted.encoding(query.format.as_deref())?;
    let fallback = Fallback::asked(query.fallback.as_deref(), query.name.as_deref())?;
    let url = match (state.resolver.avatar_url(&reader.as_reader(), kind, id, size, encoding).await, fallback)
    {
        (Err(error), Some(fallback)) if error.kind() == ErrorKind::NotFound => {
            return fallback.answer(id, size, accepted.json).map(varying);
        }
        (found, _) => found?,
    };
    if accepted.json {
        return respond::json(StatusCode::OK, &UrlView::from(url)).map(varying);
    }
    respond::redirect(&url.url, REDIRECT_CACHE).map(varying)
}

pub(crate) async fn user_info(
    Shared(state): Shared<State>,
    reader: AvatarReader,
    PathId(id): PathId<EntityId>,
    StrictQuery(_): StrictQuery<InfoQuery>,
) -> ApiResult {
    info(&state, &reader, EntityKind::Users, id).await
}

pub(crate) async fn agent_info(
    Shared(state): Shared<State>,
    reader: AvatarReader,
    PathId(id): PathId<EntityId>,
    StrictQuery(_): StrictQuery<InfoQuery>,
) -> ApiResult {
    info(&state, &reader, EntityKind::Agents, id).await
}

async fn info(state: &State, reader: &AvatarReader, kind: EntityKind, id: EntityId) -> ApiResult {
    let info = state.resolver.avatar_info(&reader.as_reader(), kind, id).await?;
    let stable = format!("{}/api/v1/{kind}/{id}/avatar?tenant={}", state.public_base_url, reader.tenant());
    respond::json(StatusCode::OK, &AvatarView::new(info, stable))
}

/// The address of older clients: it leads to the current generation, whatever the extension says. What they accept
/// counts as it does elsewhere.
pub(crate) async fn stable(
    Shared(state): Shared<State>,
    reader: AvatarReader,
    path: PathParameters,
    StrictQuery(_): StrictQuery<InfoQuery>,
    headers: HeaderMap,
) -> ApiResult {
    let missing = || Error::new(ErrorKind::NotFound, "no such avatar path");
    let kind = EntityKind::from_word(path.text("kind")?).ok_or_else(missing)?;
    let (name, _) = path.text("file")?.split_once('.').ok_or_else(missing)?;
    let size = VariantSize::from_word(name).ok_or_else(missing)?;
    let encoding = Accepted::of(&headers).encoding(None)?;
    let url = state.resolver.avatar_url(&reader.as_reader(), kind, path.id("id")?, size, encoding).await?;
    respond::redirect(&url.url, REDIRECT_CACHE).map(varying)
}

/// The body of `POST /avatars/urls`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AvatarBatch))]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Up to 200 avatars.
    #[cfg_attr(feature = "openapi", schema(max_items = 200))]
    avatars: Vec<BatchItem>,
}

/// One avatar.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AvatarBatchItem))]
#[serde(deny_unknown_fields)]
struct BatchItem {
    /// What it belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::Kind))]
    kind: String,
    /// The id of the user or agent.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::Id))]
    id: String,
    /// Which size; `medium` where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Size>))]
    size: Option<String>,
    /// Which encoding; `auto` where absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Format>))]
    format: Option<String>,
}

/// An answer for each avatar.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AvatarUrls))]
pub(crate) struct BatchAnswer {
    /// In the order of the request.
    results: Vec<BatchResult>,
}

/// A URL, or why there is none.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AvatarUrl))]
struct BatchResult {
    /// What it belongs to, as it was sent.
    kind: String,
    /// The id, as it was sent.
    id: String,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Until when that URL works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::Time>))]
    expires_at: Option<Timestamp>,
    /// Why there is no URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<storage_lambda::openapi::ErrorCode>))]
    error: Option<ErrorKind>,
}

/// Up to 200 avatars at once; each item has its own answer.
pub(crate) async fn batch(
    Shared(state): Shared<State>,
    Caller(context): Caller,
    StrictQuery(_): StrictQuery<Nothing>,
    headers: HeaderMap,
    StrictJson(body): StrictJson<Batch>,
) -> ApiResult {
    if body.avatars.len() > MAX_BATCH {
        return Err(Error::new(ErrorKind::InvalidRequest, "more than 200 avatars").into());
    }
    let (reader, accepted) = (Reader::Caller(&context), Accepted::of(&headers));
    let found = stream::iter(body.avatars).map(|item| batch_item(&state, &reader, accepted, item));
    let results = found.buffered(AT_ONCE).try_collect().await?;
    respond::json(StatusCode::OK, &BatchAnswer { results })
}

async fn batch_item(
    state: &State,
    reader: &Reader<'_>,
    accepted: Accepted,
    item: BatchItem,
) -> Result<BatchResult> {
    let (found, error) = match resolve_item(state, reader, accepted, &item).await {
        Ok(url) => (Some(url), None),
        // An outage is the answer to the whole request: its items would only repeat it.
        Err(error) if error.retryable() => return Err(error),
        Err(error) => (None, Some(error.kind())),
    };
    let (url, expires_at) = found.map_or((None, None), |found| (Some(found.url), found.expires_at));
    Ok(BatchResult { kind: item.kind, id: item.id, url, expires_at, error })
}

async fn resolve_item(
    state: &State,
    reader: &Reader<'_>,
    accepted: Accepted,
    item: &BatchItem,
) -> Result<ResolvedUrl> {
    let kind =
        EntityKind::from_word(&item.kind).ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "kind"))?;
    let (size, encoding) = (size(item.size.as_deref())?, accepted.encoding(item.format.as_deref())?);
    state.resolver.avatar_url(reader, kind, EntityId::parse(&item.id)?, size, encoding).await
}

fn size(word: Option<&str>) -> Result<VariantSize> {
    VariantSize::from_word(word.unwrap_or("medium"))
        .ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "size"))
}
