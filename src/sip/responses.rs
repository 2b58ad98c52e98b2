use super::{Method, Response};
use std::collections::BTreeMap;

/// How many responses were given, by the method that they answer and their status. Methods that we do not know are one.
#[derive(Clone, Debug, Default)]
pub struct Responses(BTreeMap<(&'static str, u16), u64>);

impl Responses {
    pub fn count(&mut self, response: &Response) {
        let method = response.headers.cseq().map_or(UNKNOWN, |cseq| word(&cseq.method));
        *self.0.entry((method, response.code)).or_default() += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        self.0.iter().map(|((method, status), count)| (*method, *status, *count))
    }
}

const UNKNOWN: &str = "other";

fn word(method: &Method) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Ack => "ACK",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Register => "REGISTER",
        Method::Options => "OPTIONS",
        Method::Info => "INFO",
        Method::Update => "UPDATE",
        Method::Prack => "PRACK",
        Method::Refer => "REFER",
        Method::Notify => "NOTIFY",
        Method::Subscribe => "SUBSCRIBE",
        Method::Message => "MESSAGE",
        Method::Publish => "PUBLISH",
        Method::Other(_) => UNKNOWN,
    }
}
