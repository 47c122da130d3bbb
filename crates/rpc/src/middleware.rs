//! Around every request: what it is called, how long it took, and go-ethereum's words for what does not exist.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Instant};

use jsonrpsee::{
    BatchResponseBuilder, MethodResponse,
    core::middleware::{Batch, BatchEntry, Notification, RpcServiceT},
    types::{ErrorObjectOwned, Request, error::INTERNAL_ERROR_CODE, error::METHOD_NOT_FOUND_CODE},
};

/// How much of a method's name is repeated to who asked for it.
const NAME_CHARS_MAX: usize = 64;

/// Counts requests and answers those for methods that do not exist.
#[derive(Clone, Debug)]
pub(crate) struct Meter<S> {
    pub(crate) inner: S,
    pub(crate) methods: Arc<BTreeSet<&'static str>>,
    pub(crate) response_bytes_max: usize,
}

impl<S> RpcServiceT for Meter<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        // Only names that exist become labels, so that nobody can make more of them.
        let known = self.methods.get(request.method_name()).copied();
        let inner = self.inner.clone();
        async move {
            let Some(method) = known else {
                metrics::counter!("rpc_requests_total", "method" => "unknown").increment(1);
                let name: String = request.method_name().chars().take(NAME_CHARS_MAX).collect();
                return method_error(&request, format!("the method {name} does not exist/is not available"));
            };
            let (id, started) = (request.id.clone(), Instant::now());
            let response = inner.call(request).await;
            metrics::counter!("rpc_requests_total", "method" => method).increment(1);
            metrics::histogram!("rpc_request_seconds", "method" => method).record(started.elapsed());
            let needs_websocket = method.ends_with("subscribe");
            if needs_websocket && response.as_error_code() == Some(INTERNAL_ERROR_CODE) {
                let message = "notifications not supported; subscribe over WebSocket";
                let error = ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, message, None::<()>);
                return MethodResponse::error(id, error);
            }
            response
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.clone();
        async move {
            let mut responses = BatchResponseBuilder::new_with_limit(service.response_bytes_max);
            let mut notified = false;
            for entry in batch {
                let response = match entry {
                    Ok(BatchEntry::Call(request)) => service.call(request).await,
                    Ok(BatchEntry::Notification(notification)) => {
                        notified = true;
                        service.notification(notification).await;
                        continue;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_long) = responses.append(response) {
                    return too_long;
                }
            }
            if responses.is_empty() && notified {
                return MethodResponse::notification();
            }
            MethodResponse::from_batch(responses.finish())
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

fn method_error(request: &Request<'_>, message: String) -> MethodResponse {
    MethodResponse::error(request.id.clone(), ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, message, None::<()>))
}
