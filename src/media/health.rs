//! How well a leg's streams get through: what came and what went is counted, reports go out and come in (RFC 3550 §6), and at
//! the end of the leg stands what it was like.

use super::{
    opinion::opinion,
    plane::{Out, Token},
    reception::Reception,
    rtcp::{MAX_REPORT_BYTES, Reports, Sent},
    stream::Stream,
};
use crate::model::{LegQuality, StreamQuality};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// From the first configuration of a leg to its end.
pub(super) struct Health {
    reports: Reports,
    reception: Reception,
    packets: u64,
    octets: u64,
    /// Of what was lost so much is told.
    told_lost: u64,
    /// Where reports go; a report that came shows where the peer really is.
    to: SocketAddr,
    settled: bool,
    /// RTP and RTCP share a port (RFC 5761).
    shared: bool,
    clock_hz: u32,
}

/// Whether our reports go out by the port of RTP, or by their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Rtp,
    Rtcp,
}

impl Health {
    pub fn new(now: Instant, random: u128, to: SocketAddr) -> Self {
        Self {
            reports: Reports::new(now, random),
            reception: Reception::default(),
            packets: 0,
            octets: 0,
            told_lost: 0,
            to,
            settled: false,
            shared: false,
            clock_hz: 8000,
        }
    }

    /// The leg was described anew. `to` is where the peer wants reports; the port of its RTP when `shared`.
    pub fn configure(&mut self, to: SocketAddr, shared: bool, clock_hz: u32) {
        if (to, shared) != (self.to, self.shared) {
            (self.to, self.settled, self.shared) = (to, false, shared);
        }
        self.clock_hz = clock_hz;
    }

    /// A packet of the peer was admitted; `timestamp` is that of audio.
    pub fn came(&mut self, now: Instant, ssrc: u32, sequence: u16, timestamp: Option<u32>) {
        self.reception.note(now, ssrc, sequence, timestamp, self.clock_hz);
    }

    pub fn went(&mut self, payload_bytes: usize) {
        self.packets += 1;
        self.octets += payload_bytes as u64;
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.reports.is_due(now)
    }

    /// Sends the report that is due.
    pub fn report(
        &mut self,
        now: Instant,
        random: u32,
        (token, rtp): (Token, SocketAddr),
        stream: &Stream,
        out: &mut impl Out,
    ) {
        self.tell_lost(out);
        let (sent, mut buffer) = (self.sent(now, stream), [0; MAX_REPORT_BYTES]);
        let report = self.reports.report(now, random, sent, &mut self.reception, &mut buffer);
        if let Some(report) = report {
            self.send(token, rtp, report, out);
        }
    }

    /// Takes leave of a peer to whom anything was sent (§6.3.7), and says how the leg was.
    pub fn end(
        mut self,
        now: Instant,
        (token, rtp): (Token, SocketAddr),
        stream: &Stream,
        out: &mut impl Out,
    ) -> LegQuality {
        self.tell_lost(out);
        let (sent, mut buffer) = (self.sent(now, stream), [0; MAX_REPORT_BYTES]);
        let farewell = self.reports.farewell(now, sent, &mut self.reception, &mut buffer);
        if let Some(farewell) = farewell.filter(|_| self.packets > 0) {
            self.send(token, rtp, farewell, out);
        }
        self.quality()
    }

    /// Takes a datagram of the peer on either port; whether it is a report.
    pub fn hear(&mut self, now: Instant, from: SocketAddr, stream: &Stream, datagram: &[u8]) -> bool {
        if !self.reports.hear(now, stream.ssrc(), datagram) {
            return false;
        }
        if !self.settled {
            (self.to, self.settled) = (from, true);
        }
        true
    }

    pub fn quality(&self) -> LegQuality {
        let round_trip = self.reports.round_trip();
        let counts = self.reception.counts();
        let stream = |packets: u64, lost: u64, jitter: Duration| StreamQuality {
            packets,
            lost,
            jitter_us: u32::try_from(jitter.as_micros()).unwrap_or(u32::MAX),
            mos: opinion(lost as f64 / packets.max(1) as f64, jitter, round_trip),
        };
        let here = (counts.received > 0).then(|| stream(counts.expected, counts.lost(), self.reception.mean_jitter()));
        let there = self.reports.told().map(|told| {
            let jitter = Duration::from_secs_f64(f64::from(told.jitter) / f64::from(self.clock_hz));
            stream(self.packets, told.lost, jitter)
        });
        LegQuality { here, there, round_trip_us: round_trip.and_then(|trip| u32::try_from(trip.as_micros()).ok()) }
    }

    /// What came late after all is not taken back.
    fn tell_lost(&mut self, out: &mut impl Out) {
        let lost = self.reception.counts().lost();
        out.lost(lost.saturating_sub(self.told_lost));
        self.told_lost = self.told_lost.max(lost);
    }

    fn sent(&self, now: Instant, stream: &Stream) -> Sent {
        let timestamp = stream.timestamp_at(now);
        Sent { ssrc: stream.ssrc(), packets: self.packets, octets: self.octets, timestamp }
    }

    /// To where the peer's RTP comes from when both share a port. A phone that holds the old way has no address.
    fn send(&self, token: Token, rtp: SocketAddr, report: &[u8], out: &mut impl Out) {
        let (channel, to) = if self.shared { (Channel::Rtp, rtp) } else { (Channel::Rtcp, self.to) };
        if !to.ip().is_unspecified() && to.port() != 0 {
            out.report(token, channel, to, report);
        }
    }
}
