//! Whether rows are the chain that was signed. In come rows by writer and number; out comes the first fault.

use crate::store::{AuditRow, Head, Seal, Tip};
use serde::Serialize;
use std::collections::BTreeMap;

/// The first thing that is wrong, and the row that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    #[error("row {seq} of writer {writer_id} is missing")]
    Missing { writer_id: String, seq: u64 },
    #[error("row {seq} of writer {writer_id} was changed, or it does not belong there")]
    Changed { writer_id: String, seq: u64 },
    #[error("row {seq} of writer {writer_id} stands where no row may: it was put there from elsewhere")]
    Inserted { writer_id: String, seq: u64 },
    /// Whoever rewrote it made all hashes anew.
    #[error("row {seq} of writer {writer_id} is not the one that was signed: it or one before it was rewritten")]
    Rewritten { writer_id: String, seq: u64 },
    #[error("the chain of writer {writer_id} has no signed end: row {seq} and those before it prove nothing")]
    Unsigned { writer_id: String, seq: u64 },
    #[error("the end of the chain of writer {writer_id}, row {seq}, is not signed by this key")]
    EndForged { writer_id: String, seq: u64 },
    #[error("the seal of the chain of writer {writer_id}, row {seq}, is not signed by this key")]
    SealForged { writer_id: String, seq: u64 },
    #[error("the head is not signed by this key: it was changed, or it belongs to another store")]
    HeadForged,
    #[error(
        "the chain of writer {writer_id} ends at row {seq} and the head knows row {known}: rows were removed, or the \
         database was put back to an earlier state"
    )]
    RolledBack { writer_id: String, seq: u64, known: u64 },
}

/// What was found to be whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub rows: u64,
    pub writers: usize,
    /// Tips of the head whose rows are not here: in a sealed file, or outside this one.
    pub unknown_tips: usize,
}

/// One chain's frame: from where to where its rows must reach.
struct Chain {
    begin: Tip,
    end: Option<Tip>,
    /// What was known of it elsewhere.
    known: Option<Tip>,
    at: Tip,
}

pub struct Verifier {
    chains: BTreeMap<String, Chain>,
    verified: Verified,
    current: Option<String>,
}

impl Verifier {
    /// `ends` and `begins` as they stand beside the rows; `head` as it was kept elsewhere.
    pub fn new(public_key: &str, ends: &[Head], begins: &[Seal], head: Option<&Head>) -> Result<Self, Fault> {
        let mut verifier = Self::from(public_key, begins)?;
        for end in ends {
            let signed = end.is_signed_by(public_key);
            for tip in &end.tips {
                if !signed {
                    return Err(Fault::EndForged { writer_id: tip.writer_id.clone(), seq: tip.seq });
                }
                verifier.chain(&tip.writer_id).end = Some(tip.clone());
            }
        }
        for tip in known_tips(public_key, head)? {
            verifier.chain(&tip.writer_id).known = Some(tip.clone());
        }
        Ok(verifier)
    }

    /// For rows that have left the store: each chain ends at its seal in `ends`, and what a head knows of other rows stands
    /// elsewhere.
    pub fn of_sealed(public_key: &str, ends: &[Seal], begins: &[Seal], head: Option<&Head>) -> Result<Self, Fault> {
        let mut verifier = Self::from(public_key, begins)?;
        for seal in ends {
            verifier.chain(&seal.tip.writer_id).end = Some(unforged(public_key, seal)?);
        }
        for tip in known_tips(public_key, head)? {
            let end = verifier.chains.get(&tip.writer_id).and_then(|chain| chain.end.as_ref());
            if end.is_some_and(|end| tip.seq <= end.seq) {
                verifier.chain(&tip.writer_id).known = Some(tip.clone());
            } else if tip.seq > 0 {
                verifier.verified.unknown_tips += 1;
            }
        }
        Ok(verifier)
    }

    fn from(public_key: &str, begins: &[Seal]) -> Result<Self, Fault> {
        let mut verifier = Self { chains: BTreeMap::new(), verified: Verified::default(), current: None };
        for seal in begins {
            let tip = unforged(public_key, seal)?;
            let chain = verifier.chain(&tip.writer_id);
            (chain.begin, chain.at) = (tip.clone(), tip);
        }
        Ok(verifier)
    }

