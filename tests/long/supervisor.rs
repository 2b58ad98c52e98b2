//! A supervisor who attaches, listens for a while, and detaches.

use crate::office::{self, AGENT_HZ, CUSTOMER_HZ, LEVEL_DBFS};
use sasayaki::{
    media::tone::level_of,
    model::{Digit, Entropy},
    phone::{Call, Phone},
};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
/// Long enough that no spoken prompt holds both tones as loud as they are said.
const WINDOW: usize = 1600;
const NEAR_DB: f64 = 2.0;
/// How long after the last digit the call must be heard, if there is one.
const ATTACH_LIMIT: Duration = Duration::from_secs(4);

/// Who dials in, and with what.
pub struct Supervisor {
    pub phone: Phone,
    pub dial_id: String,
    pub dial_password: String,
}

pub enum Visit {
    /// The call was heard within this time after the last digit.
    Attached(Duration),
    /// Nothing to hear: the agent had just hung up, or the right was gone.
    Nothing,
    /// The call could not be made, or was taken away before there was anything to hear.
    Lost,
}

impl Supervisor {
    /// One visit, with a stay after an attach.
    pub async fn visit(&self, target: &str, entropy: &mut Entropy, stay_ms: (u64, u64)) -> Visit {
        let (call, visit) = self.attach(target, entropy).await;
        if let Some(call) = call {
            if matches!(visit, Visit::Attached(_)) {
                stay(&call, entropy, stay_ms).await;
            }
            // Already gone when the agent's call ended first.
            let _ = call.hang_up().await;
        }
        visit
    }

    /// Short or full sign-in, monitor or whisper, as chance wills.
    pub async fn attach(&self, target: &str, entropy: &mut Entropy) -> (Option<Call>, Visit) {
        let code = if entropy.bits().is_multiple_of(2) { "0070" } else { "0071" };
        let (dialled, typed) = match entropy.bits() % 3 {
            0 => (code.to_owned(), format!("{}#{}#{target}#", self.dial_id, self.dial_password)),
            _ => (format!("{code}*{}*{}", self.dial_id, self.dial_password), format!("{target}#")),
        };
        let Ok(call) = self.phone.call(&dialled).await else { return (None, Visit::Lost) };
        let typed = typed.chars().map(|key| Digit::try_from(key).unwrap());
        let visit = match call.send_digits(typed).await {
            Ok(()) => hear_the_call(&call).await,
            Err(_) => Visit::Lost,
        };
        (Some(call), visit)
    }
}

/// Shorter when the call ends before.
pub async fn stay(call: &Call, entropy: &mut Entropy, stay_ms: (u64, u64)) {
    let stay = Duration::from_millis(office::between(entropy, stay_ms.0, stay_ms.1));
    let _ = tokio::time::timeout(stay, call.wait_ended()).await;
}

async fn hear_the_call(call: &Call) -> Visit {
    let began = Instant::now();
    while began.elapsed() < ATTACH_LIMIT {
        if call.is_ended() {
            return Visit::Lost;
        }
        let heard = call.heard();
        let recent = &heard[heard.len().saturating_sub(WINDOW)..];
        let is_heard = |hz| (level_of(hz, 8000, recent) - LEVEL_DBFS).abs() < NEAR_DB;
        if recent.len() == WINDOW && is_heard(AGENT_HZ) && is_heard(CUSTOMER_HZ) {
            return Visit::Attached(began.elapsed());
        }
        tokio::time::sleep(POLL).await;
    }
    Visit::Nothing
}
