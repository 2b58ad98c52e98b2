use super::{
    DtmfWay, Payloads, PhoneError,
    agent::{CallNo, Command},
    ask,
    media::Media,
};
use crate::model::{Codec, Digit};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    ByUs,
    ByPeer,
    /// The peer did not acknowledge, or the way to it broke.
    Lost,
}

/// A call that was answered. What was heard outlives it.
pub struct Call {
    pub(super) line: Line,
}

/// A call of ours that is not answered yet.
pub struct Dialling {
    pub(super) line: Line,
    pub(super) outcome: oneshot::Receiver<Result<(), PhoneError>>,
    pub(super) progress: watch::Receiver<u16>,
}

/// A call that rings here.
pub struct Incoming {
    pub(super) line: Line,
    pub(super) caller: String,
}

/// What every stage of a call needs.
#[derive(Clone)]
pub(super) struct Line {
    pub call: CallNo,
    pub commands: mpsc::Sender<Command>,
    pub media: Arc<Media>,
    pub ended: watch::Receiver<Option<Ended>>,
    pub dtmf: DtmfWay,
}

impl Dialling {
    pub async fn answered(self) -> Result<Call, PhoneError> {
        self.outcome.await.map_err(|_| PhoneError::Gone)??;
        Ok(Call { line: self.line })
    }

    /// Waits for a provisional response above 100, and returns its code.
    pub async fn ringing(&mut self) -> Result<u16, PhoneError> {
        self.progress.wait_for(|code| *code > 100).await.map(|code| *code).map_err(|_| PhoneError::Gone)
    }

    /// Gives up: `answered` will say 487, unless the answer was faster.
    pub async fn cancel(&self) -> Result<(), PhoneError> {
        let call = self.line.call;
        self.line.commands.send(Command::Cancel { call }).await.map_err(|_| PhoneError::Gone)
    }

    /// Early media, as in `Call::heard`.
    pub fn heard(&self) -> Vec<i16> {
        self.line.media.heard()
    }
}

impl Incoming {
    /// The user part of the caller's address.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    pub async fn accept(self) -> Result<Call, PhoneError> {
        let call = self.line.call;
        ask(&self.line.commands, |reply| Command::Accept { call, reply }).await?;
        Ok(Call { line: self.line })
    }

    pub async fn reject(self, code: u16) -> Result<(), PhoneError> {
        let call = self.line.call;
        ask(&self.line.commands, |reply| Command::Reject { call, code, reply }).await
    }

    /// Waits until the caller gives up.
    pub async fn wait_ended(&mut self) -> Ended {
        self.line.wait_ended().await
    }
}

impl Call {
    /// Sends BYE; done when it is answered.
    pub async fn hang_up(&self) -> Result<(), PhoneError> {
        let call = self.line.call;
        ask(&self.line.commands, |reply| Command::HangUp { call, reply }).await
    }

    /// A re-INVITE with `sendonly`; nothing is sent until `resume`.
    pub async fn hold(&self) -> Result<(), PhoneError> {
        let call = self.line.call;
        ask(&self.line.commands, |reply| Command::Hold { call, on: true, reply }).await
    }

    /// A re-INVITE with `sendrecv`.
    pub async fn resume(&self) -> Result<(), PhoneError> {
        let call = self.line.call;
        ask(&self.line.commands, |reply| Command::Hold { call, on: false, reply }).await
    }

    /// Sends the other side to `number` (RFC 3515); done when it talks there, or an error with the status that kept it here.
    /// Once it is gone this call ends by itself.
    pub async fn transfer(&self, number: &str) -> Result<(), PhoneError> {
        self.refer(number, None).await
    }

    /// Joins the other side to that of `other`, which is at `number` (RFC 3891).
    pub async fn transfer_to(&self, other: &Call, number: &str) -> Result<(), PhoneError> {
        self.refer(number, Some(other.line.call)).await
    }

    async fn refer(&self, number: &str, replaces: Option<CallNo>) -> Result<(), PhoneError> {
        let (call, number) = (self.line.call, number.to_owned());
        ask(&self.line.commands, |reply| Command::Refer { call, number, replaces, reply }).await
    }

    /// Presses a key for 100 ms the phone's own way; done when the pause after it is over.
    pub async fn send_digit(&self, digit: Digit) -> Result<(), PhoneError> {
        let call = self.line.call;
        if self.line.dtmf == DtmfWay::Info {
            ask(&self.line.commands, |reply| Command::Info { call, digit, reply }).await?;
        }
        self.line.media.press(digit, self.line.dtmf).await.map_err(|_| PhoneError::Gone)
    }

    pub async fn send_digits(&self, digits: impl IntoIterator<Item = Digit>) -> Result<(), PhoneError> {
        for digit in digits {
            self.send_digit(digit).await?;
        }
        Ok(())
    }

    pub async fn wait_ended(&self) -> Ended {
        self.line.clone().wait_ended().await
    }

    pub fn is_ended(&self) -> bool {
        self.line.ended.borrow().is_some()
    }

    /// What came from the other side, 8 kHz, from the moment the call began on this phone; every packet lies where its
    /// RTP timestamp puts it.
    pub fn heard(&self) -> Vec<i16> {
        self.line.media.heard()
    }

    /// What was said and what came, byte by byte; empty unless the phone keeps payloads.
    pub fn payloads(&self) -> Payloads {
        self.line.media.payloads()
    }

    /// From here on all audio that this phone sends is lost, and nobody is told.
    pub fn lose_audio(&self) {
        self.line.media.lose();
    }

    /// The keys that the other side has pressed, as far as they came by telephone-events or by INFO.
    pub fn pressed(&self) -> Vec<Digit> {
        self.line.media.pressed()
    }

    /// What comes during the next `duration`; less when the call ends before.
    pub async fn listen(&self, duration: Duration) -> Vec<i16> {
        let before = self.heard().len();
        // Either way it is over.
        let _ = tokio::time::timeout(duration, self.wait_ended()).await;
        self.heard().split_off(before)
    }

    /// Whether the audio goes as SRTP.
    pub fn is_secured(&self) -> bool {
        self.line.media.is_secured()
    }

    /// The codec that this phone sends.
    pub fn codec(&self) -> Option<Codec> {
        self.line.media.terms().map(|terms| terms.codec)
    }
}

impl Line {
    async fn wait_ended(&mut self) -> Ended {
        let ended = self.ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| *ended).unwrap_or(Ended::Lost)
    }
}
