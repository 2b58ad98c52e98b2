use sasayaki::{
    media::clip::{self, Clips, MAX_MUSIC_SECONDS},
    model::Prompt,
};

/// A recording as an administrator may put it there, as a prompt or as music: what can be measured can be played, and nothing
/// is longer than it may be.
pub fn wav(bytes: &[u8]) {
    let measured = clip::measure("fuzzed.wav", Some(bytes));
    match Clips::from_samples([]).with_music("fuzzed.wav", Some(bytes)) {
        Ok(clips) => {
            let frames = clips.get(Prompt::MusicOnHold).map_or(0, |clip| clip.frames());
            assert!(frames <= MAX_MUSIC_SECONDS as usize * FRAMES_PER_SECOND);
        }
        Err(_) => assert!(measured.is_err(), "what can be measured can be played"),
    }
}

const FRAMES_PER_SECOND: usize = 50;
