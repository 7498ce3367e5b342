//! What is shown in the place of an avatar that is not there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Serialize;
use storage_core::ids::EntityId;
use storage_core::key::VariantSize;
use storage_core::{Error, ErrorKind, Result};
use storage_lambda::http::{ApiResult, respond};

use crate::initials;

/// How long the picture is kept: an avatar that is uploaded is seen after this at the latest.
const CACHE: &str = "private, max-age=60";
/// The most characters of a name.
const MAX_NAME: usize = 100;

/// A picture with somebody's initials.
///
/// It is made of the request alone. Nobody can tell by it whether there is an avatar that is not for them.
#[derive(Debug)]
pub(crate) struct Fallback<'a> {
    name: Option<&'a str>,
}

impl<'a> Fallback<'a> {
    /// By the query; `None` where it asks for none. `InvalidRequest` for a word that is not known, for a name that is
    /// empty or too long, and for a name that nobody would look at.
    pub(crate) fn asked(fallback: Option<&str>, name: Option<&'a str>) -> Result<Option<Self>> {
        let invalid = |what: &'static str| Err(Error::new(ErrorKind::InvalidRequest, what));
        match (fallback, name) {
            (None, None) => Ok(None),
            (None, Some(_)) => invalid("a name without a fallback"),
            (Some("initials"), Some(name)) if !(1..=MAX_NAME).contains(&name.chars().count()) => {
                invalid("name")
            }
            (Some("initials"), name) => Ok(Some(Fallback { name })),
            (Some(_), _) => invalid("fallback"),
        }
    }

    /// The picture: as it is, or inside JSON.
    pub(crate) fn answer(&self, entity: EntityId, size: VariantSize, as_json: bool) -> ApiResult {
        let png = initials::draw(entity, self.name, size);
        if as_json {
            let url = format!("data:image/png;base64,{}", STANDARD.encode(&png));
            return respond::json(StatusCode::OK, &FallbackView { url, fallback: "initials" });
        }
        respond::image("image/png", png, CACHE)
    }
}

/// A picture for a program, which can tell that it is no avatar.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct FallbackView {
    /// The picture as a `data:` URI.
    url: String,
    /// What it is.
    #[cfg_attr(feature = "openapi", schema(value_type = storage_lambda::openapi::FallbackWord))]
    fallback: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_questions_are_answered() {
        let long = "\u{e9}".repeat(100);
        for (fallback, name, expected) in [
            (None, None, Ok(false)),
            (Some("initials"), None, Ok(true)),
            (Some("initials"), Some("Ada"), Ok(true)),
            (Some("initials"), Some(" "), Ok(true)),
            (Some("initials"), Some(long.as_str()), Ok(true)),
            (Some("initials"), Some(""), Err(())),
            (Some("initials"), Some("a".repeat(101).as_str()), Err(())),
            (Some(""), None, Err(())),
            (Some("Initials"), None, Err(())),
            (Some("404"), None, Err(())),
            (None, Some("Ada"), Err(())),
        ] {
            let found = Fallback::asked(fallback, name).map(|fallback| fallback.is_some());
            assert_eq!(found.map_err(|_| ()), expected, "{fallback:?} {name:?}");
        }
    }
}
