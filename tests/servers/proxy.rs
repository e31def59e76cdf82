//! Between a client and a server: counts the calls, and answers chosen ones with a fault.
//!
//! Plain HTTP, one call a connection; to moto as it comes, to the API server over TLS. Also ports
//! that refuse and ports that never answer.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[cfg(feature = "kubernetes")]
use super::cluster::Upstream;

/// What a client gets instead of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// An AWS error of this type, with this status.
    Error(u16, String),
    /// A refusal of the API server with this status, this reason, and seconds to wait.
    Refuse(u16, &'static str, Option<u32>),
    /// The connection closes: the call is not passed on.
    Drop,
    /// The call is passed on and done; then the connection closes without the answer.
    LoseAnswer,
    /// The call is passed on and done; then this many bytes of the answer, and the connection closes.
    Cut(usize),
    /// The call is passed on and done; then nothing, for good.
    Stall,
    /// Nothing, for this long; then as [`Fault::Drop`].
    Hang(Duration),
    /// The answer, after this long.
    Slow(Duration),
}

impl Fault {
    /// An AWS error with status 400.
    pub(crate) fn error(kind: &str) -> Self {
        Self::Error(400, kind.to_owned())
    }
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Vec<String>,
    faults: BTreeMap<String, Planned>,
}

/// A fault, and which of the calls get it.
#[derive(Debug)]
struct Planned {
    fault: Fault,
    /// Calls that pass before it.
    spare: usize,
    /// Calls that get it then.
    times: usize,
}

/// What is behind a proxy.
#[derive(Debug, Clone)]
enum Backend {
    Port(u16),
    #[cfg(feature = "kubernetes")]
    Cluster(Arc<Upstream>),
}

impl Proxy {
    /// Passes calls on to a port of this machine.
    pub(crate) fn to(backend: u16) -> Self {
        Self::before(Backend::Port(backend))
    }

    /// Passes calls on to an API server. They are known by method and resource, as in
    /// `PATCH secrets`; a dry run as `PATCH secrets dry`.
    #[cfg(feature = "kubernetes")]
    pub(crate) fn to_cluster(upstream: Upstream) -> Self {
        Self::before(Backend::Cluster(Arc::new(upstream)))
    }

    fn before(backend: Backend) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Mutex<Shared>>::default();
        let seen = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (seen, backend) = (Arc::clone(&seen), backend.clone());
                // A client that goes away is the client's business.
                thread::spawn(move || drop(serve(client, &backend, &seen)));
            }
        });
        Self { port, shared }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers this call (service and action, as in `X-Amz-Target`) with a fault from now on.
    pub(crate) fn on(&self, target: &str, fault: Fault) {
        self.after(target, 0, usize::MAX, fault);
    }

    /// The same after `spare` calls, for so many `times`.
    pub(crate) fn after(&self, target: &str, spare: usize, times: usize, fault: Fault) {
        let planned = Planned {
            fault,
            spare,
            times,
        };
        let mut shared = self.shared.lock().unwrap();
        shared.faults.insert(target.to_owned(), planned);
    }

    /// The same for calls to one region only.
    pub(crate) fn on_in(&self, region: &str, target: &str, fault: Fault) {
        self.on(&format!("{target} in {region}"), fault);
    }

    /// Takes all faults away.
    pub(crate) fn heal(&self) {
        self.shared.lock().unwrap().faults.clear();
    }

    /// The calls since the last time, in order; those of STS, which has no such header, as `sts`.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().calls)
    }

    /// How many calls of this name there were since then.
    pub(crate) fn count(&self, target: &str) -> usize {
        let shared = self.shared.lock().unwrap();
        shared.calls.iter().filter(|call| *call == target).count()
    }
}

impl Planned {
    /// Whether this call gets the fault.
    fn strikes(&mut self) -> Option<Fault> {
        if self.spare > 0 {
            self.spare -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

/// A port that nobody listens on.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A port that takes connections and never says a word.
pub(crate) fn silent_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for client in listener.incoming() {
            kept.push(client);
        }
    });
    port
}

