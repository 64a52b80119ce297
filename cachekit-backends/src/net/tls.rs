//! TLS through rustls, set up once for both flavours.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_rustls::client::TlsStream;

use super::Address;
use super::stream::{Duplex, Limited};
use crate::{Error, ErrorKind, Result};

/// Which certificates are trusted, and which one is shown.
///
/// ```no_run
/// use cachekit_backends::Tls;
///
/// let tls = Tls::trusting("/etc/app/ca.pem")?;
/// let mutual = Tls::trusting("/etc/app/ca.pem")?.identity("/etc/app/client.pem", "/etc/app/client.key")?;
/// # let _ = (tls, mutual);
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the certificates that the operating system trusts.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if there are none.
    pub fn trusting_system() -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(bad("the system has no trusted certificates; name a file with those to trust"));
        }
        Self::new(roots.into(), None)
    }

    /// Trusts the certificates in a PEM file, and no others.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if the file cannot be read or holds no certificate.
    pub fn trusting(file: impl AsRef<Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(file.as_ref())?);
        if roots.is_empty() {
            return Err(
                bad("no certificate in the file can be trusted").with_context("file", shown(file.as_ref()))
            );
        }
        Self::new(roots.into(), None)
    }

    /// Shows a certificate to the server: a PEM file of the certificate (and its chain), and one of its private key.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if a file cannot be read or the two do not fit together.
    pub fn identity(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self> {
        let chain = certificates(certificate.as_ref())?;
        let key = PrivateKeyDer::from_pem_file(key.as_ref()).map_err(|error| {
            let message = "a PEM file with a private key was expected";
            bad(message).with_context("file", shown(key.as_ref())).with_source(error)
        })?;
        Self::new(self.roots, Some((chain, key)))
    }

    fn new(
        roots: Arc<RootCertStore>,
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Result<Self> {
        // Named here, because rustls panics where a program has several providers or none.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("TLS cannot be set up").with_source(error))?
            .with_root_certificates(Arc::clone(&roots));
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config
                .with_client_auth_cert(chain, key)
                .map_err(|error| bad("the certificate and its key do not fit together").with_source(error))?,
        };
        Ok(Self { roots, config: config.into() })
    }

    /// A protected connection over a socket; the handshake happens with the first bytes.
    pub(super) fn connect(
        &self,
        address: &Address,
        mut socket: Limited,
    ) -> Result<StreamOwned<ClientConnection, Limited>> {
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name(address)?)
            .map_err(|error| bad("TLS cannot be set up").with_source(error))?;
        connection.complete_io(&mut socket)?;
        Ok(StreamOwned::new(connection, socket))
    }

    /// The async flavour of [`connect`](Self::connect).
    pub(super) async fn connect_async(
        &self,
        address: &Address,
        socket: Box<dyn Duplex>,
    ) -> Result<TlsStream<Box<dyn Duplex>>> {
        Ok(tokio_rustls::TlsConnector::from(Arc::clone(&self.config)).connect(name(address)?, socket).await?)
    }
}

/// The name that the server's certificate must be for.
fn name(address: &Address) -> Result<ServerName<'static>> {
    match address {
        Address::Tcp { host, .. } => ServerName::try_from(host.clone()).map_err(|error| {
            bad("the server's name is not one that a certificate can be for").with_source(error)
        }),
        Address::Unix(_) => Err(bad("TLS needs a host, not the path of a unix socket")),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| {
        bad("a PEM file with certificates was expected").with_context("file", shown(file)).with_source(error)
    })?;
    if found.is_empty() {
        return Err(bad("a PEM file with certificates was expected").with_context("file", shown(file)));
    }
    Ok(found)
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

fn bad(message: &str) -> Error {
    Error::new(ErrorKind::Config, message)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("trusted", &self.roots.len()).finish_non_exhaustive()
    }
}
