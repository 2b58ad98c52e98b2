//! Rows D10–D13, J1–J3 and X5 as far as it goes: who may listen to which phone, when and how.

use crate::{
    ear::{self, Ear, Prompts, assert_hears},
    office::{DIAL_PASSWORD, MONITOR, Office, WHISPER, press, row, terminal},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
};
use jiff::{ToSpan, Zoned};
use sasayaki::{
    model::Prompt,
    phone::{Call, Phone},
};

/// One attempt of the supervisor's at the agent, each in a call of its own.
struct Attempts {
    office: Office,
    phone: Phone,
    prompts: Prompts,
}

impl Attempts {
    async fn begin() -> (Self, crate::office::Talk) {
        let office = Office::open();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        (Self { office, phone, prompts: Prompts::quick() }, talk)
    }

    async fn refused(&self, code: &str, reason: &str) {
        let supervisor = self.office.name_agent(&self.phone, &self.office.short(code)).await;
        Ear::new(&supervisor, &self.prompts).hears(&[Prompt::Error, Prompt::Extension]).await;
        self.office.expect_trail("attempt", reason);
        supervisor.hang_up().await.unwrap();
    }

    /// What `explain` says of the supervisor at the agent, now: its verdict, and the reason of the first check that failed.
    fn explained(&self, mode: &str) -> (String, Option<String>) {
        let words = ["explain", &self.office.login(), &self.office.agent(), mode, "--json"];
        let told: serde_json::Value = serde_json::from_str(&self.office.engine.run_ok(&words, "")).unwrap();
        let checks = told["checks"].as_array().unwrap();
        let failed = checks.iter().find(|check| check["verdict"] == "refused");
        let reason = failed.map(|check| check["reason"].as_str().unwrap().to_owned());
        (told["verdict"].as_str().unwrap().to_owned(), reason)
    }

    async fn refused_and_explained(&self, reason: &str) {
        assert_eq!(self.explained("whisper"), ("refused".to_owned(), Some(reason.to_owned())));
        self.refused(WHISPER, reason).await;
    }

    async fn granted(&self, code: &str) {
        let supervisor = self.office.listen_in(&self.phone, code).await;
        supervisor.hang_up().await.unwrap();
        self.office.expect_trail("end", "supervisor-hung-up");
    }
}

#[test]
fn d10_without_a_dial_operation_id_and_password_nobody_signs_in() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
        supervisor.hang_up().await.unwrap();
        office.engine.run_ok(&["dial-id", "clear", &office.login()], "");
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
        office.expect_trail("sign-in", "unknown-dial-id");
    });
}

#[test]
fn d11_j2_view_is_refused_edit_and_manage_are_granted() {
    row(async {
        let (attempts, _talk) = Attempts::begin().await;
        let (office, agent) = (&attempts.office, attempts.office.agent());
        office.revoke(&agent);
        attempts.refused(MONITOR, "no-right").await;
        let said = office.grant(&agent, "view");
        assert!(String::from_utf8_lossy(&said.stderr).contains("view does not allow listening"));
        attempts.refused(MONITOR, "no-right").await;
        attempts.refused(WHISPER, "no-right").await;
        office.grant(&agent, "edit");
        attempts.granted(MONITOR).await;
        attempts.granted(WHISPER).await;
        office.grant(&agent, "manage");
        attempts.granted(MONITOR).await;
    });
}

#[test]
fn d12_the_right_follows_the_extension_whoever_uses_it_and_the_command_line_warns_of_that() {
    row(async {
        let office = Office::open();
        let said = office.grant(&office.agent(), "edit");
        let note = format!("the right follows the phone: {} may listen to whoever uses extension", office.login());
        assert!(String::from_utf8_lossy(&said.stderr).contains(&note));
        // Somebody else sits down at the agent's number.
        office.phone(&office.agent(), SUPERVISOR_HZ).await.unregister().await.unwrap();
        let somebody = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let _talk = office.connect(&somebody, &customer).await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        assert_hears("the supervisor", &ear::now(&supervisor).await, &[AGENT_HZ, CUSTOMER_HZ]);
    });
}

