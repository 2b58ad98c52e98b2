//! What others ask of the running engine, on the control socket and from within the process, and what it answers.

use super::{Done, Engine};
use crate::{
    engine::{
        clock,
        control::{Answer, Hearing, Listen, Request},
        desk::{Order, SessionView},
        explain::{Live, explain},
        figures, redial,
        redial::{NoRedial, Redial},
        rows::{call_row, session_rows, trunk_status},
        selftest::{NoTest, SelfTest},
        socket::Asked,
        work,
    },
    model::{ExtensionNumber, Refusal},
    switch::embedded::Now,
};
use tokio::sync::oneshot;

impl Engine {
    pub(super) fn asked(&mut self, Asked { request, answer }: Asked) {
        match request {
            Request::Refresh => {
                self.poke.notify_one();
                reply(answer, Answer::done());
            }
            Request::Calls => {
                let now = clock::now();
                reply(answer, Answer::calls(self.switch.calls().iter().map(|call| call_row(call, now)).collect()));
            }
            Request::Sessions => {
                let views: Vec<SessionView> = self.desk.sessions().cloned().collect();
                let (store, now) = (self.store.clone(), clock::now());
                self.beside(async move {
                    reply(answer, session_rows(&store, &views, now).await);
                    None
                });
            }
            Request::Explain { login, extension, mode } => {
                let (Ok(extension), Ok(mode)) = (extension.parse::<ExtensionNumber>(), mode.parse()) else {
                    return reply(answer, Answer::error("no such extension or mode"));
                };
                let (store, calls, at_desk) = (self.store.clone(), self.switch.calls(), self.desk.at_desk());
                self.beside(async move {
                    let live = Live { calls: &calls, at_desk: &at_desk };
                    let explained = explain(&store, &login, &extension, mode, Some(live)).await;
                    reply(answer, explained.map_or_else(|error| Answer::error(error.to_string()), Answer::explanation));
                    None
                });
            }
            Request::Trunks => {
                let trunks = self.switch.trunks().into_iter().map(trunk_status).collect();
                reply(answer, Answer::trunks(trunks));
            }
            Request::Health => {
                let free = self.ports.try_one();
                reply(answer, free.map_or_else(|error| Answer::error(error.to_string()), |()| Answer::done()));
            }
            Request::Figures => {
                let figures = figures::read(&self.sign_ins, self.switch.responses(), self.media.statistics());
                reply(answer, Answer::figures(figures));
            }
            Request::EndSession { id } => {
                let now = clock::now().instant;
                let session = id.parse().is_ok_and(|id| self.desk.end_session(now, id));
                let known = session || id.parse().is_ok_and(|id| self.desk.end_order(now, id));
                let none =
                    || Answer::error(format!("there is no session {}: see `sasayaki sessions`", id.escape_debug()));
                reply(answer, if known { Answer::done() } else { none() });
            }
            Request::CancelOrder { id, account } => {
                let now = clock::now().instant;
                let known = id.parse().is_ok_and(|id| self.desk.cancel_order(now, id, account));
                reply(answer, if known { Answer::done() } else { Answer::error("no such order") });
            }
            Request::SelfTest => self.test_itself(Some(answer)),
            Request::Orders => reply(answer, Answer::orders(self.orders.rows())),
            Request::Redial { account, call } => {
                let store = self.store.clone();
                self.beside(async move {
                    let judged = redial::judge(&store, account, &call).await;
                    Some(Done::Redial(judged, answer))
                });
            }
            Request::Listen(listen) => {
                let store = self.store.clone();
                self.beside(async move {
                    let judged = work::order(&store, &listen).await;
                    Some(Done::Order(listen, judged, answer))
                });
            }
        }
    }

    /// Tries with three tones who hears whom; one test at a time.
    pub(super) fn test_itself(&mut self, answer: Option<oneshot::Sender<Answer>>) {
        if self.testing {
            return reply_if(answer, Answer::error("a self-test is running already: ask again when it is over"));
        }
        let opened = SelfTest::open(&mut self.ports, &self.media, clock::now().unix_ms, self.entropy.fork());
        self.testing = true;
        self.beside(async move {
            let result = match opened {
                Ok(test) => test.run().await,
                Err(error) => Err(error),
            };
            Some(Done::SelfTest(result, answer))
        });
    }

    pub(super) fn tested_itself(
        &mut self,
        result: Result<Vec<Hearing>, NoTest>,
        answer: Option<oneshot::Sender<Answer>>,
    ) {
        self.testing = false;
        match result {
            Ok(hearings) => {
                for Hearing { mode, listener, speaker, dbfs, .. } in hearings.iter().filter(|hearing| !hearing.right) {
                    tracing::error!(
                        event = "selftest-wrong",
                        mode,
                        listener,
                        speaker,
                        dbfs,
                        "who hears whom is not right"
                    );
                }
                if hearings.iter().all(|hearing| hearing.right) {
                    tracing::info!(event = "selftest-right", "who hears whom is right");
                }
                reply_if(answer, Answer::hearings(hearings));
            }
            Err(error) => {
                tracing::error!(event = "selftest-failed", %error, "who hears whom could not be tried");
                reply_if(answer, Answer::error(format!("the self-test could not run: {error}")));
            }
        }
    }

    pub(super) fn redial(&mut self, now: Now, judged: Result<Redial, NoRedial>, answer: oneshot::Sender<Answer>) {
        match judged {
            Ok(redial) => {
                if let Err(status) = self.switch.may_call(now, &redial.own, &redial.number) {
                    return reply(answer, redial::not_callable(status));
                }
                let command = self.redials.begin(now.unix_ms, redial, answer);
                self.switch.command(now, command);
            }
            Err(why) => reply(answer, why.into()),
        }
    }

    pub(super) fn order(
        &mut self,
        now: Now,
        listen: &Listen,
        judged: Result<(String, Order), Refusal>,
        answer: oneshot::Sender<Answer>,
    ) {
        let room = if self.orders.has_room() { Ok(()) } else { Err(Refusal::Busy) };
        match room.and(judged) {
            Ok((login, order)) => {
                let id = self.desk.order(now.unix_ms, order.clone());
                self.orders.begin(id, login, order, answer);
            }
            Err(refusal) => {
                self.desk.refuse_at_screen(listen.account, &listen.target, listen.mode, refusal);
                reply(answer, Answer::refused(refusal));
            }
        }
    }
}

fn reply_if(to: Option<oneshot::Sender<Answer>>, answer: Answer) {
    if let Some(to) = to {
        reply(to, answer);
    }
}

fn reply(to: oneshot::Sender<Answer>, answer: Answer) {
    // Whoever asked may have gone.
    let _ = to.send(answer);
}
