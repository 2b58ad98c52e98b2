use super::Response;
use std::collections::BTreeMap;

/// How many responses were given, by the method that they answer and their status. Methods that we do not know are one.
#[derive(Clone, Debug, Default)]
pub struct Responses(BTreeMap<(&'static str, u16), u64>);

impl Responses {
    pub fn count(&mut self, response: &Response) {
        let method = response.headers.cseq().ok().and_then(|cseq| cseq.method.known_name()).unwrap_or(UNKNOWN);
        *self.0.entry((method, response.code)).or_default() += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        self.0.iter().map(|((method, status), count)| (*method, *status, *count))
    }
}

const UNKNOWN: &str = "other";
