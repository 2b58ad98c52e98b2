use super::{Asker, Challenge, authorize, ha1};
use crate::{
    model::Secret,
    sip::{Request, Response},
};

/// The challenges that a client was given, so that each nonce serves for more than one request (RFC 7616 §3.3).
#[derive(Default)]
pub struct Session {
    server: Option<Known>,
    proxy: Option<Known>,
}

struct Known {
    challenge: Challenge,
    /// How often its nonce was used.
    count: u32,
}

/// What a 401 or 407 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The password was right and only the nonce was too old.
    pub stale: bool,
}

impl Session {
    /// Remembers the challenge of a 401 or 407; `None` when it has none that can be answered.
    pub fn learn(&mut self, response: &Response) -> Option<Asked> {
        let (asker, challenge) = Challenge::strongest(&response.headers)?;
        let asked = Asked { stale: challenge.stale };
        *self.slot(asker) = Some(Known { challenge, count: 0 });
        Some(asked)
    }

    /// Puts credentials into a request, in place of those it has, for every asker that is known. `cnonce` is fresh text
    /// without quotes.
    pub fn sign(&mut self, request: &mut Request, user: &str, password: &Secret, cnonce: &str) {
        for asker in [Asker::Server, Asker::Proxy] {
            let Some(Known { challenge, count }) = self.slot(asker) else { continue };
            *count = count.saturating_add(1);
            let ha1 = ha1(challenge.algorithm, user, &challenge.realm, password);
            let credentials = authorize(challenge, user, &ha1, &request.method, &request.uri, cnonce, *count);
            request.headers.set(asker.credentials_header(), credentials);
        }
    }

    fn slot(&mut self, asker: Asker) -> &mut Option<Known> {
        match asker {
            Asker::Server => &mut self.server,
            Asker::Proxy => &mut self.proxy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Method, digest::Credentials};

    fn challenged(code: u16, header: &str, challenge: &str) -> Response {
        let mut response = Response::new(code, "");
        response.headers.push(header, challenge);
        response
    }

    fn signed(session: &mut Session, header: &str) -> Option<(String, Option<u32>)> {
        let mut request = Request::new(Method::Invite, "sip:0312345678@trunk.example");
        session.sign(&mut request, "account", &Secret::new("secret"), "c");
        let credentials = request.headers.get(header)?.parse::<Credentials>().ok()?;
        Some((credentials.nonce, credentials.count.map(|count| count.value)))
    }

    #[test]
    fn a_nonce_is_used_again_and_counted_until_another_comes() {
        let mut session = Session::default();
        assert_eq!(signed(&mut session, "Authorization"), None);
        let first = challenged(401, "WWW-Authenticate", r#"Digest realm="r", nonce="one", qop="auth""#);
        assert_eq!(session.learn(&first), Some(Asked { stale: false }));
        assert_eq!(signed(&mut session, "Authorization"), Some(("one".into(), Some(1))));
        assert_eq!(signed(&mut session, "Authorization"), Some(("one".into(), Some(2))));
        let next = challenged(401, "WWW-Authenticate", r#"Digest realm="r", nonce="two", qop="auth", stale=true"#);
        assert_eq!(session.learn(&next), Some(Asked { stale: true }));
        assert_eq!(signed(&mut session, "Authorization"), Some(("two".into(), Some(1))));
    }

    #[test]
    fn a_proxy_and_the_server_behind_it_both_get_their_answer() {
        let mut session = Session::default();
        session.learn(&challenged(407, "Proxy-Authenticate", r#"Digest realm="p", nonce="proxy""#));
        session.learn(&challenged(401, "WWW-Authenticate", r#"Digest realm="s", nonce="server", qop="auth""#));
        assert_eq!(signed(&mut session, "Proxy-Authorization"), Some(("proxy".into(), None)));
        assert_eq!(signed(&mut session, "Authorization"), Some(("server".into(), Some(2))));
    }

    #[test]
    fn a_challenge_that_cannot_be_answered_is_none() {
        let mut session = Session::default();
        assert_eq!(session.learn(&Response::new(401, "")), None);
        let other = r#"Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth""#;
        assert_eq!(session.learn(&challenged(401, "WWW-Authenticate", other)), None);
    }
}
