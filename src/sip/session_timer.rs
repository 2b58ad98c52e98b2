//! RFC 4028: how long a session stands without a sign of life, and who gives it. One machine for each dialog, in both
//! roles: what goes into a request or a response, and when to refresh or to give up.
//!
//! Deliberately absent: sending. A refresh is an UPDATE or a re-INVITE, and both are its user's to send.

use super::{BadHeader, Headers, Params, scan};
use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

/// The option tag.
pub const TIMER: &str = "timer";
/// §5: no smaller interval is to be accepted, nor can be asked of anybody.
pub const MIN_SE_S: u32 = 90;
/// §4: what we ask for.
const SESSION_EXPIRES_S: u32 = 1800;
/// How long a refresh that failed for the moment waits for the next.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    pub seconds: u32,
    pub refresher: Option<Refresher>,
}

/// Which side of the transaction refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

/// The interval asked for is below ours: 422 with Min-SE (§6).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("session interval below {MIN_SE_S} s")]
pub struct TooBrief;

/// What is to be done when a timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionDue {
    Refresh,
    /// Nobody has refreshed: BYE (§10).
    Expired,
}

/// The timer of one dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTimer {
    state: State,
    /// The peer wants no interval below this, in seconds.
    floor_s: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    /// We refresh; `None` while a refresh is under way.
    Ours { seconds: u32, refresh_at: Option<Instant>, until: Instant },
    /// The peer refreshes.
    Theirs { seconds: u32, until: Instant },
}

impl SessionTimer {
    /// Whether a request asks for an interval that we bear. Who knows no session timers cannot be refused for one that a
    /// proxy put in (§9).
    pub fn check(request: &Headers) -> Result<(), TooBrief> {
        let asked = request.session_expires().ok().flatten();
        let brief = asked.is_some_and(|asked| asked.seconds < MIN_SE_S);
        if brief && request.has_option(TIMER) { Err(TooBrief) } else { Ok(()) }
    }

    /// Our 2xx to an INVITE or UPDATE (§9): starts what the request asked for, and says so. A request that asks for none
    /// ends what was agreed before.
    pub fn accept(&mut self, now: Instant, request: &Headers, response: &mut Headers) {
        let Some(asked) = request.session_expires().ok().flatten() else {
            self.state = State::Off;
            return;
        };
        let knows = request.has_option(TIMER);
        let refresher = match knows {
            true => asked.refresher.unwrap_or(Refresher::Uac),
            false => Refresher::Uas,
        };
        let seconds = asked.seconds.max(MIN_SE_S);
        self.start(now, seconds, refresher == Refresher::Uas);
        response.push("Session-Expires", SessionExpires { seconds, refresher: Some(refresher) });
        if knows {
            response.push("Require", TIMER);
        }
    }

    /// What an INVITE or UPDATE of ours asks for: what stands, and who refreshes already; at first our own wish (§7.1).
    pub fn ask(&self, request: &mut Headers) {
        let (seconds, refresher) = match self.state {
            State::Off => (SESSION_EXPIRES_S, None),
            State::Ours { seconds, .. } => (seconds, Some(Refresher::Uac)),
            State::Theirs { seconds, .. } => (seconds, Some(Refresher::Uas)),
        };
        let floor = self.floor_s.max(MIN_SE_S);
        request.set("Session-Expires", SessionExpires { seconds: seconds.max(floor), refresher });
        request.set("Min-SE", floor);
    }

    /// The 2xx to what we asked (§7.2). A peer without a timer has none with us.
    pub fn answered(&mut self, now: Instant, response: &Headers) {
        match response.session_expires().ok().flatten() {
            Some(SessionExpires { seconds, refresher }) => {
                self.start(now, seconds.max(MIN_SE_S), refresher != Some(Refresher::Uas));
            }
            None => self.state = State::Off,
        }
    }

    /// A 422 to what we asked (§7.4): true when it is worth asking again.
    pub fn raise(&mut self, response: &Headers) -> bool {
        let wanted = response.min_se().ok().flatten().unwrap_or(0);
        let higher = wanted > self.floor_s.max(MIN_SE_S);
        self.floor_s = self.floor_s.max(wanted);
        higher
    }

    /// The refresh under way has failed for the moment; without `pause` it waits a little.
    pub fn postpone(&mut self, now: Instant, pause: Option<Duration>) {
        if let State::Ours { refresh_at, .. } = &mut self.state {
            *refresh_at = Some(now + pause.unwrap_or(RETRY_PAUSE));
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<SessionDue> {
        match &mut self.state {
            State::Ours { until, .. } | State::Theirs { until, .. } if *until <= now => {
                self.state = State::Off;
                Some(SessionDue::Expired)
            }
            State::Ours { refresh_at, .. } => refresh_at.take_if(|at| *at <= now).map(|_| SessionDue::Refresh),
            State::Theirs { .. } | State::Off => None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Off => None,
            State::Ours { refresh_at, until, .. } => Some(refresh_at.map_or(until, |at| at.min(until))),
            State::Theirs { until, .. } => Some(until),
        }
    }

    /// §10: the refresher refreshes at half time; the other one gives up a little before the end.
    fn start(&mut self, now: Instant, seconds: u32, ours: bool) {
        let interval = Duration::from_secs(seconds.into());
        self.state = match ours {
            true => State::Ours { seconds, refresh_at: Some(now + interval / 2), until: now + interval },
            false => State::Theirs { seconds, until: now + interval - (interval / 3).min(Duration::from_secs(32)) },
        };
    }
}

impl Headers {
    /// `None` when absent.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, BadHeader> {
        let Some(text) = self.get("Session-Expires") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| BadHeader::Malformed("Session-Expires"))
    }

    /// Seconds; `None` when absent (RFC 4028 §5).
    pub fn min_se(&self) -> Result<Option<u32>, BadHeader> {
        let Some(text) = self.get("Min-SE") else { return Ok(None) };
        let number = text.split(';').next().and_then(|number| scan::number(number.trim()));
        number.map(Some).ok_or(BadHeader::Malformed("Min-SE"))
    }

    /// Whether the sender knows an extension (RFC 3261 §20.32, §20.37).
    pub fn has_option(&self, tag: &str) -> bool {
        self.tokens("Supported").chain(self.tokens("Require")).any(|known| known.eq_ignore_ascii_case(tag))
    }
}

impl FromStr for SessionExpires {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let params = Params::parse(params).ok_or(())?;
        let refresher = match params.raw("refresher").map(str::to_ascii_lowercase).as_deref() {
            Some("uac") => Some(Refresher::Uac),
            Some("uas") => Some(Refresher::Uas),
            Some(_) => return Err(()),
            None => None,
        };
        Ok(Self { seconds: scan::number(number.trim()).ok_or(())?, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        write!(f, "{}{refresher}", self.seconds)
    }
}

#[cfg(test)]
mod tests;
