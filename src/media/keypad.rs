//! Keys on their way to a phone that the other party of its call pressed in another form than this phone takes them in:
//! one after the other, as telephone-events or as tones. Meanwhile the phone does not hear the other party: the key may
//! sound in that audio too.

use super::{clip::Clip, player::Player};
use crate::{
    dtmf::{EventPacket, EventSender, tone},
    model::{Digit, EventFormat},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// What a phone takes keys as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    Events(EventFormat),
    Info,
    Tones,
}

#[derive(Default)]
pub(super) struct Keypad {
    waiting: VecDeque<Digit>,
    press: Option<Press>,
}

/// A press, and the pause behind it.
struct Press {
    sound: Sound,
    ticks_left: u32,
}

enum Sound {
    Events(EventSender),
    Tone(Player),
}

impl Keypad {
    /// One more key; of more than anybody types ahead the rest is dropped.
    pub fn push(&mut self, digit: Digit) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(digit);
        }
    }

    /// To be called every 20 ms: begins the next press when it is time. `at` is where the stream of the phone is.
    pub fn tick(&mut self, form: KeyForm, at: u32) {
        if let Some(press) = &mut self.press {
            press.ticks_left -= 1;
            if let Sound::Tone(player) = &mut press.sound {
                player.advance();
            }
        }
        if self.press.as_ref().is_none_or(|press| press.ticks_left == 0) {
            self.press = self.waiting.pop_front().and_then(|digit| Press::new(digit, form, at));
        }
    }

    /// The packet that is due.
    pub fn event(&mut self) -> Option<EventPacket> {
        match &mut self.press.as_mut()?.sound {
            Sound::Events(sender) => sender.next(),
            Sound::Tone(_) => None,
        }
    }

    /// What sounds in the audio.
    pub fn tone(&self) -> Option<&Player> {
        match &self.press.as_ref()?.sound {
            Sound::Tone(player) => Some(player).filter(|player| !player.is_over()),
            Sound::Events(_) => None,
        }
    }

    /// Whether all keys have been pressed.
    pub fn is_over(&self) -> bool {
        self.press.is_none() && self.waiting.is_empty()
    }
}

impl Press {
    fn new(digit: Digit, form: KeyForm, at: u32) -> Option<Self> {
        let sound = match form {
            KeyForm::Events(format) => Sound::Events(EventSender::new(digit, at, LENGTH).on_clock(format.clock_rate)),
            KeyForm::Tones => {
                let clip = Clip::new(tone::key_press(digit, LEVEL_DBM0, LENGTH, 8000));
                Sound::Tone(Player::new(NO_TICKET, vec![Arc::new(clip)]))
            }
            KeyForm::Info => return None,
        };
        Some(Self { sound, ticks_left: PRESS_TICKS })
    }
}

/// Longer than any receiver asks for (ITU-T Q.24: 40 ms).
const LENGTH: Duration = Duration::from_millis(100);
/// 160 ms: the press, and a pause of 60 ms in which the end of events is said twice more.
const PRESS_TICKS: u32 = 8;
/// Of each tone, as phones send them.
const LEVEL_DBM0: f64 = -10.0;
const MAX_WAITING: usize = 32;
/// Nobody waits for the end of a tone.
const NO_TICKET: u64 = 0;
