//! A small server on this machine: a thread for each connection, or a task for each connection.
//!
//! It greets who connects, and sends back what it is sent. The clients are a process of their own, and the same for every
//! form: all connect, then each sends its requests one after the other.
//!
//! latency: from a request to its answer, as the client sees it

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The length of a request and of its answer.
const LENGTH: usize = 64;
/// Requests on each connection.
pub const REQUESTS: usize = 50;
/// A client that has waited for so long gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A thread for each connection.
pub fn threads(listener: &TcpListener, connections: usize, all_there: &dyn Fn()) -> io::Result<()> {
    let mut serving = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (mut connection, _) = listener.accept()?;
        connection.set_nodelay(true)?;
        serving.push(thread::Builder::new().spawn(move || {
            connection.write_all(b"!")?;
            let mut request = [0; LENGTH];
            loop {
                match connection.read_exact(&mut request) {
                    Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    read => read?,
                }
                connection.write_all(&request)?;
            }
        })?);
    }
    all_there();
    serving.into_iter().try_for_each(|thread| thread.join().unwrap())
}

/// A task for each connection, all on one thread.
pub fn tasks(listener: &TcpListener, connections: usize, all_there: &dyn Fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(listener, connections, all_there))
}

/// A task for each connection, on as many threads as there are cores.
pub fn tasks_on_all_cores(listener: &TcpListener, connections: usize, all_there: &dyn Fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    runtime.block_on(serve(listener, connections, all_there))
}

async fn serve(listener: &TcpListener, connections: usize, all_there: &dyn Fn()) -> io::Result<()> {
    let listener = listener.try_clone()?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut serving = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (mut connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        serving.spawn(async move {
            connection.write_all(b"!").await?;
            let mut request = [0; LENGTH];
            loop {
                match connection.read_exact(&mut request).await {
                    Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    read => read?,
                };
                connection.write_all(&request).await?;
            }
        });
    }
    all_there();
    serving.join_all().await.into_iter().collect()
}

/// The clients: how long all requests took together, and each.
pub fn clients(server: SocketAddr, connections: usize) -> io::Result<(Duration, Vec<Duration>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let all = tokio::time::timeout(PATIENCE, request_all(server, connections)).await;
        all.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time"))?
    })
}

async fn request_all(server: SocketAddr, connections: usize) -> io::Result<(Duration, Vec<Duration>)> {
    let mut connected = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = tokio::net::TcpStream::connect(server).await?;
        connection.set_nodelay(true)?;
        // Greeted means served: nobody waits in a queue of the system, which would have its own ideas of time.
        connection.read_u8().await?;
        connected.push(connection);
    }
    let start = Instant::now();
    let mut requesting = tokio::task::JoinSet::new();
    for mut connection in connected {
        requesting.spawn(async move {
            let mut latencies = Vec::with_capacity(REQUESTS);
            let mut answer = [0; LENGTH];
            for number in 0..REQUESTS {
                let request = [u8::try_from(number % 256).unwrap(); LENGTH];
                let sent = Instant::now();
                connection.write_all(&request).await?;
                connection.read_exact(&mut answer).await?;
                latencies.push(sent.elapsed());
                if answer != request {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent back something else"));
                }
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::with_capacity(connections * REQUESTS);
    while let Some(ended) = requesting.join_next().await {
        latencies.extend(ended.unwrap()?);
    }
    Ok((start.elapsed(), latencies))
}