#[test]
fn d13_j1_a_user_may_dial_given_the_right_and_an_administrator_may_not_without_it() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        for (role, dial_id) in [("user", office.coach_dial_id()), ("administrator", format!("5{}", office.base()))] {
            let login = format!("{role}{}", office.base());
            office.add_account(&login, role, &office.supervisor(), &dial_id);
            let dialled = format!("{MONITOR}*{dial_id}*{DIAL_PASSWORD}");
            let supervisor = office.name_agent(&phone, &dialled).await;
            Ear::new(&supervisor, &prompts).hears(&[Prompt::Error, Prompt::Extension]).await;
            office.expect_trail("attempt", "no-right");
            office.engine.run_ok(&["permission", "grant", &login, &terminal(&office.agent()), "edit"], "");
            let granted = |row: &serde_json::Value| {
                row["kind"] == "change" && row["detail"].as_str().is_some_and(|detail| detail.contains(&login))
            };
            assert!(office.engine.audit().iter().any(granted), "the grant is audited");
            press(&supervisor, &format!("{}#", office.agent())).await;
            ear::hears(&supervisor, CUSTOMER_HZ).await;
            supervisor.hang_up().await.unwrap();
            office.expect_trail("end", "supervisor-hung-up");
        }
    });
}

#[test]
fn j3_an_account_carries_its_extension_and_dial_operation_id() {
    row(async {
        let office = Office::open();
        let listed = office.engine.run_ok(&["account", "list", "--json"], "");
        let accounts: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        let mine = accounts.iter().find(|account| account["login"] == office.login()).unwrap();
        assert_eq!(mine["extension"], office.supervisor());
        assert!(mine.to_string().contains(&office.dial_id()) && !listed.contains(DIAL_PASSWORD));
        let taken = office.engine.run(&["dial-id", "set", "nobody", &office.dial_id(), "--password-stdin"], "123456");
        assert_eq!(taken.status.code(), Some(1));
    });
}

#[test]
fn x5_a_denial_wins_over_every_grant_at_either_end_of_the_call() {
    row(async {
        let (attempts, _talk) = Attempts::begin().await;
        let office = &attempts.office;
        office.deny(&office.agent());
        office.grant(&office.agent(), "manage");
        attempts.refused(MONITOR, "denied").await;
        office.revoke(&office.agent());
        office.grant(&office.agent(), "edit");
        attempts.granted(MONITOR).await;
        office.deny(&office.customer());
        attempts.refused(MONITOR, "denied").await;
        office.revoke(&office.customer());
        attempts.granted(MONITOR).await;
    });
}

#[test]
fn x5_a_protected_extension_is_closed_to_everyone_at_either_end_of_the_call() {
    row(async {
        let (attempts, _talk) = Attempts::begin().await;
        let office = &attempts.office;
        for number in [office.agent(), office.customer()] {
            office.engine.run_ok(&["extension", "set", &number, "--protected"], "");
            attempts.refused(WHISPER, "protected").await;
            office.engine.run_ok(&["extension", "set", &number, "--not-protected"], "");
            attempts.granted(WHISPER).await;
        }
    });
}

