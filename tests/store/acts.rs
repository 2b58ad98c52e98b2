use crate::rig::*;
use sasayaki::{
    access::right::{CallCenter, Grant, Rule},
    model::{DigestName, Level, Mode, ModeSet, Refusal, Resource, Secret, ToneAudience, Trunk, TrunkIdentity},
    store::{
        AccountChange, BindingChange, BindingRow, Change, ExtensionChange, NewAccount, Options, SettingKey, Store,
        StoreError, TrunkChange,
    },
};
use tokio::task::JoinSet;

on_both![
    call_centers_have_agents_and_an_account_sees_its_rules_about_them,
    many_administrators_may_act_at_once,
    no_password_is_in_the_database,
    secrets_open_again_and_tell_a_changed_realm,
    rules_stand_side_by_side_and_go_together,
    an_extension_takes_its_rights_along_and_leaves_the_account,
    settings_have_defaults_and_refuse_nonsense,
    bindings_are_kept_until_they_expire,
    trunks_are_kept_and_their_passwords_sealed,
];

async fn many_administrators_may_act_at_once(place: Place) {
    let (store, sato) = furnished(&place).await;
    let (other, before) = (place.open().await, store.last_change().await.unwrap());
    let mut acts = JoinSet::new();
    for index in 0..20 {
        let store = if index % 2 == 0 { store.clone() } else { other.clone() };
        acts.spawn(async move { store.grant(&actor(), "sato", &terminal("4001"), &edit()).await });
    }
    assert!(acts.join_all().await.iter().all(Result::is_ok));
    assert_eq!(store.rights_for(sato, &terminal("4001")).await.unwrap(), [Rule::Allow(edit())]);
    assert_eq!(store.last_change().await.unwrap(), before + 20);
}

async fn no_password_is_in_the_database(place: Place) {
    let (store, _) = furnished(&place).await;
    right(&store, "201", START).await.unwrap();
    let entry = store.directory().await.unwrap().remove(0);
    let mut all = place.everything().await;
    store.close().await;
    all.extend(place.everything().await);
    assert!(contains(&all, "4001") && contains(&all, "argon2id"), "the search would find them");
    for secret in [PHONE_PASSWORD, WEB_PASSWORD, DIAL_PASSWORD, entry.ha1_md5.expose(), entry.ha1_sha256.expose()] {
        assert!(!contains(&all, secret));
    }
}

async fn secrets_open_again_and_tell_a_changed_realm(place: Place) {
    let (store, _) = furnished(&place).await;
    let entry = store.directory().await.unwrap().remove(0);
    assert_eq!(entry.ha1_md5.expose(), "8cc35bde3271504a2584997ef01bc1e0");
    assert_eq!(entry.ha1_sha256.expose(), "5d59ede4be043200cec79104c3efde7cfaf89af5333803a003b4209c6f539832");
    assert!(store.realm_matches().await.unwrap());

    let moved = Store::open(Options { realm: "example.com".to_owned(), ..place.options() }).await.unwrap();
    assert!(!moved.realm_matches().await.unwrap());
    let change = ExtensionChange { password: Some(PHONE_PASSWORD.parse().unwrap()), ..Default::default() };
    moved.set_extension(&actor(), &number("4001"), change).await.unwrap();
    assert!(moved.realm_matches().await.unwrap(), "a password given anew is for the new realm");
    let renewed = moved.directory().await.unwrap().remove(0);
    assert!(!renewed.ha1_md5.matches(&entry.ha1_md5));

    let change = ExtensionChange {
        name: Some("受付".parse().unwrap()),
        protected: Some(true),
        digest: Some(vec![DigestName::Sha256]),
        ..Default::default()
    };
    moved.set_extension(&actor(), &number("4001"), change).await.unwrap();
    let named = moved.directory().await.unwrap().remove(0);
    assert_eq!((renewed.digest, named.digest), (None, Some(vec!["SHA-256".to_owned()])));
    assert!(named.protected && named.name == "受付" && named.ha1_md5.matches(&renewed.ha1_md5));
}

