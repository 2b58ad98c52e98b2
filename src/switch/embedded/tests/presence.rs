//! Lamps: who watches whom, and what they are told.

use super::*;
use crate::sip::dialog_info::CONTENT_TYPE;

/// What a NOTIFY says: its Subscription-State, and of its document version, extent and the state of each dialog.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    state: String,
    version: u32,
    extent: String,
    dialogs: Vec<String>,
}

impl Rig {
    fn subscription(&mut self, watcher: &str, target: &str, expires: u32) -> Request {
        let mut request = self.request(Method::Subscribe, watcher, target, vec![]);
        request.headers.push("Event", "dialog");
        request.headers.push("Accept", CONTENT_TYPE);
        request.headers.push("Expires", expires);
        request
    }

    fn subscribe(&mut self, watcher: &str, target: &str) -> Response {
        let request = self.subscription(watcher, target, 600);
        self.authenticated(watcher, request);
        self.response(watcher, 200)
    }

    /// The phone takes a NOTIFY and answers it.
    fn told(&mut self, watcher: &str) -> Told {
        let (told, request) = self.unanswered(watcher);
        self.answer(watcher, &request, 200, vec![]);
        told
    }

    fn unanswered(&mut self, watcher: &str) -> (Told, Request) {
        let request = self.received(watcher, Method::Notify);
        assert_eq!(request.headers.get("Content-Type"), Some(CONTENT_TYPE));
        let xml = String::from_utf8(request.body.clone()).unwrap();
        let between = |start: &str, end: char| {
            let (_, rest) = xml.split_once(start).unwrap();
            rest.split(end).next().unwrap().to_owned()
        };
        let dialogs = xml.split("<state>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        let told = Told {
            state: request.headers.get("Subscription-State").unwrap().to_owned(),
            version: between("info\" version=\"", '"').parse().unwrap(),
            extent: between(" state=\"", '"'),
            dialogs: dialogs.collect(),
        };
        (told, request)
    }

    fn tells_nothing(&self, watcher: &str) {
        assert!(!self.words(watcher).contains(&"NOTIFY".to_owned()), "{:?}", self.words(watcher));
    }
}

fn active(left: u32, version: u32, extent: &str, dialogs: &[&str]) -> Told {
    Told {
        state: format!("active;expires={left}"),
        version,
        extent: extent.to_owned(),
        dialogs: dialogs.iter().map(|state| (*state).to_owned()).collect(),
    }
}

#[test]
fn a_watcher_is_told_of_a_call_from_its_ringing_to_its_end() {
    let mut rig = Rig::new();
    let ok = rig.subscribe("1002", "1001");
    assert_eq!(ok.headers.get("Expires"), Some("600"));
    assert_eq!(rig.told("1002"), active(600, 0, "full", &[]));
    rig.invite("1000", "1001");
    assert_eq!(rig.told("1002"), active(600, 1, "partial", &["early"]));
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    assert_eq!(rig.told("1002"), active(600, 2, "partial", &["confirmed"]));
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    rig.tells_nothing("1002");
    rig.bye("1000", &ok, 3);
    assert_eq!(rig.told("1002"), active(600, 3, "partial", &["terminated"]));
}

#[test]
fn who_subscribes_late_is_told_what_is_and_an_event_id_comes_back() {
    let mut rig = Rig::new();
    rig.talk();
    let mut request = rig.subscription("1002", "1000", 99_999);
    request.headers.set("Event", "dialog;id=7");
    rig.authenticated("1002", request);
    assert_eq!(rig.response("1002", 200).headers.get("Expires"), Some("3600"));
    let (told, notify) = rig.unanswered("1002");
    assert_eq!(told, active(3600, 0, "full", &["confirmed"]));
    assert_eq!(notify.headers.get("Event"), Some("dialog;id=7"));
    let xml = String::from_utf8(notify.body).unwrap();
    assert!(xml.contains("entity=\"sip:1000@sip.example\"") && xml.contains("direction=\"initiator\""), "{xml}");
    assert!(!xml.contains("1001"), "nothing of whom it talks to: {xml}");
}

