//! Serving HTTP/1.1: one request a connection, for nobody long, and for nobody many at once.

use std::{
    collections::VecDeque,
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
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
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

/// Serves one listener for ever. Where `room` is used up, the oldest connection gives way: who asks in
/// earnest has his answer within milliseconds, and who says nothing shall keep nobody out. Who has its
/// `share` gets no more. A request's head may be as long as `most` bytes.
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
    let mut served = VecDeque::new();
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(share) = share(from.ip()) else { continue };
        let Ok(own) = stream.local_addr().map(|own| own.ip()) else { continue };
        let Some(permit) = place(&room, &mut served).await else { return };
        let answer = answer.clone();
        served.retain(|task: &JoinHandle<()>| !task.is_finished());
        served.push_back(tokio::spawn(async move {
            // Whoever is too slow is cut off.
            let _ = timeout(LIFE, connection(stream, Ends { from, own }, most, answer)).await;
            drop((share, permit));
        }));
    }
}

/// A place in the room, of the oldest of these if there is no other.
async fn place(
    room: &Arc<Semaphore>,
    served: &mut VecDeque<JoinHandle<()>>,
) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(permit) = room.clone().try_acquire_owned() {
            return Some(permit);
        }
        // All of them may be another listener's. The room is never closed, so it is never an error.
        let Some(oldest) = served.pop_front() else {
            return room.clone().acquire_owned().await.ok();
        };
        oldest.abort();
        let _ = oldest.await;
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
    // Who has asked may close his side at once, and be answered all the same.
    builder.keep_alive(false).half_close(true).max_buf_size(most);
    // A broken connection is the requester's to tell.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
