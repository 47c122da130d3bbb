//! Stands in for native-tls where nothing speaks TLS: every attempt fails.
//!
//! The embedded L1's library can send HTTP requests to others, which this project never has it do, and would therefore link
//! OpenSSL. OpenSSL's static library cannot be linked beside that library, because both define `SHA3_absorb`, and it needs a
//! system package or perl to build. So the root manifest replaces native-tls with this crate: the same names as far as its
//! dependents use them, and no TLS.
//!
//! Nothing else may depend on it; whoever needs TLS takes rustls.
//!
//! Invariant: no [`TlsStream`] ever exists, so nothing is ever sent in the clear that was meant to be encrypted.

use std::{
    convert::Infallible,
    fmt,
    io::{self, Read, Write},
    marker::PhantomData,
};

/// There is no TLS here.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the development L1 is built without TLS")
    }
}

impl std::error::Error for Error {}

/// Why a handshake did not succeed.
#[derive(Debug)]
pub enum HandshakeError<S> {
    /// Always this.
    Failure(Error),
    /// Never this.
    WouldBlock(MidHandshakeTlsStream<S>),
}

/// A handshake under way; none ever is.
#[derive(Debug)]
pub struct MidHandshakeTlsStream<S>(Infallible, PhantomData<S>);

impl<S> MidHandshakeTlsStream<S> {
    /// Unreachable.
    pub fn handshake(self) -> Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }

    /// Unreachable.
    pub fn get_ref(&self) -> &S {
        match self.0 {}
    }

    /// Unreachable.
    pub fn get_mut(&mut self) -> &mut S {
        match self.0 {}
    }
}

/// An encrypted stream; none ever exists.
#[derive(Debug)]
pub struct TlsStream<S>(Infallible, PhantomData<S>);

impl<S> TlsStream<S> {
    /// Unreachable.
    pub fn get_ref(&self) -> &S {
        match self.0 {}
    }

    /// Unreachable.
    pub fn get_mut(&mut self) -> &mut S {
        match self.0 {}
    }

    /// Unreachable.
    pub fn buffered_read_size(&self) -> Result<usize, Error> {
        match self.0 {}
    }

    /// Unreachable.
    pub fn peer_certificate(&self) -> Result<Option<Certificate>, Error> {
        match self.0 {}
    }

    /// Unreachable.
    pub fn tls_server_end_point(&self) -> Result<Option<Vec<u8>>, Error> {
        match self.0 {}
    }

    /// Unreachable.
    pub fn negotiated_alpn(&self) -> Result<Option<Vec<u8>>, Error> {
        match self.0 {}
    }

    /// Unreachable.
    pub fn shutdown(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl<S> Read for TlsStream<S> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl<S> Write for TlsStream<S> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

/// A certificate; cannot be read.
#[derive(Clone, Debug)]
pub struct Certificate(Infallible);

impl Certificate {
    /// Fails.
    pub fn from_der(_: &[u8]) -> Result<Self, Error> {
        Err(Error)
    }

    /// Fails.
    pub fn from_pem(_: &[u8]) -> Result<Self, Error> {
        Err(Error)
    }

    /// Unreachable.
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        match self.0 {}
    }
}

/// A client's identity; cannot be read.
#[derive(Clone, Debug)]
pub struct Identity(Infallible);

impl Identity {
    /// Fails.
    pub fn from_pkcs12(_: &[u8], _: &str) -> Result<Self, Error> {
        Err(Error)
    }

    /// Fails.
    pub fn from_pkcs8(_: &[u8], _: &[u8]) -> Result<Self, Error> {
        Err(Error)
    }

    /// Unreachable.
    pub fn is_real(&self) -> bool {
        match self.0 {}
    }
}

/// Versions of the protocol; of no consequence here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// SSL 3.0.
    Sslv3,
    /// TLS 1.0.
    Tlsv10,
    /// TLS 1.1.
    Tlsv11,
    /// TLS 1.2.
    Tlsv12,
    /// TLS 1.3.
    Tlsv13,
}

/// Settings of a [`TlsConnector`]; none has a consequence.
#[derive(Debug, Default)]
pub struct TlsConnectorBuilder(());

impl TlsConnectorBuilder {
    /// Without consequence.
    pub fn identity(&mut self, _: Identity) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn min_protocol_version(&mut self, _: Option<Protocol>) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn max_protocol_version(&mut self, _: Option<Protocol>) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn add_root_certificate(&mut self, _: Certificate) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn disable_built_in_roots(&mut self, _: bool) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn request_alpns(&mut self, _: &[&str]) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn danger_accept_invalid_certs(&mut self, _: bool) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn use_sni(&mut self, _: bool) -> &mut Self {
        self
    }

    /// Without consequence.
    pub fn danger_accept_invalid_hostnames(&mut self, _: bool) -> &mut Self {
        self
    }

    /// A connector, so that clients for plain HTTP can be built.
    pub fn build(&self) -> Result<TlsConnector, Error> {
        Ok(TlsConnector(()))
    }
}

/// Connects never.
#[derive(Clone, Debug)]
pub struct TlsConnector(());

impl TlsConnector {
    /// A connector, so that clients for plain HTTP can be built.
    pub fn new() -> Result<Self, Error> {
        Ok(Self(()))
    }

    /// Settings.
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder(())
    }

    /// Fails.
    pub fn connect<S: Read + Write>(&self, _: &str, _: S) -> Result<TlsStream<S>, HandshakeError<S>> {
        Err(HandshakeError::Failure(Error))
    }
}

/// Accepts never.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(());

impl TlsAcceptor {
    /// Fails.
    pub fn accept<S: Read + Write>(&self, _: S) -> Result<TlsStream<S>, HandshakeError<S>> {
        Err(HandshakeError::Failure(Error))
    }
}
