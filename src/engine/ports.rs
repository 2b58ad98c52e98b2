use crate::{
    media::{Command, port::Media, ports::Ports},
    model::LegId,
    switch::embedded::{MediaPorts, NoFreePort},
};
use std::{net::SocketAddr, sync::Arc};

/// Binds a leg's sockets and hands them to the media thread.
pub struct LegOpener {
    ports: Ports,
    media: Arc<Media>,
}

impl LegOpener {
    pub fn new(ports: Ports, media: Arc<Media>) -> Self {
        Self { ports, media }
    }
}

impl MediaPorts for LegOpener {
    fn open(&mut self, leg: LegId) -> Result<SocketAddr, NoFreePort> {
        let (address, sockets) = self.ports.bind().map_err(|error| {
            tracing::error!(event = "no-rtp-port", %error, "a call is refused");
            NoFreePort
        })?;
        self.media.command(Command::Open { leg, sockets }).map_err(|_| NoFreePort)?;
        Ok(address)
    }
}