#[test]
fn x5_a_right_holds_in_its_modes_and_its_hours_only() {
    row(async {
        let (attempts, _talk) = Attempts::begin().await;
        let (office, agent) = (&attempts.office, attempts.office.agent());
        office.grant_with(&agent, "edit", &["--mode", "monitor"]);
        attempts.refused(WHISPER, "mode-not-granted").await;
        attempts.granted(MONITOR).await;
        let now = Zoned::now();
        let hours = |from: i64, to: i64| {
            let [from, to] =
                [from, to].map(|hour| now.checked_add(hour.hours()).unwrap().strftime("%H:00").to_string());
            format!("Mon-Sun {from}-{to}")
        };
        office.grant_with(&agent, "edit", &["--hours", &hours(6, 8)]);
        attempts.refused(MONITOR, "outside-hours").await;
        office.grant_with(&agent, "edit", &["--hours", &hours(-2, 3)]);
        attempts.granted(MONITOR).await;
        // The same on the other side of the world, twelve hours ahead of UTC and never otherwise.
        let there = now.in_tz("Etc/GMT-12").unwrap();
        let hours = |from: i64, to: i64| {
            let [from, to] =
                [from, to].map(|hour| there.checked_add(hour.hours()).unwrap().strftime("%H:00").to_string());
            format!("{from}-{to} Etc/GMT-12")
        };
        office.grant_with(&agent, "edit", &["--hours", &hours(-2, 3)]);
        attempts.granted(MONITOR).await;
        office.grant_with(&agent, "edit", &["--hours", &hours(6, 8)]);
        attempts.refused(MONITOR, "outside-hours").await;
    });
}

#[test]
fn x3_every_attempt_start_and_end_of_a_session_stands_in_the_trail() {
    row(async {
        let (attempts, _talk) = Attempts::begin().await;
        attempts.granted(WHISPER).await;
        let trail = attempts.office.trail(&attempts.office.supervisor());
        let kinds: Vec<&str> = trail.iter().map(|(kind, ..)| kind.as_str()).collect();
        assert_eq!(kinds, ["sign-in", "attempt", "start", "end"]);
        let rows = attempts.office.engine.audit();
        let mine = |row: &&serde_json::Value| row["source"] == attempts.office.supervisor();
        let sessions: Vec<_> = rows.iter().filter(mine).skip(1).map(|row| row["session"].clone()).collect();
        assert!(sessions[0].is_string() && sessions.iter().all(|session| *session == sessions[0]));
        assert!(
            rows.iter().filter(mine).all(|row| row["login"] == attempts.office.login() && row["mode"] == "whisper")
        );
    });
}

#[test]
fn a_call_that_nobody_watches_is_not_touched_by_changes_of_rights() {
    row(async {
        let (attempts, talk) = Attempts::begin().await;
        attempts.office.revoke(&attempts.office.agent());
        let both: [&Call; 2] = [&talk.agent, &talk.customer];
        let (by_agent, by_customer) = tokio::join!(ear::now(both[0]), ear::now(both[1]));
        assert_hears("the agent", &by_agent, &[CUSTOMER_HZ]);
        assert_hears("the customer", &by_customer, &[AGENT_HZ]);
    });
}

#[test]
fn x4_explain_gives_the_reason_for_which_the_phone_is_refused() {
    row(async {
        let (attempts, talk) = Attempts::begin().await;
        let office = &attempts.office;
        assert_eq!(attempts.explained("whisper"), ("granted".to_owned(), None));
        attempts.granted(WHISPER).await;
        office.grant_with(&office.agent(), "edit", &["--mode", "monitor"]);
        attempts.refused_and_explained("mode-not-granted").await;
        office.revoke(&office.agent());
        attempts.refused_and_explained("no-right").await;
        office.grant(&office.agent(), "edit");
        office.deny(&office.customer());
        attempts.refused_and_explained("denied").await;
        office.revoke(&office.customer());
        talk.agent.hold().await.unwrap();
        attempts.refused_and_explained("on-hold").await;
        talk.agent.hang_up().await.unwrap();
        attempts.refused_and_explained("not-in-call").await;
        for _ in 0..5 {
            let wrong = format!("{WHISPER}*{}*000000", office.dial_id());
            let supervisor = attempts.phone.call(&wrong).await.unwrap();
            Ear::new(&supervisor, &attempts.prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            supervisor.hang_up().await.unwrap();
        }
        let told = office.engine.run_ok(&["explain", &office.login(), &office.agent(), "whisper"], "");
        assert!(told.contains("refused: locked out after too many failures, until 20"), "{told}");
        office.engine.run_ok(&["dial-id", "clear", &office.login()], "");
        assert_eq!(attempts.explained("monitor"), ("refused".to_owned(), Some("unknown-dial-id".to_owned())));
    });
}
