//! Phones behind a NAT, and ourselves behind one.

use super::*;

const PRIVATE: &str = "sip:1003@10.0.0.7:5062";

/// 1003 registers from its public address with a contact that nobody outside can reach.
fn behind_nat(rig: &mut Rig, contact: &str) {
    let mut request = rig.request(Method::Register, "1003", "1003", vec![]);
    request.uri = format!("sip:{DOMAIN}");
    request.headers.set("Contact", format!("<{contact}>;expires=60"));
    rig.authenticated("1003", request);
    rig.response("1003", 200);
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_its_registration_came_from() {
    let mut rig = Rig::new();
    behind_nat(&mut rig, PRIVATE);
    let (ok, ring) = rig.talk_to("1000", "1003");
    assert_eq!(ring.uri, PRIVATE);
    rig.bye("1000", &ok, 3);
    rig.received("1003", Method::Bye);
}

#[test]
fn the_way_to_a_phone_behind_a_nat_is_kept_open_as_long_as_it_is_registered() {
    let mut rig = Rig::new();
    behind_nat(&mut rig, PRIVATE);
    let mut asked = 0;
    for _ in 0..59 {
        rig.after(Duration::from_secs(1));
        while rig.words("1003").contains(&"OPTIONS".to_owned()) {
            let request = rig.received("1003", Method::Options);
            assert_eq!(request.uri, PRIVATE);
            asked += 1;
            rig.answer("1003", &request, 200, vec![]);
        }
    }
    assert!((2..=3).contains(&asked), "asked {asked} times in a minute");
    for _ in 0..60 {
        rig.after(Duration::from_secs(1));
    }
    assert!(rig.words("1003").is_empty(), "it is registered no more");
    assert!(rig.switch.next_opening().is_none());
    for neighbour in ["1000", "1001", "1002"] {
        assert!(rig.words(neighbour).is_empty(), "{neighbour} is where its contact says");
    }
}

#[test]
fn behind_a_nat_ourselves_we_name_the_address_outside_everywhere() {
    let outside = "203.0.113.10".parse().unwrap();
    let mut rig = Rig::new();
    rig.switch.config.advertise = Some(outside);
    rig.switch.endpoint = Endpoint::new(
        EndpointConfig { advertise: Some(outside), ..EndpointConfig::default() },
        Entropy::from_seed([4; 32]),
    );
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.contact().unwrap().uri, "sip:203.0.113.10:5060;transport=udp");
    assert!(ring.headers.get("Via").unwrap().contains("203.0.113.10:5060"));
    assert!(String::from_utf8_lossy(&ring.body).contains("c=IN IP4 203.0.113.10"));
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    assert_eq!(ok.headers.contact().unwrap().uri, "sip:203.0.113.10:5060;transport=udp");
    assert!(String::from_utf8_lossy(&ok.body).contains("c=IN IP4 203.0.113.10"));
}
