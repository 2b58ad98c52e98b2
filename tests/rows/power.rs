//! Lockout, power cuts and the other database: what outlives the engine.

use crate::{
    ear::{self, Ear, Prompts},
    office::{DIAL_PASSWORD, MONITOR, Office, PATIENT, WHISPER, press, row, running},
    support::audio::{AGENT_HZ, CUSTOMER_HZ},
};
use sasayaki::{model::Prompt, phone::Phone, store::keys::os_random};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use std::{env, net::SocketAddr, sync::Arc};
use ulid::Ulid;

/// As INTERFACE and the manual say: five failures lock an ID for the phone they came from.
const FAILURES_TO_LOCK: usize = 5;

impl Office {
    /// The engine dies as in a power cut, and comes up again.
    fn power_cut(&mut self) {
        let engine = Arc::get_mut(&mut self.engine).expect("an engine of its own");
        engine.kill();
        engine.start();
    }

    async fn signs_in(&self, phone: &Phone, prompts: &Prompts) {
        let supervisor = phone.call(&self.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, prompts).hears(&[Prompt::Extension]).await;
        supervisor.hang_up().await.unwrap();
    }

    async fn is_locked_out(&self, phone: &Phone, prompts: &Prompts) {
        let supervisor = phone.call(&self.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
        self.expect_trail("sign-in", "locked-out");
        supervisor.hang_up().await.unwrap();
    }
}

#[test]
fn x2_five_failures_lock_the_phone_out_across_a_power_cut_until_an_administrator_unlocks_it() {
    row(async {
        let (mut office, prompts) = (Office::alone(PATIENT), Prompts::quick());
        let phone = office.supervisor_phone().await;
        office.signs_in(&phone, &prompts).await;
        let supervisor = phone.call(MONITOR).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::MonitorWelcome]).await;
        for _ in 0..FAILURES_TO_LOCK {
            press(&supervisor, &format!("{}#0000#", office.dial_id())).await;
            ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            office.expect_trail("sign-in", "wrong-password");
        }
        // The right password now sounds as wrong as the others did (E1), in this call and in the next.
        press(&supervisor, &format!("{}#{DIAL_PASSWORD}#", office.dial_id())).await;
        ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
        office.expect_trail("sign-in", "locked-out");
        supervisor.hang_up().await.unwrap();
        office.power_cut();
        office.is_locked_out(&phone, &prompts).await;
        // Nobody else pays for it: another phone signs in with the same ID.
        office.engine.add_extension(&office.another());
        let another = office.phone(&office.another(), AGENT_HZ).await;
        office.signs_in(&another, &prompts).await;
        office.is_locked_out(&phone, &prompts).await;
        office.engine.run_ok(&["dial-id", "unlock", &office.login()], "");
        office.signs_in(&phone, &prompts).await;
    });
}

#[test]
fn x2_strangers_share_one_budget_and_shut_nobody_out_of_their_own_phone() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let phone = office.supervisor_phone().await;
        office.signs_in(&phone, &prompts).await;
        office.engine.add_extension(&office.another());
        let strangers = [office.customer(), office.another(), office.agent()];
        for (number, failures) in strangers.iter().zip([2, 3, 1]) {
            let stranger = office.silent_phone(number).await;
            let call = stranger.call(MONITOR).await.unwrap();
            let mut ear = Ear::new(&call, &prompts);
            ear.hears(&[Prompt::MonitorWelcome]).await;
            for _ in 0..failures {
                press(&call, &format!("{}#0000#", office.dial_id())).await;
                ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            }
            call.hang_up().await.unwrap();
        }
        office.expect_trail_of(&office.another(), "sign-in", "wrong-password");
        office.expect_trail_of(&office.agent(), "sign-in", "locked-out");
        office.signs_in(&phone, &prompts).await;
    });
}

/// A whole session, a power cut in the middle of it, and another session after it.
async fn survives_a_power_cut(mut office: Office) {
    let talk = office.talk().await;
    let phone = office.supervisor_phone().await;
    let _session = office.listen_in(&phone, WHISPER).await;
    office.expect_trail("start", "");
    let before = office.engine.audit();
    office.power_cut();
    drop(talk);
    let after = office.engine.audit();
    assert_eq!(after[..before.len()], before, "no row of the trail is lost or changed");
    // The phones need not register again, nor anybody be added.
    let talk = office.talk().await;
    let supervisor = phone.call(WHISPER).await.unwrap();
    press(&supervisor, &format!("{}#{DIAL_PASSWORD}#{}#", office.dial_id(), office.agent())).await;
    ear::hears(&supervisor, CUSTOMER_HZ).await;
    talk.agent.hang_up().await.unwrap();
    supervisor.wait_ended().await;
    office.expect_trail("end", "call-ended");
}

#[test]
fn accounts_rights_and_trail_survive_a_power_cut_in_the_middle_of_a_session() {
    row(survives_a_power_cut(Office::alone(PATIENT)));
}

/// A fresh database on the PostgreSQL server of the tests.
pub struct Database {
    /// With the name of another database at its end.
    server: String,
    pub name: String,
}

impl Database {
    pub async fn create() -> Self {
        let server = env::var("SASAYAKI_TEST_POSTGRES")
            .expect("no PostgreSQL to test on: run `tests/postgres cargo test --test rows`");
        let unique = Ulid::from(u128::from_be_bytes(os_random()[..16].try_into().unwrap()));
        let database = Self { server, name: format!("rows_{unique}").to_lowercase() };
        database.tell_server(&format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    pub async fn tell_server(&self, statement: &str) {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.server).await.unwrap();
        connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        let after_user = self.server.rsplit('@').next().unwrap();
        after_user.split('/').next().unwrap().parse().unwrap()
    }

    /// What makes an engine use it, by that address.
    pub fn config(&self, address: SocketAddr) -> String {
        format!("{PATIENT}[store]\nurl = \"postgres://postgres@{address}/{}\"\n", self.name)
    }
}

#[test]
fn a_whole_session_on_postgresql_survives_a_power_cut_as_well() {
    row(async {
        let database = Database::create().await;
        let engine = running(&database.config(database.address()));
        assert!(!engine.folder().join("data/sasayaki.db").exists(), "the other database is not in use");
        survives_a_power_cut(Office::within(Arc::new(engine))).await;
    });
}
