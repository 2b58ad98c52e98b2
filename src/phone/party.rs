use crate::model::Mode;

/// The three whose tones tell who hears whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    Supervisor,
    Agent,
    Customer,
}

impl Party {
    pub const ALL: [Party; 3] = [Party::Supervisor, Party::Agent, Party::Customer];

    pub fn name(self) -> &'static str {
        match self {
            Party::Supervisor => "supervisor",
            Party::Agent => "agent",
            Party::Customer => "customer",
        }
    }

    /// The pitch of the voice, chosen by measuring: far from the keys (697–941 and 1209–1633 Hz), from the chime, and
    /// from what a codec makes of each other voice and of any two together.
    pub fn hz(self) -> f64 {
        match self {
            Party::Supervisor => 1055.0,
            Party::Agent => 558.0,
            Party::Customer => 419.0,
        }
    }

    /// Rows A1–A4, and barging: whom each must hear, and nobody else. Written down a second time, beside `spy`, so that a wrong
    /// matrix shows.
    pub fn must_hear(self, speaker: Party, mode: Mode) -> bool {
        match (self, speaker) {
            (Party::Supervisor, Party::Agent | Party::Customer)
            | (Party::Agent, Party::Customer)
            | (Party::Customer, Party::Agent) => true,
            (Party::Agent, Party::Supervisor) => mode != Mode::Monitor,
            (Party::Customer, Party::Supervisor) => mode == Mode::Barge,
            (Party::Supervisor, Party::Supervisor)
            | (Party::Agent, Party::Agent)
            | (Party::Customer, Party::Customer) => false,
        }
    }
}
