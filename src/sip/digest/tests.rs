use super::*;
use crate::sip::{Headers, Method, Request, Response};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const NOW: u64 = 1_700_000_000_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const URI: &str = "sip:0070%23@pbx.example";

/// A server, and the algorithms it offers to everybody.
struct Server {
    authenticator: Authenticator,
    algorithms: Vec<Algorithm>,
}

impl Server {
    fn challenge(&mut self, now: u64, request: &Request, asker: Asker, stale: bool) -> Response {
        self.authenticator.challenge(now, request, HERE, asker, &self.algorithms, stale)
    }

    fn verify(
        &mut self,
        now: u64,
        method: &Method,
        credentials: &Credentials,
        ha1_for: impl FnOnce(Algorithm) -> Option<Secret>,
    ) -> Verdict {
        self.authenticator.verify(now, HERE, method, credentials, &self.algorithms, ha1_for)
    }
}

fn authenticator(algorithms: &[Algorithm]) -> Server {
    Server { authenticator: Authenticator::new("pbx.example", [7; 32]), algorithms: algorithms.to_vec() }
}

fn challenge(server: &mut Server, now: u64) -> Challenge {
    let response = server.challenge(now, &Request::new(Method::Invite, URI), Asker::Proxy, false);
    Challenge::strongest(&response.headers).expect("a challenge").1
}

fn stored(algorithm: Algorithm) -> Option<Secret> {
    Some(ha1(algorithm, "1001", "pbx.example", &Secret::new("open sesame")))
}

fn answer(challenge: &Challenge, password: &str, count: u32) -> Credentials {
    let ha1 = ha1(challenge.algorithm, "1001", &challenge.realm, &Secret::new(password));
    let credentials = authorize(challenge, "1001", &ha1, &Method::Invite, URI, "abc", count);
    credentials.to_string().parse().unwrap_or_else(|error| panic!("{error}"))
}

fn verify(server: &mut Server, now: u64, credentials: &Credentials) -> Verdict {
    server.verify(now, &Method::Invite, credentials, stored)
}

#[test]
fn the_examples_of_rfc_2617_and_rfc_7616_come_out() {
    let of_2617 = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let credentials: Credentials = of_2617.parse().unwrap();
    let key = ha1(Algorithm::Md5, "Mufasa", "testrealm@host.com", &Secret::new("Circle Of Life"));
    assert_eq!(response(&credentials, "GET", &key), credentials.response);

    let of_7616 = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
        algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
        cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
        response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
    let credentials: Credentials = of_7616.parse().unwrap();
    let key = ha1(Algorithm::Sha256, "Mufasa", "http-auth@example.org", &Secret::new("Circle of Life"));
    assert_eq!(response(&credentials, "GET", &key), credentials.response);
}

#[test]
fn a_right_answer_is_accepted_with_either_algorithm() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut server = authenticator(&[algorithm]);
        let challenge = challenge(&mut server, NOW);
        assert_eq!(verify(&mut server, NOW + 5, &answer(&challenge, "open sesame", 1)), Verdict::Accepted);
    }
}

#[test]
fn several_algorithms_are_offered_in_the_configured_order() {
    let mut server = authenticator(&[Algorithm::Md5, Algorithm::Sha256]);
    let response = server.challenge(NOW, &Request::new(Method::Register, URI), Asker::Server, true);
    assert_eq!(response.code, 401);
    let offered: Vec<Challenge> = response.headers.all("WWW-Authenticate").map(|text| text.parse().unwrap()).collect();
    assert_eq!(offered.iter().map(|one| one.algorithm).collect::<Vec<_>>(), [Algorithm::Md5, Algorithm::Sha256]);
    assert!(offered.iter().all(|one| one.stale && one.qop_auth));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_alike() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let challenge = challenge(&mut server, NOW);
    assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open barley", 1)), Verdict::Wrong);
    let right = answer(&challenge, "open sesame", 1);
    assert_eq!(server.verify(NOW, &Method::Invite, &right, |_| None), Verdict::Wrong);
    assert_eq!(server.verify(NOW, &Method::Bye, &right, stored), Verdict::Wrong);
}

#[test]
fn the_nonce_count_is_hexadecimal_and_never_accepted_twice() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let challenge = challenge(&mut server, NOW);
    for count in 1..=40 {
        assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", count)), Verdict::Accepted, "{count}");
    }
    assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", 10)), Verdict::Stale);
    assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", 40)), Verdict::Stale);
}

