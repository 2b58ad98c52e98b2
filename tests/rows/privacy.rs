//! Row X7: what is typed in a call cannot be read from what a supervisor hears, neither by our own receiver nor by another.

use crate::{
    ear::A_MOMENT,
    office::{MONITOR, Office, PATIENT, press, row},
};
use sasayaki::{
    dtmf::InBand,
    model::{Codec, Digit},
    phone::{DtmfWay, Voice},
};
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

const CARD: &str = "4929137";

fn ours(heard: &[i16]) -> String {
    let mut ear = InBand::default();
    heard.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char).collect()
}

/// What spandsp (Debian `libspandsp-dev`) reads from a recording.
fn spandsp(heard: &[i16]) -> String {
    static DECODER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spandsp/decode.c");
        let compiler =
            Command::new("cc").arg(source).arg("-o").arg(folder.path().join("decode")).arg("-lspandsp").status();
        assert!(compiler.unwrap().success(), "install libspandsp-dev, as tests/run does");
        folder
    });
    let mut decoder = Command::new(DECODER.path().join("decode"));
    let mut running = decoder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let length = u32::try_from(heard.len()).unwrap();
    let samples = heard.iter().flat_map(|sample| sample.to_le_bytes());
    let recording: Vec<u8> = length.to_le_bytes().into_iter().chain(samples).collect();
    running.stdin.take().unwrap().write_all(&recording).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The customer types; what the agent's phone and the supervisor's hear of it.
async fn typed(office: &Office, codec: Codec) -> [Vec<i16>; 2] {
    let quiet = |config: &mut sasayaki::phone::PhoneConfig| {
        (config.voice, config.dtmf, config.codecs) = (Voice::Silence, DtmfWay::InBand, vec![codec]);
    };
    let agent = office.phone_with(&office.agent(), 0.0, quiet).await;
    let customer = office.phone_with(&office.customer(), 0.0, quiet).await;
    let talk = office.connect(&agent, &customer).await;
    let phone = office.silent_phone(&office.supervisor()).await;
    let supervisor = office.name_agent(&phone, &office.short(MONITOR)).await;
    office.expect_trail("start", "");
    press(&talk.customer, CARD).await;
    talk.agent.listen(A_MOMENT).await;
    let heard = [talk.agent.heard(), supervisor.heard()];
    talk.agent.hang_up().await.unwrap();
    office.expect_trail("end", "call-ended");
    heard
}

#[test]
fn x7_no_digit_that_the_customer_types_can_be_read_from_what_the_supervisor_hears() {
    row(async {
        let office = Office::alone(PATIENT);
        for codec in [Codec::Pcmu, Codec::G722] {
            let [agent, supervisor] = typed(&office, codec).await;
            assert_eq!((ours(&agent).as_str(), spandsp(&agent).as_str()), (CARD, CARD), "{codec:?}");
            assert_eq!((ours(&supervisor).as_str(), spandsp(&supervisor).as_str()), ("", ""), "{codec:?}");
        }
        office.set("card-privacy", "off");
        let [_, supervisor] = typed(&office, Codec::Pcmu).await;
        assert_eq!((ours(&supervisor).as_str(), spandsp(&supervisor).as_str()), (CARD, CARD), "switched off");
    });
}