    pub fn row(&mut self, row: &AuditRow) -> Result<(), Fault> {
        let (writer_id, seq) = (row.writer_id.clone(), row.seq);
        if self.current.as_ref().is_some_and(|current| *current != writer_id) {
            self.finish_current()?;
        }
        self.current = Some(writer_id.clone());
        let chain = self.chain(&writer_id);
        let next = chain.at.seq + 1;
        let Some(end) = &chain.end else { return Err(Fault::Unsigned { writer_id, seq }) };
        if seq < next || seq > end.seq {
            return Err(Fault::Inserted { writer_id, seq });
        }
        if seq > next {
            return Err(Fault::Missing { writer_id, seq: next });
        }
        if row.hash != row.hash_after(&chain.at.hash) {
            return Err(Fault::Changed { writer_id, seq });
        }
        let tip = Tip::of(row);
        let signed = [chain.end.as_ref(), chain.known.as_ref()].into_iter().flatten();
        if signed.into_iter().any(|signed| signed.seq == seq && *signed != tip) {
            return Err(Fault::Rewritten { writer_id, seq });
        }
        chain.at = tip;
        self.verified.rows += 1;
        Ok(())
    }

    /// After the last row.
    pub fn end(mut self) -> Result<Verified, Fault> {
        self.finish_current()?;
        self.chains.values().try_for_each(Chain::finish)?;
        let is_within_seal = |chain: &&Chain| chain.known.as_ref().is_some_and(|known| known.seq < chain.begin.seq);
        let unknown_tips = self.verified.unknown_tips + self.chains.values().filter(is_within_seal).count();
        Ok(Verified { writers: self.chains.len(), unknown_tips, ..self.verified })
    }

    fn finish_current(&mut self) -> Result<(), Fault> {
        self.current.take().and_then(|writer| self.chains.get(&writer)).map_or(Ok(()), Chain::finish)
    }

    fn chain(&mut self, writer_id: &str) -> &mut Chain {
        self.chains.entry(writer_id.to_owned()).or_insert_with(|| {
            let begin = Tip::before_any(writer_id.to_owned());
            Chain { at: begin.clone(), begin, end: None, known: None }
        })
    }
}

fn unforged(public_key: &str, seal: &Seal) -> Result<Tip, Fault> {
    let Tip { writer_id, seq, .. } = seal.tip.clone();
    if seal.is_signed_by(public_key) { Ok(seal.tip.clone()) } else { Err(Fault::SealForged { writer_id, seq }) }
}

fn known_tips<'h>(public_key: &str, head: Option<&'h Head>) -> Result<&'h [Tip], Fault> {
    match head {
        Some(head) if !head.is_signed_by(public_key) => Err(Fault::HeadForged),
        Some(head) => Ok(&head.tips),
        None => Ok(&[]),
    }
}

