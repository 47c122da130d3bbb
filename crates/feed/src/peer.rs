//! The connection to a peer. It is read only when somebody wants the next block, so that a slow application makes the peer wait.

use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use sluice_types::Height;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

use crate::{
    Error, Peer,
    message::{self, Arrived, MESSAGE_BYTES_MAX, Said},
};

/// Plain or with TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A subscription that runs.
pub(crate) struct Connection(WebSocketStream<Box<dyn Stream>>);

impl Connection {
    /// Connects and subscribes to all blocks from a height on.
    pub(crate) async fn open(peer: &Peer, roots: RootCertStore, from: Height) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Connection(error.to_string());
        let tcp = TcpStream::connect((peer.host.as_str(), peer.port)).await.map_err(|error| failed(&error))?;
        tcp.set_nodelay(true).map_err(|error| failed(&error))?;
        let stream: Box<dyn Stream> = if peer.tls {
            let name = ServerName::try_from(peer.host.clone()).map_err(|error| failed(&error))?;
            let tls = TlsConnector::from(Arc::new(tls_config(roots)));
            Box::new(tls.connect(name, tcp).await.map_err(|error| failed(&error))?)
        } else {
            Box::new(tcp)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let opened = client_async_with_config(peer.url.as_str(), stream, Some(config)).await;
        let mut connection = Self(opened.map_err(|error| failed(&error))?.0);
        let request = Message::text(message::request(from));
        connection.0.send(request).await.map_err(|error| failed(&error))?;
        match connection.said().await? {
            Said::Subscribed => Ok(connection),
            Said::Block(_) => Err(Error::Malformed("a block came before the answer to the request".into())),
        }
    }

    /// The next block.
    pub(crate) async fn next(&mut self) -> Result<Arrived, Error> {
        match self.said().await? {
            Said::Block(arrived) => Ok(*arrived),
            Said::Subscribed => Err(Error::Malformed("an answer came that nothing was asked for".into())),
        }
    }

    async fn said(&mut self) -> Result<Said, Error> {
        loop {
            let message = match self.0.next().await {
                None => return Err(Error::Connection("it closed the connection".into())),
                Some(Err(tungstenite::Error::Capacity(error))) => return Err(Error::Malformed(error.to_string())),
                Some(Err(error)) => return Err(Error::Connection(error.to_string())),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => return message::read(text.as_str()),
                Message::Close(_) => return Err(Error::Connection("it closed the connection".into())),
                Message::Binary(_) => return Err(Error::Malformed("bytes instead of text".into())),
                // Pings are answered by the library.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

/// The roots that browsers trust, compiled in, as for L1.
pub(crate) fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// Names its cryptography, because other libraries in the process may want another.
fn tls_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
