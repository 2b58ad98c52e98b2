//! The way to a server that can be cut: whoever goes by it then finds the server gone.

use super::{POLL, port, within};
use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(10);

pub struct Proxy {
    pub address: SocketAddr,
    open: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    pub fn to(server: SocketAddr) -> Self {
        let proxy = Self { address: port::sip(), open: Arc::new(AtomicBool::new(true)), over: Arc::default() };
        let (address, open, over) = (proxy.address, Arc::clone(&proxy.open), Arc::clone(&proxy.over));
        thread::spawn(move || serve(address, server, &open, &over));
        proxy.expect(true);
        proxy
    }

    /// Ends every connection and takes no more.
    pub fn cut(&self) {
        self.open.store(false, SeqCst);
        self.expect(false);
    }

    pub fn mend(&self) {
        self.open.store(true, SeqCst);
        self.expect(true);
    }

    fn expect(&self, open: bool) {
        let is_so = || (TcpStream::connect(self.address).is_ok() == open).then_some(());
        assert!(within(LIMIT, is_so).is_some(), "the proxy at {}", self.address);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
    }
}

fn serve(address: SocketAddr, server: SocketAddr, open: &AtomicBool, over: &AtomicBool) {
    let mut listener = None;
    let mut streams: Vec<TcpStream> = Vec::new();
    while !over.load(SeqCst) {
        if open.load(SeqCst) {
            let listener = listener.get_or_insert_with(|| listen(address));
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                client.set_nonblocking(false).unwrap();
                streams.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                pump(client.try_clone().unwrap(), server.try_clone().unwrap());
                pump(server, client);
            }
        } else {
            listener = None;
            streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
        thread::sleep(POLL);
    }
    streams.into_iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// Carries one direction until either side is gone.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        for stream in [from, to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}
