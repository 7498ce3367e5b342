//! TLS in front of a server on this machine, with a certificate chain like that of AWS: leaf, intermediate and root, all
//! RSA 2048.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Result;

/// Where distributions keep the roots everybody trusts. A client reads all of them, so they belong to the measurement.
const ROOTS: &[&str] = &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// A listener that speaks TLS and hands every byte on. Dropping it closes the door.
pub(super) struct Front {
    /// `https://localhost:port`.
    pub(super) url: String,
    /// A file with the system's roots and the one of this server.
    pub(super) roots: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl Front {
    /// Listens in front of `backend`; the roots are written into `folder`.
    pub(super) async fn start(backend: SocketAddr, folder: &Path) -> Result<Self> {
        let root = authority("Bench Root", None)?;
        let middle = authority("Bench Intermediate", Some(&root))?;
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &middle)?;
        let chain = vec![leaf.der().clone(), middle.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;

        let known = ROOTS.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let roots = folder.join("roots.pem");
        std::fs::write(&roots, format!("{known}\n{}", root.pem()))?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    // A client that gives up is no failure of the server.
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let Ok(mut backend) = TcpStream::connect(backend).await else { return };
                    let _ = backend.set_nodelay(true);
                    let _ = copy_bidirectional(&mut client, &mut backend).await;
                });
            }
        });
        Ok(Front { url, roots, server })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, above: Option<&Authority>) -> Result<Authority> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    Ok(match above {
        None => CertifiedIssuer::self_signed(params, key)?,
        Some(above) => CertifiedIssuer::signed_by(params, key, above)?,
    })
}
