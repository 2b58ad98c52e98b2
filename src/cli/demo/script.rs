//! What happens: a call, a session of monitoring, a session of whispering.

use super::{
    ear::Ear,
    house::{House, in_time},
    narrator::Narrator,
    party::Party,
    table::Heard,
};
use crate::{
    engine::prompts,
    model::{Digit, Mode, Prompt, Secret},
    phone::{Call, PhoneError},
};
use anyhow::Context;
use std::time::Duration;
use tokio::time;

/// The chime, and the moment in which voices begin in the middle of a note.
const START_TONE: Duration = Duration::from_millis(600);
const LISTENING: Duration = Duration::from_secs(3);
/// How much of a prompt a supervisor hears who knows it already.
const IMPATIENCE: Duration = Duration::from_millis(800);
const MASKED: &str = "••••#";

pub struct Script<'a> {
    pub house: &'a House,
    pub narrator: Narrator,
    pub japanese: bool,
}

/// The call that is listened to.
pub struct Talk {
    agent: Call,
    customer: Call,
}

/// What a session leaves behind.
pub struct Session {
    /// From the supervisor's dialling to the hang-up.
    pub whole: Heard,
    /// From the last key until the voices and the start tone have come.
    pub start: Heard,
    /// From there to the hang-up.
    pub listening: Heard,
}

/// Whether the supervisor hears a prompt out or types over it (D6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Patient,
    Brisk,
}

impl Talk {
    pub async fn wait_ended(&self) {
        self.agent.wait_ended().await;
    }

    fn positions(&self, supervisor: usize) -> [(Party, usize); 3] {
        let (agent, customer) = (self.agent.heard().len(), self.customer.heard().len());
        [(Party::Supervisor, supervisor), (Party::Agent, agent), (Party::Customer, customer)]
    }

    fn heard_from(&self, supervisor: &Call, positions: [(Party, usize); 3]) -> Heard {
        let heard = |party| match party {
            Party::Supervisor => supervisor.heard(),
            Party::Agent => self.agent.heard(),
            Party::Customer => self.customer.heard(),
        };
        let since = |(party, from): (Party, usize)| (party, heard(party).split_off(from));
        positions.map(since).into()
    }
}

impl Script<'_> {
    pub async fn talk(&self) -> anyhow::Result<Talk> {
        let agent = Party::Agent.extension();
        self.narrator.tell("customer", &format!("dials {agent}"))?;
        let dialling = in_time("the customer dials", self.house.customer.dial(agent)).await?;
        let ringing = in_time("the agent's phone rings", self.house.agent.incoming()).await?;
        let (customer, agent) =
            in_time("the agent answers", async { tokio::try_join!(dialling.answered(), ringing.accept()) }).await?;
        self.narrator
            .tell("agent", "佐藤 (Sato) answers: they talk, the agent in short notes, the customer in long ones")?;
        Ok(Talk { agent, customer })
    }

    /// The supervisor signs in, listens for a while and hangs up.
    pub async fn session(&self, talk: &Talk, mode: Mode, manner: Manner) -> anyhow::Result<Session> {
        let code = self.house.dialplan.code(mode).context("the dial plan has no code for this mode")?;
        self.narrator.tell("supervisor", &format!("dials {code}"))?;
        let dialled_at = talk.positions(0);
        let call = in_time("the supervisor's phone is answered", self.house.supervisor.call(code)).await?;
        let keyed_at = self.sign_in(talk, &call, mode, manner).await?;
        self.ear(&call).voice(Party::Agent, keyed_at[0].1).await?;
        self.narrator.tell("", told(mode))?;
        stay(&call, START_TONE).await?;
        let start = talk.heard_from(&call, keyed_at);
        let settled_at = talk.positions(call.heard().len());
        stay(&call, LISTENING).await?;
        let (whole, listening) = (talk.heard_from(&call, dialled_at), talk.heard_from(&call, settled_at));
        self.narrator.tell("supervisor", "hangs up; the call goes on")?;
        in_time("the supervisor hangs up", call.hang_up()).await?;
        Ok(Session { whole, start, listening })
    }

    /// Says where in what each hears the last key was pressed.
    async fn sign_in(
        &self,
        talk: &Talk,
        call: &Call,
        mode: Mode,
        manner: Manner,
    ) -> anyhow::Result<[(Party, usize); 3]> {
        let welcome = match mode {
            Mode::Monitor => Prompt::MonitorWelcome,
            Mode::Whisper | Mode::Barge => Prompt::WhisperWelcome,
        };
        let keys = &self.house.supervisor_keys;
        let extension = Secret::new(Party::Agent.extension());
        let (id_shown, password_shown) = (format!("ID {MASKED}"), format!("password {MASKED}"));
        let extension_shown = format!("{}#", extension.expose());
        let entries = [
            (welcome, &keys.dial_id, id_shown),
            (Prompt::Password, &keys.password, password_shown),
            (Prompt::Extension, &extension, extension_shown),
        ];
        let mut from = 0;
        let mut keyed_at = talk.positions(0);
        for (prompt, entry, shown) in entries {
            self.listen(call, prompt, from, manner).await?;
            self.narrator.tell("supervisor", &format!("keys {shown}"))?;
            press(call, entry).await?;
            from = self.ear(call).position();
            keyed_at = talk.positions(from);
            in_time("the supervisor presses #", call.send_digit(Digit::HASH)).await?;
        }
        Ok(keyed_at)
    }

    /// A prompt is told when it is heard.
    async fn listen(&self, call: &Call, prompt: Prompt, from: usize, manner: Manner) -> anyhow::Result<()> {
        let ear = self.ear(call);
        ear.beginning(prompt, from).await?;
        self.narrator.tell("system", &self.text(prompt))?;
        match manner {
            Manner::Patient => ear.end(prompt, from).await,
            Manner::Brisk => stay(call, IMPATIENCE).await,
        }
    }

    fn ear<'c>(&'c self, call: &'c Call) -> Ear<'c> {
        Ear { call, clips: &self.house.clips }
    }

    /// What a prompt says, a sentence a line; Japanese with the English below.
    fn text(&self, prompt: Prompt) -> String {
        let Some((japanese, english)) = prompts::texts(prompt) else { return prompt.file_stem().to_owned() };
        let english = english.replace(". ", ".\n");
        if self.japanese { format!("「{}」\n{english}", japanese.replace("。ダ", "。\n  ダ")) } else { english }
    }
}

fn told(mode: Mode) -> &'static str {
    match mode {
        Mode::Monitor => "monitoring: the supervisor hears both; nobody hears the supervisor",
        Mode::Whisper => {
            "ピコン: the supervisor and the agent hear the start tone\n\
             whispering: the agent hears the supervisor too; the customer does not"
        }
        Mode::Barge => "barging: everybody hears the supervisor",
    }
}

/// Lets the call go on for a while.
async fn stay(call: &Call, duration: Duration) -> anyhow::Result<()> {
    time::timeout(duration, call.wait_ended()).await.err().context("the supervisor's call ended too early")?;
    Ok(())
}

async fn press(call: &Call, keys: &Secret) -> Result<(), PhoneError> {
    call.send_digits(keys.expose().chars().filter_map(|key| Digit::try_from(key).ok())).await
}