/// Sends one request that asks for `Connection: close` and returns the whole answer.
pub(super) fn forward(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn serve(mut client: TcpStream, backend: &Backend, shared: &Mutex<Shared>) -> io::Result<()> {
    let (head, body) = read_request(&mut client)?;
    let target = match backend {
        Backend::Port(_) => header(&head, "x-amz-target").unwrap_or("sts").to_owned(),
        #[cfg(feature = "kubernetes")]
        Backend::Cluster(_) => resource(&head),
    };
    // The scope of a signature is KEY/DATE/REGION/SERVICE/aws4_request.
    let region = header(&head, "authorization").and_then(|text| text.split('/').nth(2));
    let there = format!("{target} in {}", region.unwrap_or_default());
    let fault = {
        let mut shared = shared.lock().unwrap();
        let mut fault = None;
        for name in [&target, &there] {
            if let Some(planned) = shared.faults.get_mut(name) {
                fault = planned.strikes();
            }
        }
        shared.calls.push(target);
        fault
    };
    let pass_on = || match backend {
        Backend::Port(port) => {
            let lines = head
                .lines()
                .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
            let mut request = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
            request.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
            request.extend_from_slice(&body);
            forward(*port, &request).map(|answer| closing(&answer))
        }
        #[cfg(feature = "kubernetes")]
        Backend::Cluster(upstream) => upstream.forward(&head, &body),
    };
    match fault {
        None => client.write_all(&pass_on()?),
        Some(Fault::Error(status, kind)) => {
            let body = format!(r#"{{"__type":"{kind}","message":"made by a test"}}"#);
            let kind = format!("X-Amzn-ErrorType: {kind}\r\n");
            client.write_all(&answer(status, &kind, &body))
        }
        Some(Fault::Refuse(status, reason, wait)) => {
            let body = format!(
                r#"{{"kind":"Status","reason":"{reason}","message":"made by a test","code":{status}}}"#
            );
            let wait = wait.map(|seconds| format!("Retry-After: {seconds}\r\n"));
            client.write_all(&answer(status, &wait.unwrap_or_default(), &body))
        }
        Some(Fault::Drop) => Ok(()),
        Some(Fault::LoseAnswer) => pass_on().map(drop),
        Some(Fault::Cut(bytes)) => {
            let answer = pass_on()?;
            client.write_all(&answer[..bytes.min(answer.len())])
        }
        Some(Fault::Stall) => {
            pass_on()?;
            // Until the client goes away.
            client.read(&mut [0]).map(drop)
        }
        Some(Fault::Hang(time)) => {
            thread::sleep(time);
            Ok(())
        }
        Some(Fault::Slow(time)) => {
            thread::sleep(time);
            client.write_all(&pass_on()?)
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.1\r\n{headers}\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Method and resource of a call to an API server.
#[cfg(feature = "kubernetes")]
fn resource(head: &str) -> String {
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default();
    let (path, query) = words
        .next()
        .map(|target| target.split_once('?').unwrap_or((target, "")))
        .unwrap_or_default();
    let mut parts = path.split('/').skip_while(|part| *part != "namespaces");
    let named = parts.nth(2).or_else(|| path.split('/').next_back());
    let dry = if query.contains("dryRun=All") {
        " dry"
    } else {
        ""
    };
    format!("{method} {}{dry}", named.unwrap_or_default())
}

/// The head without its empty line, and the body.
fn read_request(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Ok((head, bytes[end + 4..].to_vec()));
            }
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The answer with a header that makes the client open a new connection for the next call.
fn closing(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(2).position(|window| window == b"\r\n");
    let end = end.map_or(answer.len(), |end| end + 2);
    [&answer[..end], b"Connection: close\r\n", &answer[end..]].concat()
}
