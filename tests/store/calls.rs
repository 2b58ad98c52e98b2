use crate::rig::*;
use sasayaki::{
    model::{CallEnd, CallEnding, CallId, CallNote, CallRecord, Codec, LegQuality, Mos, Party, Side, StreamQuality},
    store::{CallFilter, CallRow, Store},
};
use ulid::Ulid;

on_both![
    the_newest_row_of_a_call_is_its_record,
    calls_are_found_by_time_and_by_either_end_page_by_page,
    the_quality_of_each_side_stands_beside_its_call,
    a_call_that_a_killed_engine_left_open_gets_its_end_once,
    ended_calls_are_forgotten_piece_by_piece_and_one_that_is_up_is_not,
];

const ALL: CallFilter = CallFilter { since_ms: 0, until_ms: u64::MAX, extension: None };

fn begun(id: u128, caller: &str, callee: &str, begun_at_ms: u64) -> CallRecord {
    CallRecord {
        id: CallId::from(Ulid::from(id)),
        caller: number(caller).into(),
        callee: number(callee).into(),
        begun_at_ms,
        answered_at_ms: None,
        confidential: false,
        caller_codec: None,
        callee_codec: None,
        end: None,
    }
}

fn row(record: &CallRecord) -> CallNote {
    CallNote::Row(record.clone())
}

async fn found(store: &Store, filter: &CallFilter) -> Vec<CallRow> {
    let (mut rows, mut last) = (Vec::new(), None);
    loop {
        let page = store.call_rows(filter, last.as_ref(), 2).await.unwrap();
        let Some(end) = page.last() else { return rows };
        last = Some(end.place());
        rows.extend(page);
    }
}

async fn the_newest_row_of_a_call_is_its_record(place: Place) {
    let store = place.open().await;
    let begun = begun(1, "201", "4001", START);
    let answered = CallRecord {
        answered_at_ms: Some(START + 10),
        confidential: true,
        caller_codec: Some(Codec::Pcmu),
        callee_codec: Some(Codec::Pcma),
        ..begun.clone()
    };
    let end = Some(CallEnd { at_ms: START + 30, cause: CallEnding::HungUp(Side::Callee), sip_status: None });
    store.keep_calls(&[row(&begun)]).await.unwrap();
    assert_eq!(found(&store, &ALL).await[0].ended_at_ms, None);
    store.keep_calls(&[row(&answered), row(&CallRecord { end, ..answered })]).await.unwrap();
    let expected = CallRow {
        id: begun.id.to_string(),
        caller: "201".to_owned(),
        caller_trunk: None,
        callee: "4001".to_owned(),
        callee_trunk: None,
        begun_at_ms: START,
        answered_at_ms: Some(START + 10),
        ended_at_ms: Some(START + 30),
        cause: Some("hung-up".to_owned()),
        ended_by: Some("callee".to_owned()),
        sip_status: None,
        caller_codec: Some("PCMU".to_owned()),
        callee_codec: Some("PCMA".to_owned()),
        confidential: true,
        caller_quality: LegQuality::default(),
        callee_quality: LegQuality::default(),
    };
    assert_eq!(found(&place.open().await, &ALL).await, [expected]);
}

async fn calls_are_found_by_time_and_by_either_end_page_by_page(place: Place) {
    let store = place.open().await;
    let ends = [("201", "202"), ("202", "203"), ("20", "2010"), ("203", "201"), ("203", "204")];
    let calls = ends.iter().zip(1u128..).map(|((caller, callee), id)| begun(id, caller, callee, START + id as u64 / 2));
    let outside = Party::Outside { trunk: "ntt".parse().unwrap(), number: "201".parse().ok() };
    let outside = CallRecord { caller: outside, ..begun(6, "201", "202", START + 3) };
    store.keep_calls(&calls.chain([outside]).map(|call| row(&call)).collect::<Vec<_>>()).await.unwrap();
    let ids = |rows: Vec<CallRow>| -> Vec<u128> {
        rows.iter().map(|row| u128::from(row.id.parse::<Ulid>().unwrap())).collect()
    };
    assert_eq!(ids(found(&store, &ALL).await), [1, 2, 3, 4, 5, 6]);
    let of_201 = CallFilter { extension: Some(number("201")), ..ALL };
    assert_eq!(ids(found(&store, &of_201).await), [1, 4], "matched exactly, at either end");
    let latest = store.latest_calls(&number("201"), 10).await.unwrap();
    assert_eq!(ids(latest), [4, 1], "the newest first");
    assert_eq!(ids(store.latest_calls(&number("203"), 2).await.unwrap()), [5, 4]);
    let one = CallId::from(Ulid::from(3)).to_string();
    assert_eq!(store.call_row(&one).await.unwrap().map(|row| row.callee), Some("2010".to_owned()));
    assert_eq!(store.call_row("none").await.unwrap(), None);
    let between = CallFilter { since_ms: START + 1, until_ms: START + 2, ..ALL };
    assert_eq!(ids(found(&store, &between).await), [2, 3]);
}

