//! A browser that shows nothing: one request a connection, its cookie kept.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(30);

pub struct Browser {
    pub server: SocketAddr,
    cookie: Option<String>,
    /// Of a program, which has no cookie.
    token: Option<String>,
}

pub struct Page {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Browser {
    pub fn new(server: SocketAddr) -> Self {
        Self { server, cookie: None, token: None }
    }

    /// A program, which shows a token with each request.
    pub fn program(server: SocketAddr, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(server) }
    }

    /// Signed in, or not if that was refused.
    pub fn signed_in(server: SocketAddr, login: &str, password: &str) -> Self {
        let mut browser = Self::new(server);
        browser.sign_in(login, password);
        browser
    }

    pub fn sign_in(&mut self, login: &str, password: &str) -> Page {
        self.post("/sign-in", &[("login", login), ("password", password)])
    }

    pub fn get(&mut self, path: &str) -> Page {
        self.request("GET", path, "", "")
    }

    /// A form, as a page of the server would send it.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!("Origin: http://{}\r\nContent-Type: application/x-www-form-urlencoded\r\n", self.server);
        self.request("POST", path, &head, &body.join("&"))
    }

    pub fn request(&mut self, method: &str, path: &str, head: &str, body: &str) -> Page {
        let mut stream = self.send(method, path, head, body);
        let answer = read(&mut stream, is_stream);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        for line in head.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie:")) {
            self.cookie = line[11..].trim().split(';').next().map(str::to_owned);
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Page { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Sent, and the answer left to be read.
    pub fn send(&self, method: &str, path: &str, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n"));
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let proof = cookie.or(token).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{proof}{head}Content-Length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// An order to the interface, as a script of a page would give it.
    pub fn json(&mut self, path: &str, body: &str) -> Page {
        self.send_json("POST", path, body)
    }

    pub fn send_json(&mut self, method: &str, path: &str, body: &str) -> Page {
        let csrf = if self.token.is_none() { format!("X-CSRF-Token: {}\r\n", self.csrf()) } else { String::new() };
        let head = format!("Content-Type: application/json\r\n{csrf}");
        self.request(method, path, &head, body)
    }

    pub fn delete(&mut self, path: &str) -> Page {
        let token = if self.cookie.is_some() { format!("X-CSRF-Token: {}\r\n", self.csrf()) } else { String::new() };
        self.request("DELETE", path, &token, "")
    }

    /// A stream of events, read until it says `wanted`: what it said till then.
    pub fn events_until(&self, last_event_id: &str, wanted: &str) -> String {
        let head = format!("Last-Event-ID: {last_event_id}\r\n");
        let mut stream = self.send("GET", "/api/v1/events", &head, "");
        let said = read(&mut stream, |said| said.contains(wanted));
        assert!(said.contains(wanted), "{wanted} was never said:\n{said}");
        said
    }

    /// What the forms of a page carry.
    pub fn csrf(&mut self) -> String {
        let page = self.get("/");
        let value = page.body.split_once("name=\"csrf\" value=\"").expect("a form with a token").1;
        value.split('"').next().unwrap().to_owned()
    }
}

/// Until the end, or until it is enough.
fn read(stream: &mut TcpStream, enough: impl Fn(&str) -> bool) -> String {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&answer);
        if length == 0 || enough(&text) {
            return text.into_owned();
        }
    }
}

/// A stream has no end to wait for.
fn is_stream(answer: &str) -> bool {
    answer.split_once("\r\n\r\n").is_some_and(|(head, _)| head.contains("text/event-stream"))
}

impl Page {
    /// The body as JSON.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}
