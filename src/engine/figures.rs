//! What was counted, as figures for whoever watches the machine. No number, name or address is among them.

use super::control::Figures;
use crate::{
    media::port::MediaStatistics,
    model::{AccountId, Refusal},
    sip::Responses,
};
use std::{collections::BTreeMap, sync::atomic::Ordering};

/// Sign-ins by keypad, by their outcome.
#[derive(Default)]
pub struct SignIns(BTreeMap<&'static str, u64>);

impl SignIns {
    pub fn count(&mut self, outcome: &Result<AccountId, Refusal>) {
        let word = outcome.as_ref().err().map_or("signed-in", |refusal| refusal.as_str());
        *self.0.entry(word).or_default() += 1;
    }
}

pub fn read(sign_ins: &SignIns, responses: &Responses, media: &MediaStatistics) -> Figures {
    Figures {
        sign_ins: sign_ins.0.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
        sip: responses.iter().map(|(method, status, count)| (method.to_owned(), status, count)).collect(),
        rtp_packets_in: media.packets_in.load(Ordering::Relaxed),
        rtp_packets_out: media.packets_out.load(Ordering::Relaxed),
        rtp_packets_lost: media.packets_lost.load(Ordering::Relaxed),
        rtp_packets_unsent: media.packets_unsent.load(Ordering::Relaxed),
        mixer_late_ticks: media.late_ticks.load(Ordering::Relaxed),
        mixer_skipped_ticks: media.skipped_ticks.load(Ordering::Relaxed),
        media_legs: media.legs.load(Ordering::Relaxed),
    }
}
