use super::heard::MAX_HEARD_SECONDS;

/// 20 ms each; what comes later is not kept.
const MAX_PAYLOADS: usize = MAX_HEARD_SECONDS * 50;

/// The audio of one call byte by byte, in the order of sending and of arrival.
#[derive(Clone, Default)]
pub struct Payloads {
    pub said: Vec<Vec<u8>>,
    pub came: Vec<Vec<u8>>,
}

impl Payloads {
    pub(super) fn note_said(&mut self, payload: &[u8]) {
        note(&mut self.said, payload);
    }

    pub(super) fn note_came(&mut self, payload: &[u8]) {
        note(&mut self.came, payload);
    }
}

fn note(payloads: &mut Vec<Vec<u8>>, payload: &[u8]) {
    if payloads.len() < MAX_PAYLOADS {
        payloads.push(payload.to_vec());
    }
}