async fn a_call_that_a_killed_engine_left_open_gets_its_end_once(place: Place) {
    let store = place.open().await;
    let end = Some(CallEnd { at_ms: START + 1, cause: CallEnding::Busy, sip_status: Some(486) });
    let ended = CallRecord { end, ..begun(1, "201", "202", START) };
    store.keep_calls(&[row(&ended), row(&begun(2, "202", "203", START))]).await.unwrap();
    assert_eq!(store.end_open_calls(START + 5, CallEnding::EngineDied).await.unwrap(), 1);
    assert_eq!(store.end_open_calls(START + 6, CallEnding::EngineDied).await.unwrap(), 0);
    let rows = found(&store, &ALL).await;
    let word = |row: &CallRow| (row.cause.clone().unwrap(), row.ended_at_ms.unwrap(), row.sip_status);
    assert_eq!(word(&rows[0]), ("busy".to_owned(), START + 1, Some(486)));
    assert_eq!(word(&rows[1]), ("engine-died".to_owned(), START + 5, None));
}

async fn the_quality_of_each_side_stands_beside_its_call(place: Place) {
    let store = place.open().await;
    let calls = [begun(1, "201", "202", START), begun(2, "202", "203", START)];
    let stream = |packets, mos| StreamQuality { packets, lost: 2, jitter_us: 1_500, mos: Mos::from_hundredths(mos) };
    let caller =
        LegQuality { here: Some(stream(500, 441)), there: Some(stream(501, 399)), round_trip_us: Some(30_000) };
    let callee = LegQuality { here: Some(stream(490, 440)), ..LegQuality::default() };
    let note = |side, quality| CallNote::Quality { call: calls[0].id, side, quality };
    let notes = [row(&calls[0]), row(&calls[1]), note(Side::Callee, caller), note(Side::Caller, caller)];
    store.keep_calls(&notes).await.unwrap();
    store.keep_calls(&[note(Side::Callee, callee)]).await.unwrap();
    let rows = found(&store, &ALL).await;
    assert_eq!((rows[0].caller_quality, rows[0].callee_quality), (caller, callee));
    assert_eq!((rows[1].caller_quality, rows[1].callee_quality), (LegQuality::default(), LegQuality::default()));
}

async fn ended_calls_are_forgotten_piece_by_piece_and_one_that_is_up_is_not(place: Place) {
    let store = place.open().await;
    let end = |at_ms| Some(CallEnd { at_ms, cause: CallEnding::HungUp(Side::Callee), sip_status: None });
    let up = begun(100, "201", "4001", START);
    store.keep_calls(&[row(&up)]).await.unwrap();
    for at in 1..=5 {
        let call = begun(u128::from(at), "201", "4001", START + at);
        let quality = LegQuality { round_trip_us: Some(7), ..LegQuality::default() };
        let told = CallNote::Quality { call: call.id, side: Side::Caller, quality };
        store.keep_calls(&[row(&CallRecord { end: end(START + 9), ..call }), told]).await.unwrap();
    }
    for (gone, left) in [(2, 4), (2, 2), (0, 2)] {
        assert_eq!(store.forget_calls(START + 5, 2).await.unwrap(), gone);
        assert_eq!(found(&store, &ALL).await.len(), left);
    }
    let left = found(&store, &ALL).await;
    assert_eq!((left[0].begun_at_ms, left[1].begun_at_ms), (START, START + 5));
    assert_eq!(left[1].caller_quality.round_trip_us, Some(7));
    store.keep_calls(&[row(&begun(1, "201", "4001", START + 1))]).await.unwrap();
    assert_eq!(found(&store, &ALL).await[1].caller_quality, LegQuality::default(), "its quality went with it");
}
