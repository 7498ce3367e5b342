//! Which URLs clients get, and which browser origins may call.

use url::Url;

use crate::config::model::{CdnConfig, DeliveryConfig, Environment};
use crate::config::names;
use crate::config::reader::{Reader, shown};
use crate::config::secret::SecretSource;

pub(super) fn delivery(reader: &mut Reader<'_>, environment: Environment) -> DeliveryConfig {
    let base = reader.url(&names::PUBLIC_BASE_URL).map(|url| url.as_str().trim_end_matches('/').to_owned());
    let development = (!environment.is_strict()).then(|| "http://localhost:8000".to_owned());
    let origins = reader.parsed(&names::ALLOWED_ORIGINS, |text| text.split(',').map(origin).collect());
    DeliveryConfig {
        public_base_url: base.or(development),
        allowed_origins: origins.unwrap_or_default(),
        cdn: cdn(reader),
        url_life: reader.seconds(&names::URL_LIFE, 60..=604_800),
        url_window: reader.seconds(&names::URL_WINDOW, 1..=86_400),
        presign_expiry: reader.seconds(&names::PRESIGN_EXPIRY, 60..=604_800),
        avatar_webp: reader.flag(&names::AVATAR_WEBP).unwrap_or(true),
    }
}

/// An origin exactly as a browser sends it: scheme, host and port, nothing else.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let serialised = Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    match serialised {
        Some(origin) if origin == text && origin.starts_with("http") => Ok(origin),
        _ => Err(format!("{} is not an origin such as https://app.example.com", shown(text))),
    }
}

fn cdn(reader: &mut Reader<'_>) -> Option<CdnConfig> {
    let domain = reader.parsed(&names::CDN_DOMAIN, |text| {
        let host = text.trim_start_matches("https://").trim_end_matches('/');
        match Url::parse(&format!("https://{host}/")) {
            Ok(url) if url.host_str() == Some(host) && url.port().is_none() => Ok(host.to_owned()),
            _ => Err(format!("{} is not a host name", shown(text))),
        }
    });
    let key_pair_id = reader.text(&names::CDN_KEY_PAIR_ID);
    let private_keys = reader.secret_source(&names::CDN_PRIVATE_KEYS, &names::CDN_PRIVATE_KEYS_SSM);
    let domain = domain?;
    if key_pair_id.is_none() {
        reader.problem(&names::CDN_KEY_PAIR_ID, "is required with a CDN");
    }
    match &private_keys {
        None => {
            let other = names::CDN_PRIVATE_KEYS_SSM.name;
            reader.problem(&names::CDN_PRIVATE_KEYS, format!("or {other} is required with a CDN"));
        }
        Some(SecretSource::Inline(pem)) if !pem.expose().contains("PRIVATE KEY-----") => {
            reader.problem(&names::CDN_PRIVATE_KEYS, "holds no PEM private key");
        }
        Some(_) => {}
    }
    Some(CdnConfig { domain, key_pair_id: key_pair_id?, private_keys: private_keys? })
}