async fn rules_stand_side_by_side_and_go_together(place: Place) {
    let (store, sato) = furnished(&place).await;
    let hours = Some("Mon-Fri 09:00-18:00, Sat 22:00-06:00".parse().unwrap());
    let grant = Grant { level: Level::Manage, modes: ModeSet::NONE.with(Mode::Barge), hours };
    store.grant(&actor(), "sato", &terminal("4001"), &grant).await.unwrap();
    let seen = store.terminal(sato, &number("4001")).await.unwrap().unwrap();
    assert_eq!((seen.protected, seen.rules), (false, vec![Rule::Allow(grant.clone())]), "a grant replaces a grant");
    store.deny(&actor(), "sato", &terminal("4001")).await.unwrap();
    store.add_call_center(&actor(), "spring").await.unwrap();
    store.grant(&actor(), "sato", &"call-center:spring".parse().unwrap(), &edit()).await.unwrap();

    let listed = store.permissions(Some("sato")).await.unwrap();
    let rules: Vec<_> = listed.into_iter().map(|row| (row.resource.to_string(), row.rule)).collect();
    let on_terminal = |rule| ("terminal:4001".to_owned(), rule);
    let expected = [
        ("call-center:spring".to_owned(), Rule::Allow(edit())),
        on_terminal(Rule::Allow(grant)),
        on_terminal(Rule::Deny),
    ];
    assert_eq!(rules, expected);
    store.revoke(&actor(), "sato", &terminal("4001")).await.unwrap();
    assert_eq!(store.permissions(None).await.unwrap().len(), 1);
    assert_eq!(store.terminal(sato, &number("400")).await.unwrap(), None, "never a prefix");
    let seen = store.terminals(sato, &[number("400"), number("4001")]).await.unwrap();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [number("4001")]);
}

async fn an_extension_takes_its_rights_along_and_leaves_the_account(place: Place) {
    let (store, sato) = furnished(&place).await;
    let tie = AccountChange { extension: Some(Some(number("4001"))), ..Default::default() };
    store.set_account(&actor(), "sato", tie).await.unwrap();
    store.remove_extension(&actor(), &number("4001")).await.unwrap();
    store.add_extension(&actor(), extension("4001")).await.unwrap();
    assert_eq!(store.account(sato).await.unwrap().unwrap().extension, None);
    assert_eq!(store.rights_for(sato, &terminal("4001")).await.unwrap(), []);
    store.remove_account(&actor(), "sato").await.unwrap();
    assert_eq!(store.account_of("sato").await.unwrap(), None);
    assert_eq!(right(&store, "201", START).await, Err(Refusal::UnknownDialId));
}

async fn settings_have_defaults_and_refuse_nonsense(place: Place) {
    let store = place.open().await;
    assert_eq!(store.settings().await.unwrap(), sasayaki::model::Settings::default());
    assert!(store.setting_rows().await.unwrap().iter().all(|row| row.default));
    let nonsense = store.set_setting(&actor(), SettingKey::MonitorTone, "loud").await;
    assert!(matches!(nonsense, Err(StoreError::Unusable { what: "monitor-tone", .. })));
    assert!("monitor-noise".parse::<SettingKey>().is_err());
    for value in ["supervisor", "both"] {
        store.set_setting(&actor(), SettingKey::MonitorToneAudience, value).await.unwrap();
    }
    assert_eq!(store.settings().await.unwrap().monitor_tone_audience, ToneAudience::Both);
    assert_eq!(store.setting(SettingKey::MonitorToneAudience).await.unwrap(), "both");
    assert_eq!(store.setting_rows().await.unwrap().iter().filter(|row| !row.default).count(), 1);
}

async fn bindings_are_kept_until_they_expire(place: Place) {
    let (store, _) = furnished(&place).await;
    let binding = |extension: &str, contact: &str, expires_at_ms| BindingRow {
        extension: number(extension),
        contact: contact.to_owned(),
        instance: Some("<urn:uuid:1>".to_owned()),
        q: 700,
        call_id: "a84b4c76e66710".to_owned(),
        cseq: u32::MAX,
        transport: "udp".to_owned(),
        local: "[::1]:5060".parse().unwrap(),
        remote: "192.0.2.7:5070".parse().unwrap(),
        expires_at_ms,
    };
    let (desk, mobile) = (binding("4001", "sip:4001@192.0.2.7:5070", 100), binding("4001", "sip:4001@192.0.2.8", 200));
    let stranger = binding("4999", "sip:4999@192.0.2.9", 200);
    let upserts = [&desk, &mobile, &stranger].map(|binding| BindingChange::Upsert(binding.clone()));
    store.apply_bindings(&upserts).await.unwrap();
    let longer = BindingRow { expires_at_ms: 300, q: 0, ..desk.clone() };
    store.apply_bindings(&[BindingChange::Upsert(longer.clone())]).await.unwrap();
    drop(store);

    let store = place.open().await;
    assert!(store.bindings(199).await.unwrap() == [longer.clone(), mobile.clone()]);
    assert!(store.bindings(200).await.unwrap() == [longer.clone()]);
    let gone = BindingChange::Remove { extension: number("4001"), contact: longer.contact };
    store.apply_bindings(&[gone]).await.unwrap();
    assert!(store.bindings(0).await.unwrap() == [mobile]);
    store.remove_extension(&actor(), &number("4001")).await.unwrap();
    assert!(store.bindings(0).await.unwrap().is_empty());
}

