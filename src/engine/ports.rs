use crate::{
    media::{
        Command, LegSockets,
        port::Media,
        ports::{Ports, PortsError},
    },
    model::LegId,
    switch::embedded::{MediaPorts, NoFreePort},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Binds a leg's sockets and hands them to the media thread. Every clone draws on the same ports.
#[derive(Clone)]
pub struct LegOpener {
    ports: Arc<Mutex<Ports>>,
    media: Arc<Media>,
}

impl LegOpener {
    pub fn new(ports: Ports, media: Arc<Media>) -> Self {
        Self { ports: Arc::new(Mutex::new(ports)), media }
    }

    /// Whether a call would find a pair: one is bound for a moment.
    pub fn try_one(&self) -> Result<(), PortsError> {
        self.bind().map(drop)
    }

    fn bind(&self) -> Result<(SocketAddr, LegSockets), PortsError> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).bind()
    }
}

impl MediaPorts for LegOpener {
    fn open(&mut self, leg: LegId) -> Result<SocketAddr, NoFreePort> {
        let (address, sockets) = self.bind().map_err(|error| {
            tracing::error!(event = "no-rtp-port", %error, "a call is refused");
            NoFreePort
        })?;
        self.media.command(Command::Open { leg, sockets }).map_err(|_| NoFreePort)?;
        Ok(address)
    }
}