#[test]
fn a7_a_spying_phone_is_in_a_call_and_nothing_tells_whom_it_spies_on() {
    let mut rig = Rig::new();
    rig.talk();
    rig.subscribe("1000", "1002");
    rig.told("1000");
    let (leg, _) = rig.guest("0071*3141*271828");
    assert_eq!(rig.told("1000"), active(600, 1, "partial", &["confirmed"]));
    let session = rig.attach(leg, Mode::Whisper);
    rig.tells_nothing("1000");
    rig.subscribe("1003", "1002");
    let (told, notify) = rig.unanswered("1003");
    assert_eq!(told, active(600, 0, "full", &["confirmed"]));
    let xml = String::from_utf8(notify.body).unwrap();
    assert!(["1000", "1001", "0071", "3141", "271828"].iter().all(|secret| !xml.contains(secret)), "{xml}");
    rig.command(Command::Detach { session });
    rig.command(Command::HangUp { leg });
    assert_eq!(rig.told("1000").dialogs, ["terminated"]);
}

#[test]
fn x14_nobody_but_who_dialled_it_is_sent_what_was_dialled() {
    const ID: &str = "86753090917";
    const PASSWORD: &str = "55501234321";
    let mut rig = Rig::new();
    rig.talk();
    rig.subscribe("1003", "1002");
    let mut sent = vec![];
    for dialled in ["0070*{}*{}*9", "0070*{}", "80070*{}*{}", "90070*{}*{}", "0071%2A{}%2A{}"] {
        let dialled = dialled.replacen("{}", ID, 1).replacen("{}", PASSWORD, 1);
        rig.invite("1002", &dialled);
        assert!(!rig.words("1002").is_empty());
    }
    let (leg, _) = rig.guest(&format!("0071*{ID}*{PASSWORD}"));
    let (told, notify) = rig.unanswered("1003");
    assert!(told.dialogs.is_empty());
    rig.answer("1003", &notify, 200, vec![]);
    let session = rig.attach(leg, Mode::Whisper);
    rig.command(Command::Detach { session });
    rig.command(Command::HangUp { leg });
    sent.push(Message::Request(notify));
    sent.extend(rig.inbox.iter().filter(|(to, _)| *to != address("1002")).map(|(_, message)| message.clone()));
    assert!(rig.words("1003").contains(&"NOTIFY".to_owned()), "the supervisor's call is told of");
    for message in sent {
        let text = String::from_utf8_lossy(&message.to_bytes()).into_owned();
        assert!(!text.contains(ID) && !text.contains(PASSWORD), "{text}");
    }
}

#[test]
fn what_happens_before_a_notify_is_answered_is_told_in_the_next_one() {
    let mut rig = Rig::new();
    rig.subscribe("1002", "1001");
    rig.told("1002");
    rig.invite("1000", "1001");
    let (_, first) = rig.unanswered("1002");
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 486, vec![]);
    rig.tells_nothing("1002");
    rig.answer("1002", &first, 200, vec![]);
    assert_eq!(rig.told("1002"), active(600, 2, "partial", &["terminated"]));
}

#[test]
fn a_subscription_is_refreshed_ended_by_its_phone_and_expires() {
    let mut rig = Rig::new();
    let ok = rig.subscribe("1002", "1001");
    rig.told("1002");
    rig.after(Duration::from_secs(400));
    let refresh = |rig: &mut Rig, cseq: u32, expires: u32| {
        let mut request = rig.in_dialog("1002", Method::Subscribe, &ok, cseq);
        request.headers.push("Event", "dialog");
        request.headers.push("Expires", expires);
        rig.send("1002", &Message::Request(request));
    };
    refresh(&mut rig, 3, 300);
    rig.response("1002", 200);
    assert_eq!(rig.told("1002"), active(300, 1, "full", &[]));
    rig.after(Duration::from_secs(250));
    rig.tells_nothing("1002");
    refresh(&mut rig, 4, 0);
    rig.response("1002", 200);
    assert_eq!(rig.told("1002").state, "terminated;reason=timeout");
    refresh(&mut rig, 5, 300);
    rig.response("1002", 481);

    rig.subscribe("1002", "1001");
    rig.told("1002");
    rig.after(Duration::from_secs(606));
    assert_eq!(rig.told("1002").state, "terminated;reason=timeout");
    rig.invite("1000", "1001");
    rig.tells_nothing("1002");
    assert_eq!(rig.switch.poll_timeout().is_some(), rig.switch.endpoint.poll_timeout().is_some());
}