async fn trunks_are_kept_and_their_passwords_sealed(place: Place) {
    let (store, _) = furnished(&place).await;
    let main = Trunk {
        name: "main".parse().unwrap(),
        address: "udp:sip.example.jp:5060".parse().unwrap(),
        domain: None,
        user: Some("0312345678".to_owned()),
        registers: true,
        mobile: false,
        caller_id: "0312345678".parse().ok(),
        identity: TrunkIdentity::From,
        sources: vec!["192.0.2.1".parse().unwrap(), "[2001:db8::1]:5060".parse().unwrap()],
    };
    let before = store.last_change().await.unwrap();
    store.add_trunk(&actor(), main.clone(), Some(Secret::new("trunk-secret-5"))).await.unwrap();
    assert_eq!(store.changes_since(before).await.unwrap()[0].1, Change::Trunk);
    let again = store.add_trunk(&actor(), main.clone(), None).await;
    assert!(matches!(again, Err(StoreError::Taken { .. })));
    let kept = store.trunks().await.unwrap().remove(0);
    assert_eq!(kept.trunk, main);
    assert!(kept.password.unwrap().matches(&Secret::new("trunk-secret-5")));
    assert!(!contains(&place.everything().await, "trunk-secret-5"));

    let change = TrunkChange {
        domain: Some("carrier.example".parse().ok()),
        user: Some("".parse().ok()),
        registers: Some(false),
        caller_id: Some(None),
        sources: Some(vec![]),
        identity: Some(TrunkIdentity::Asserted),
        ..Default::default()
    };
    store.set_trunk(&actor(), &main.name, change).await.unwrap();
    let changed = store.trunks().await.unwrap().remove(0);
    let expected = Trunk {
        domain: Some("carrier.example".to_owned()),
        user: None,
        registers: false,
        caller_id: None,
        identity: TrunkIdentity::Asserted,
        sources: vec![],
        ..main.clone()
    };
    assert!(changed.trunk == expected && changed.password.is_some());

    store.remove_trunk(&actor(), &main.name).await.unwrap();
    assert!(store.trunks().await.unwrap().is_empty());
    let gone = store.set_trunk(&actor(), &main.name, TrunkChange::default()).await;
    assert!(matches!(gone, Err(StoreError::NoSuch { .. })));
}

async fn call_centers_have_agents_and_an_account_sees_its_rules_about_them(place: Place) {
    let (store, sato) = furnished(&place).await;
    let tied = NewAccount { extension: Some(number("4001")), ..account("suzuki") };
    store.add_account(&actor(), tied).await.unwrap();
    for name in ["sales", "support", "empty"] {
        store.add_call_center(&actor(), name).await.unwrap();
    }
    store.assign(&actor(), "sales", "suzuki").await.unwrap();
    store.assign(&actor(), "support", "suzuki").await.unwrap();
    store.assign(&actor(), "sales", "sato").await.unwrap();
    let listed = store.call_centers().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|center| format!("{} {}", center.name, center.agents.join(" "))).collect();
    assert_eq!(listed, ["empty ", "sales sato suzuki", "support suzuki"]);

    let center = |name: &str| Resource::CallCenter(name.to_owned());
    store.grant(&actor(), "sato", &center("sales"), &edit()).await.unwrap();
    store.grant(&actor(), "sato", &center("empty"), &edit()).await.unwrap();
    store.deny(&actor(), "suzuki", &center("support")).await.unwrap();
    let seen = store.call_centers_of(&number("4001"), sato).await.unwrap();
    let expected = [("sales", vec![Rule::Allow(edit())]), ("support", vec![])];
    assert_eq!(seen, expected.map(|(name, rules)| CallCenter { name: name.to_owned(), rules }));
    let all = store.call_centers_seen_by(sato).await.unwrap();
    let seen: Vec<_> = all.iter().filter(|center| center.may_be_seen()).map(|center| center.name.as_str()).collect();
    assert_eq!((all.len(), seen), (3, vec!["empty", "sales"]));
    assert!(matches!(store.grant(&actor(), "sato", &center("none"), &edit()).await, Err(StoreError::NoSuch { .. })));
    store.remove_call_center(&actor(), "sales").await.unwrap();
    assert_eq!(store.call_centers_of(&number("4001"), sato).await.unwrap().len(), 1);
    assert!(store.permissions(Some("sato")).await.unwrap().iter().all(|row| row.resource != center("sales")));
}
