/// Who hears the start tone of monitoring (B1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToneAudience {
    Supervisor,
    Both,
}

/// What changes at run time and applies from the next session (B3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `monitor-tone`: モニタリングの通知音; off unless switched on (B1).
    pub monitor_tone: bool,
    /// `monitor-tone-audience`: supervisor, or both supervisor and agent (B1).
    pub monitor_tone_audience: ToneAudience,
    /// `whisper-tone`: ささやきの通知音; on unless switched off (B2).
    pub whisper_tone: bool,
    /// `continue-sessions`: モニタリング・ささやきを継続する, for web-started sessions (C3).
    pub continue_sessions: bool,
    /// `weak-passwords`: whether a dial-operation password may be one that is easily guessed; refused unless allowed (X2).
    pub weak_passwords: bool,
    /// `barge`: whether a supervisor may speak to both parties; off unless switched on (X1).
    pub barge: bool,
    /// `card-privacy`: keys that the parties press are kept from supervisors; on unless switched off (X7).
    pub card_privacy: bool,
    /// `call-center-plan`: whether there is a realtime monitor and listening from screens at all; on unless switched off (J4).
    pub call_center_plan: bool,
    /// `seat-view`: whether there is a seat view, which is a part of that; on unless switched off (J4).
    pub seat_view: bool,
    /// `interval-tone`: the tone of monitoring again and again, so many seconds apart; 0, which is the default: never (X10).
    pub interval_tone_s: u16,
}

/// The least time between two tones at intervals; the most is an hour.
pub const MIN_INTERVAL_TONE_S: u16 = 5;
pub const MAX_INTERVAL_TONE_S: u16 = 3600;

impl Settings {
    pub const DEFAULT: Settings = Settings {
        monitor_tone: false,
        monitor_tone_audience: ToneAudience::Supervisor,
        whisper_tone: true,
        continue_sessions: true,
        weak_passwords: false,
        barge: false,
        card_privacy: true,
        call_center_plan: true,
        seat_view: true,
        interval_tone_s: 0,
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}
