//! TLS to `https` endpoints: whom it trusts, and with which cryptography.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The roots that browsers trust, compiled in: a container without `ca-certificates` can speak TLS, and the machine's own
/// store has no say. New roots come with a new build.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// Names its cryptography instead of installing one for the whole process, where other libraries may want another.
pub(crate) fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