#[test]
fn counts_that_overtook_each_other_are_accepted_once() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let challenge = challenge(&mut server, NOW);
    for (count, verdict) in [
        (2, Verdict::Accepted),
        (1, Verdict::Accepted),
        (1, Verdict::Stale),
        (100, Verdict::Accepted),
        (30, Verdict::Stale),
        (37, Verdict::Accepted),
    ] {
        assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", count)), verdict, "{count}");
    }
}

#[test]
fn a_nonce_that_is_old_of_another_key_or_of_another_address_is_stale_whatever_the_password() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let challenge = challenge(&mut server, NOW);
    let late = NOW + NONCE_LIFETIME_MS + 1;
    for password in ["open sesame", "wrong"] {
        let answer = answer(&challenge, password, 1);
        assert_eq!(verify(&mut server, late, &answer), Verdict::Stale);
        let elsewhere = IpAddr::from([192, 0, 2, 2]);
        let algorithms = server.algorithms.clone();
        let verdict = server.authenticator.verify(NOW, elsewhere, &Method::Invite, &answer, &algorithms, stored);
        assert_eq!(verdict, Verdict::Stale);
    }
    let mut restarted = authenticator(&[Algorithm::Md5]);
    restarted.authenticator = Authenticator::new("pbx.example", [8; 32]);
    assert_eq!(verify(&mut restarted, NOW, &answer(&challenge, "open sesame", 1)), Verdict::Stale);
}

#[test]
fn credentials_without_count_or_of_an_algorithm_not_offered_are_unacceptable() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let mut challenge = challenge(&mut server, NOW);
    challenge.qop_auth = false;
    assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", 1)), Verdict::Unacceptable);
    challenge.qop_auth = true;
    challenge.algorithm = Algorithm::Sha256;
    assert_eq!(verify(&mut server, NOW, &answer(&challenge, "open sesame", 1)), Verdict::Unacceptable);
}

#[test]
fn user_hashing_session_algorithms_and_auth_int_are_unsupported() {
    let base = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\"";
    for extra in ["userhash=true", "algorithm=MD5-sess", "qop=auth-int, nc=00000001, cnonce=\"c\""] {
        let text = format!("{base}, {extra}");
        assert_eq!(text.parse::<Credentials>().err(), Some(BadDigest::Unsupported), "{extra}");
    }
    for extra in ["qop=auth, nc=xyz, cnonce=\"c\"", "qop=auth, nc=1", "realm=\"r\"", "opaque=\"open"] {
        let text = format!("{base}, {extra}");
        assert_eq!(text.parse::<Credentials>().err(), Some(BadDigest::Malformed), "{extra}");
    }
}

#[test]
fn the_credentials_of_our_realm_are_found_among_others() {
    let mut server = authenticator(&[Algorithm::Md5]);
    let challenge = challenge(&mut server, NOW);
    let mut headers = Headers::default();
    assert!(server.authenticator.find(&headers, Asker::Proxy).is_none());
    headers.push("Proxy-Authorization", "Basic abc");
    headers.push("Proxy-Authorization", answer(&Challenge { realm: "else".into(), ..challenge.clone() }, "x", 1));
    assert!(server.authenticator.find(&headers, Asker::Proxy).is_none());
    headers.push("Proxy-Authorization", answer(&challenge, "x", 1));
    assert!(server.authenticator.find(&headers, Asker::Proxy).is_some_and(|found| found.is_ok()));
}

proptest! {
    #[test]
    fn any_text_never_panics(text in "\\PC{0,80}") {
        let _ = text.parse::<Credentials>();
        let _ = text.parse::<Challenge>();
        let _ = format!("Digest {text}").parse::<Credentials>();
    }

    #[test]
    fn any_nonce_never_panics(nonce in "[^\"\\\\]{0,80}") {
        let mut server = authenticator(&[Algorithm::Md5]);
        let challenge = Challenge { nonce, ..challenge(&mut server, NOW) };
        let ha1 = ha1(challenge.algorithm, "1001", &challenge.realm, &Secret::new("open sesame"));
        let credentials = authorize(&challenge, "1001", &ha1, &Method::Invite, URI, "abc", 1);
        prop_assert_eq!(verify(&mut server, NOW, &credentials), Verdict::Stale);
    }

    #[test]
    fn credentials_print_and_read_back(user in "[ -~]{1,20}", realm in "[ -~]{1,20}", count in any::<u32>()) {
        let challenge = Challenge {
            realm, nonce: "n".into(), opaque: None, algorithm: Algorithm::Sha256, qop_auth: true, stale: false,
        };
        prop_assert!(challenge.to_string().parse() == Ok(challenge.clone()));
        let credentials = authorize(&challenge, &user, &Secret::new("0"), &Method::Bye, URI, "c", count);
        prop_assert!(credentials.to_string().parse() == Ok(credentials));
    }
}