#[test]
fn a_phone_that_takes_no_notify_is_told_no_more() {
    for refusal in [Some(481), None] {
        let mut rig = Rig::new();
        rig.subscribe("1002", "1001");
        let (_, notify) = rig.unanswered("1002");
        match refusal {
            Some(code) => rig.answer("1002", &notify, code, vec![]),
            None => rig.after(Duration::from_secs(33)),
        }
        rig.inbox.clear();
        rig.invite("1000", "1001");
        rig.tells_nothing("1002");
    }
}

#[test]
fn other_packages_types_and_times_are_refused_and_so_are_strangers() {
    let mut rig = Rig::new();
    for event in [Some("presence"), Some("dialogue"), None] {
        let mut request = rig.request(Method::Subscribe, "1002", "1001", vec![]);
        if let Some(event) = event {
            request.headers.push("Event", event);
        }
        rig.send("1002", &Message::Request(request));
        assert_eq!(rig.response("1002", 489).headers.get("Allow-Events"), Some("dialog"));
    }
    let mut request = rig.subscription("1002", "1001", 600);
    request.headers.set("Accept", "application/pidf+xml");
    rig.send("1002", &Message::Request(request));
    rig.response("1002", 406);
    let request = rig.subscription("1002", "1001", 600);
    rig.send("1002", &Message::Request(request));
    rig.response("1002", 401);
    assert_eq!(rig.switch.endpoint.transactions(), 0, "what anybody may ask leaves nothing behind");
    let request = rig.subscription("1002", "1001", 20);
    rig.authenticated("1002", request);
    assert_eq!(rig.response("1002", 423).headers.get("Min-Expires"), Some("60"));
    for target in ["1999", "0070", "0070*3141*271828"] {
        let request = rig.subscription("1002", target, 600);
        rig.authenticated("1002", request);
        rig.response("1002", 404);
    }
    rig.tells_nothing("1002");
}

#[test]
fn who_is_removed_watches_nobody_and_is_watched_by_nobody() {
    let mut rig = Rig::new();
    rig.subscribe("1002", "1001");
    rig.subscribe("1000", "1002");
    rig.told("1002");
    rig.told("1000");
    let left = ["1000", "1001"].map(directory_entry);
    rig.switch.set_directory(rig.now, Directory::new(left));
    rig.drain();
    assert_eq!(rig.told("1002").state, "terminated;reason=rejected");
    assert_eq!(rig.told("1000").state, "terminated;reason=noresource");
}

#[test]
fn one_phone_may_watch_many_and_not_without_end() {
    let mut rig = Rig::new();
    for _ in 0..256 {
        let request = rig.subscription("1002", "1001", 600);
        rig.authenticated("1002", request);
    }
    rig.inbox.clear();
    let request = rig.subscription("1002", "1001", 600);
    rig.authenticated("1002", request);
    rig.response("1002", 503);
    rig.subscribe("1003", "1001");
}

#[test]
fn a_shutdown_tells_every_watcher() {
    let mut rig = Rig::new();
    rig.subscribe("1002", "1001");
    rig.told("1002");
    rig.switch.hang_up_everybody(rig.now);
    rig.drain();
    assert_eq!(rig.told("1002").state, "terminated;reason=deactivated");
}