impl Chain {
    fn finish(&self) -> Result<(), Fault> {
        let (writer_id, seq) = (self.at.writer_id.clone(), self.at.seq);
        let end = self.end.as_ref().map_or(self.begin.seq, |end| end.seq);
        if seq < end {
            return Err(Fault::Missing { writer_id, seq: seq + 1 });
        }
        match &self.known {
            Some(known) if known.seq > seq => Err(Fault::RolledBack { writer_id, seq, known: known.seq }),
            Some(known) if known.seq == self.begin.seq && *known != self.begin => {
                Err(Fault::Rewritten { writer_id, seq: known.seq })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Keys;
    use proptest::{prelude::*, sample::Index};

    fn keys() -> Keys {
        Keys::derive(&[7; 32])
    }

    /// Two writers' chains, and the head over both.
    fn chains(lengths: [u64; 2]) -> (Vec<AuditRow>, Head) {
        let (mut rows, mut tips) = (Vec::new(), Vec::new());
        for (writer_id, length) in ["A", "B"].into_iter().zip(lengths) {
            let mut tip = Tip::before_any(writer_id.to_owned());
            for seq in 1..=length {
                let mut row = row(writer_id, seq);
                row.hash = row.hash_after(&tip.hash);
                tip = Tip::of(&row);
                rows.push(row);
            }
            tips.push(tip);
        }
        (rows, Head::signed(&keys(), 0, tips))
    }

    fn row(writer_id: &str, seq: u64) -> AuditRow {
        AuditRow {
            writer_id: writer_id.to_owned(),
            seq,
            at_ms: 1_000 * seq,
            kind: "start".to_owned(),
            outcome: "ok".to_owned(),
            account: Some("X".to_owned()),
            source: "201".to_owned(),
            mode: Some("monitor".to_owned()),
            target: None,
            call: None,
            session: Some(seq.to_string()),
            detail: String::new(),
            hash: String::new(),
        }
    }

    fn judge(rows: &[AuditRow], end: &Head, known: Option<&Head>) -> Result<Verified, Fault> {
        let mut verifier = Verifier::new(&keys().public_key(), std::slice::from_ref(end), &[], known)?;
        rows.iter().try_for_each(|row| verifier.row(row))?;
        verifier.end()
    }

    fn fault(rows: &[AuditRow], end: &Head) -> Fault {
        judge(rows, end, None).unwrap_err()
    }

    const FIELDS: usize = 13;

    /// Changes the field of this number to something else.
    fn change(row: &mut AuditRow, field: usize, with: &str) {
        let text = |text: &mut String| *text = if *text == with { format!("{with}x") } else { with.to_owned() };
        let option = |option: &mut Option<String>| {
            *option = if option.as_deref() == Some(with) { None } else { Some(with.to_owned()) }
        };
        match field {
            0 => text(&mut row.writer_id),
            1 => row.seq += 1,
            2 => row.at_ms ^= 1,
            3 => text(&mut row.kind),
            4 => text(&mut row.outcome),
            5 => option(&mut row.account),
            6 => text(&mut row.source),
            7 => option(&mut row.mode),
            8 => option(&mut row.target),
            9 => option(&mut row.call),
            10 => option(&mut row.session),
            11 => text(&mut row.detail),
            _ => text(&mut row.hash),
        }
    }

    proptest! {
        #[test]
        fn whatever_field_of_whatever_row_is_changed_it_is_found_there(
            lengths in [1..8_u64, 0..8_u64], at in any::<Index>(), field in 0..FIELDS, with in ".{0,4}",
        ) {
            let (mut rows, end) = chains(lengths);
            let at = at.index(rows.len());
            let (writer, seq) = (rows[at].writer_id.clone(), rows[at].seq);
            change(&mut rows[at], field, &with);
            match (field, fault(&rows, &end)) {
                // Under another name or number it is missing from its place, or stands in a wrong one.
                (0 | 1, Fault::Missing { .. } | Fault::Unsigned { .. } | Fault::Inserted { .. } | Fault::Changed { .. }) => {}
                (_, found) => prop_assert_eq!(found, Fault::Changed { writer_id: writer, seq }),
            }
        }

        #[test]
        fn a_row_that_is_removed_is_named_also_the_last(lengths in [1..8_u64, 0..8_u64], at in any::<Index>()) {
            let (mut rows, end) = chains(lengths);
            let gone = rows.remove(at.index(rows.len()));
            prop_assert_eq!(fault(&rows, &end), Fault::Missing { writer_id: gone.writer_id, seq: gone.seq });
        }

        #[test]
        fn a_row_that_is_put_in_again_is_named(lengths in [1..8_u64, 0..8_u64], from in any::<Index>(), to in any::<Index>()) {
            let (mut rows, end) = chains(lengths);
            let mut again = rows[from.index(rows.len())].clone();
            let place = to.index(rows.len() + 1);
            let after = rows[..place].last().map_or(0, |row| row.seq);
            again.seq = after + 1;
            rows.insert(place, again);
            prop_assert!(judge(&rows, &end, None).is_err());
        }

        #[test]
        fn a_tail_that_is_rewritten_with_all_its_hashes_is_not_what_was_signed(length in 1..8_u64, at in any::<Index>()) {
            let (mut rows, end) = chains([length, 0]);
            let at = at.index(rows.len());
            rows[at].detail = "rewritten".to_owned();
            for index in at..rows.len() {
                let before = index.checked_sub(1).map_or(String::new(), |before| rows[before].hash.clone());
                rows[index].hash = rows[index].hash_after(&before);
            }
            prop_assert_eq!(fault(&rows, &end), Fault::Rewritten { writer_id: "A".to_owned(), seq: length });
        }
    }

    #[test]
    fn what_was_put_back_to_an_earlier_state_shows_against_a_head_that_was_kept_elsewhere() {
        let (rows, end) = chains([3, 2]);
        let whole = Verified { rows: 5, writers: 2, unknown_tips: 0 };
        assert_eq!(judge(&rows, &end, Some(&end)), Ok(whole));
        let (earlier_rows, earlier) = chains([2, 2]);
        assert_eq!(judge(&rows, &end, Some(&earlier)), Ok(whole), "what came after a head is no fault");
        assert!(judge(&earlier_rows, &earlier, None).is_ok(), "by itself it is whole");
        let rolled_back = Fault::RolledBack { writer_id: "A".to_owned(), seq: 2, known: 3 };
        assert_eq!(judge(&earlier_rows, &earlier, Some(&end)), Err(rolled_back));
        let gone = Head::signed(&keys(), 0, vec![]);
        let rolled_back = Fault::RolledBack { writer_id: "A".to_owned(), seq: 0, known: 3 };
        assert_eq!(judge(&[], &gone, Some(&end)), Err(rolled_back));
    }

    #[test]
    fn an_end_or_a_head_of_another_key_proves_nothing() {
        let (rows, end) = chains([2, 0]);
        let others = Head::signed(&Keys::derive(&[8; 32]), 0, end.tips.clone());
        assert!(matches!(judge(&rows, &others, None), Err(Fault::EndForged { seq: 2, .. })));
        assert_eq!(judge(&rows, &end, Some(&others)), Err(Fault::HeadForged));
        let nothing = Head::signed(&keys(), 0, vec![]);
        assert!(matches!(judge(&rows, &nothing, None), Err(Fault::Unsigned { seq: 1, .. })));
    }

    #[test]
    fn a_chain_goes_on_from_its_seal_and_a_head_alone_seals_nothing() {
        let (rows, end) = chains([4, 0]);
        let key = keys().public_key();
        let seal = Seal::signed(&keys(), 0, Tip::of(&rows[1]));
        let judge = |seal: &Seal, rows: &[AuditRow], known: Option<&Head>| {
            let mut verifier = Verifier::new(&key, std::slice::from_ref(&end), std::slice::from_ref(seal), known)?;
            rows.iter().try_for_each(|row| verifier.row(row))?;
            verifier.end()
        };
        assert_eq!(judge(&seal, &rows[2..], None).map(|verified| verified.rows), Ok(2));
        assert!(matches!(judge(&seal, &rows[3..], None), Err(Fault::Missing { seq: 3, .. })));
        assert!(matches!(judge(&seal, &rows[1..], None), Err(Fault::Inserted { seq: 2, .. })));
        let known = |length| chains([length, 0]).1;
        assert_eq!(judge(&seal, &rows[2..], Some(&known(2))).map(|verified| verified.unknown_tips), Ok(0));
        assert_eq!(judge(&seal, &rows[2..], Some(&known(1))).map(|verified| verified.unknown_tips), Ok(1));
        let sealed = |rows: &[AuditRow], known: Option<&Head>| {
            let mut verifier = Verifier::of_sealed(&key, std::slice::from_ref(&seal), &[], known)?;
            rows.iter().try_for_each(|row| verifier.row(row))?;
            verifier.end()
        };
        assert_eq!(sealed(&rows[..2], None).map(|verified| verified.rows), Ok(2));
        assert!(matches!(sealed(&rows[..1], None), Err(Fault::Missing { seq: 2, .. })));
        assert!(matches!(sealed(&rows[..3], None), Err(Fault::Inserted { seq: 3, .. })));
        assert_eq!(sealed(&rows[..2], Some(&known(1))).map(|verified| verified.unknown_tips), Ok(0));
        assert_eq!(sealed(&rows[..2], Some(&known(4))).map(|verified| verified.unknown_tips), Ok(1));
        let mut other = rows[0].clone();
        other.detail = "rewritten".to_owned();
        other.hash = other.hash_after("");
        let head = Head::signed(&keys(), 0, vec![Tip::of(&other)]);
        assert!(matches!(sealed(&rows[..2], Some(&head)), Err(Fault::Rewritten { seq: 1, .. })));
        let forged = Seal { signature: known(2).signature, ..seal };
        assert!(matches!(judge(&forged, &rows[2..], None), Err(Fault::SealForged { seq: 2, .. })));
    }
}
