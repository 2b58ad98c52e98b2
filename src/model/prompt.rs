/// What the system can say or sound. The file of each is `prompts/<language>/<file_stem>.wav`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Prompt {
    /// 「こちらは、モニター用の番号です。ダイヤル操作IDに続けて#を入力してください。」 (D3)
    MonitorWelcome,
    /// 「こちらは、ささやき用の番号です。ダイヤル操作IDに続けて#を入力してください。」 (D3)
    WhisperWelcome,
    /// 「ダイヤル操作IDに続けて#を入力してください。」: asked again after E1.
    DialId,
    /// 「ダイヤル操作パスワードに続けて#を入力してください。」 (D4)
    Password,
    /// 「内線番号に続けて#を入力してください。」 (D5)
    Extension,
    /// 「サインインできません」 (E1)
    SignInFailed,
    /// 「エラーが発生しました」 (E2)
    Error,
    /// 「通話が転送されたため、終了します。」: at most 3 s (C1).
    EndedByTransfer,
    /// 「権限がなくなったため、終了します。」: at most 3 s (C1).
    EndedByRight,
    /// ピコン: a session begins (B1, B2). Made by the tone generator, not a file.
    Chime,
    /// What a phone that was rung so as to call hears until it is answered: one ring. Made by the tone generator.
    RingBack,
    /// What a party on hold hears. Made by the tone generator, unless the administrator has a file.
    MusicOnHold,
}

impl Prompt {
    pub const SPOKEN: [Prompt; 9] = [
        Prompt::MonitorWelcome,
        Prompt::WhisperWelcome,
        Prompt::DialId,
        Prompt::Password,
        Prompt::Extension,
        Prompt::SignInFailed,
        Prompt::Error,
        Prompt::EndedByTransfer,
        Prompt::EndedByRight,
    ];

    pub fn file_stem(self) -> &'static str {
        match self {
            Prompt::MonitorWelcome => "monitor-welcome",
            Prompt::WhisperWelcome => "whisper-welcome",
            Prompt::DialId => "dial-id",
            Prompt::Password => "password",
            Prompt::Extension => "extension",
            Prompt::SignInFailed => "sign-in-failed",
            Prompt::Error => "error",
            Prompt::EndedByTransfer => "ended-by-transfer",
            Prompt::EndedByRight => "ended-by-right",
            Prompt::Chime => "chime",
            Prompt::RingBack => "ring-back",
            Prompt::MusicOnHold => "music-on-hold",
        }
    }
}
