//! A SOCKS server (RFC 1928, with names and passwords of RFC 1929) before one port of this machine: the
//! only way to it by a name that resolves nowhere.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The name that only this server knows.
pub(crate) const SOCKS_HOST: &str = "k8s.internal.test";

/// Whoever wants a name and a password takes these.
pub(crate) const LOGIN: (&str, &str) = ("canary-user", "canary-pa:ss");

/// A running server.
#[derive(Debug)]
pub(crate) struct Socks {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// Before the server at this port; with a login it lets nobody else through.
    pub(crate) fn before(port: u16, wants_login: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                // A client that goes away is the client's business.
                thread::spawn(move || drop(serve(client, port, wants_login, &seen)));
            }
        });
        Self { port: own, asked }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it was asked to connect to, since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(
    mut client: TcpStream,
    port: u16,
    wants_login: bool,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let [5, count] = take(&mut client)? else {
        return Ok(());
    };
    let methods = some(&mut client, count)?;
    let method = if wants_login { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, method])?;
    if wants_login {
        let [1, length] = take(&mut client)? else {
            return Ok(());
        };
        let name = some(&mut client, length)?;
        let [length] = take(&mut client)?;
        let password = some(&mut client, length)?;
        let is_known = (name, password) == (LOGIN.0.into(), LOGIN.1.into());
        client.write_all(&[1, u8::from(!is_known)])?;
        if !is_known {
            return Ok(());
        }
    }
    let [5, 1, _, kind] = take(&mut client)? else {
        return Ok(());
    };
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(&mut client)?).to_string(),
        3 => {
            let [length] = take(&mut client)?;
            String::from_utf8_lossy(&some(&mut client, length)?).into_owned()
        }
        _ => return client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]),
    };
    take::<2>(&mut client)?;
    let is_ours = host == SOCKS_HOST || host == Ipv4Addr::LOCALHOST.to_string();
    asked.lock().unwrap().push(host);
    if !is_ours {
        return client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Write)
}

fn take<const N: usize>(from: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn some(from: &mut TcpStream, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(length)];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
