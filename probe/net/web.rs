//! Serving HTTP/1.1: one request a connection, for nobody long, and for nobody many at once.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

/// How long one connection may last, whatever it does.
const LIFE: Duration = Duration::from_secs(10);
/// Pause after accept(2) failed, for example for want of descriptors.
const PAUSE: Duration = Duration::from_millis(5);

/// Who is asking, and at which of our addresses.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The other end.
    pub from: SocketAddr,
    /// Our address.
    pub own: IpAddr,
}

/// Serves one listener for ever. Where `room` is used up, new connections wait in the backlog; who
/// has its `share` of them gets no more. A request's head may be as long as `most` bytes.
pub async fn serve<S, A, F>(
    listener: TcpListener,
    room: Arc<Semaphore>,
    share: impl Fn(IpAddr) -> Option<S>,
    most: usize,
    answer: A,
) where
    S: Send + 'static,
    A: Fn(Request<Incoming>, Ends) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        // Never closed, so never an error.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let Ok((stream, from)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(share) = share(from.ip()) else { continue };
        let Ok(own) = stream.local_addr().map(|own| own.ip()) else { continue };
        let answer = answer.clone();
        tokio::spawn(async move {
            // Whoever is too slow is cut off.
            let _ = timeout(LIFE, connection(stream, Ends { from, own }, most, answer)).await;
            drop((share, permit));
        });
    }
}

/// Answers what comes over one connection.
pub(crate) async fn connection<S, A, F>(stream: S, ends: Ends, most: usize, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Request<Incoming>, Ends) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request, ends).await));
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_buf_size(most);
    // A broken connection is the requester's to tell.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
