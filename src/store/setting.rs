use super::{Actor, Change, Result, Store, StoreError, row};
use crate::model::{MAX_INTERVAL_TONE_S, MIN_INTERVAL_TONE_S, Settings, ToneAudience};
use serde::Serialize;
use sqlx::any::AnyRow;
use std::str::FromStr;

/// What `setting` can name (B3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKey {
    MonitorTone,
    MonitorToneAudience,
    WhisperTone,
    ContinueSessions,
    WeakPasswords,
    Barge,
    CardPrivacy,
    IntervalTone,
    CallCenterPlan,
    SeatView,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingRow {
    pub key: &'static str,
    pub value: String,
    /// Nobody has set it.
    pub default: bool,
}

impl SettingKey {
    pub const ALL: [SettingKey; 10] = [
        SettingKey::MonitorTone,
        SettingKey::MonitorToneAudience,
        SettingKey::WhisperTone,
        SettingKey::ContinueSessions,
        SettingKey::WeakPasswords,
        SettingKey::Barge,
        SettingKey::CardPrivacy,
        SettingKey::IntervalTone,
        SettingKey::CallCenterPlan,
        SettingKey::SeatView,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            SettingKey::MonitorTone => "monitor-tone",
            SettingKey::MonitorToneAudience => "monitor-tone-audience",
            SettingKey::WhisperTone => "whisper-tone",
            SettingKey::ContinueSessions => "continue-sessions",
            SettingKey::WeakPasswords => "weak-passwords",
            SettingKey::Barge => "barge",
            SettingKey::CardPrivacy => "card-privacy",
            SettingKey::IntervalTone => "interval-tone",
            SettingKey::CallCenterPlan => "call-center-plan",
            SettingKey::SeatView => "seat-view",
        }
    }

    fn show(self, settings: &Settings) -> String {
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        match self {
            SettingKey::MonitorTone => on_off(settings.monitor_tone),
            SettingKey::MonitorToneAudience => match settings.monitor_tone_audience {
                ToneAudience::Supervisor => "supervisor",
                ToneAudience::Both => "both",
            }
            .to_owned(),
            SettingKey::WhisperTone => on_off(settings.whisper_tone),
            SettingKey::ContinueSessions => on_off(settings.continue_sessions),
            SettingKey::WeakPasswords => match settings.weak_passwords {
                true => "allowed",
                false => "refused",
            }
            .to_owned(),
            SettingKey::Barge => on_off(settings.barge),
            SettingKey::CardPrivacy => on_off(settings.card_privacy),
            SettingKey::IntervalTone => settings.interval_tone_s.to_string(),
            SettingKey::CallCenterPlan => on_off(settings.call_center_plan),
            SettingKey::SeatView => on_off(settings.seat_view),
        }
    }

    fn apply(self, settings: &mut Settings, value: &str) -> Result<()> {
        let unusable = |expected| StoreError::Unusable { what: self.as_str(), expected };
        let switch = || match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(unusable("on or off")),
        };
        match self {
            SettingKey::MonitorTone => settings.monitor_tone = switch()?,
            SettingKey::MonitorToneAudience => {
                settings.monitor_tone_audience = match value {
                    "supervisor" => ToneAudience::Supervisor,
                    "both" => ToneAudience::Both,
                    _ => return Err(unusable("supervisor or both")),
                }
            }
            SettingKey::WhisperTone => settings.whisper_tone = switch()?,
            SettingKey::ContinueSessions => settings.continue_sessions = switch()?,
            SettingKey::WeakPasswords => {
                settings.weak_passwords = match value {
                    "allowed" => true,
                    "refused" => false,
                    _ => return Err(unusable("allowed or refused")),
                }
            }
            SettingKey::Barge => settings.barge = switch()?,
            SettingKey::CardPrivacy => settings.card_privacy = switch()?,
            SettingKey::CallCenterPlan => settings.call_center_plan = switch()?,
            SettingKey::SeatView => settings.seat_view = switch()?,
            SettingKey::IntervalTone => {
                let seconds = value.parse().ok();
                let usable =
                    |seconds: &u16| *seconds == 0 || (MIN_INTERVAL_TONE_S..=MAX_INTERVAL_TONE_S).contains(seconds);
                settings.interval_tone_s =
                    seconds.filter(usable).ok_or(unusable("0 (off), or from 5 to 3600 seconds"))?;
            }
        }
        Ok(())
    }
}

impl FromStr for SettingKey {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let found = SettingKey::ALL.into_iter().find(|key| key.as_str() == text);
        found.ok_or_else(|| super::no_such("setting", text))
    }
}

impl Store {
    pub async fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::default();
        for (key, value) in self.stored_settings().await? {
            key.apply(&mut settings, &value)?;
        }
        Ok(settings)
    }

    pub async fn setting_rows(&self) -> Result<Vec<SettingRow>> {
        let (settings, stored) = (self.settings().await?, self.stored_settings().await?);
        let row = |key: SettingKey| SettingRow {
            key: key.as_str(),
            value: key.show(&settings),
            default: !stored.iter().any(|(set, _)| *set == key),
        };
        Ok(SettingKey::ALL.into_iter().map(row).collect())
    }

    pub async fn setting(&self, key: SettingKey) -> Result<String> {
        Ok(key.show(&self.settings().await?))
    }

    pub async fn set_setting(&self, actor: &Actor, key: SettingKey, value: &str) -> Result<()> {
        key.apply(&mut Settings::default(), value)?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(key.as_str())
        .bind(value)
        .execute(&mut *tx)
        .await?;
        self.commit(tx, actor, Change::Setting, format!("setting set {} {value}", key.as_str())).await
    }

    /// A name that only a newer program knows is passed over.
    async fn stored_settings(&self) -> Result<Vec<(SettingKey, String)>> {
        let rows = sqlx::query("SELECT name, value FROM setting ORDER BY name").fetch_all(&self.pool).await?;
        let read = |line: &AnyRow| match row::column::<String>(line, "name")?.parse() {
            Ok(key) => Ok(Some((key, row::column(line, "value")?))),
            Err(_) => Ok(None),
        };
        rows.iter().filter_map(|line| read(line).transpose()).collect()
    }
}
