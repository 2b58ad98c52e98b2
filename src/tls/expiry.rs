use std::{fmt, time::Duration};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// How long before its end a certificate is warned of; who renews by machine does so earlier.
const WARN_BEFORE: Duration = Duration::from_secs(14 * DAY_S);
const DAY_S: u64 = 24 * 3600;

/// When the first certificate of a chain ends, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(u64);

/// What is wrong with a certificate's time, or will soon be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Over,
    /// In so many whole days.
    In(u64),
}

impl Expiry {
    /// Of the chain that a server shows. What cannot be read has no end that we know of; a handshake will tell.
    pub fn of_chain(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let end = |certificate: &CertificateDer<'_>| {
            let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
            u64::try_from(read.validity().not_after.timestamp()).ok()
        };
        chain.iter().filter_map(end).min().map(Self)
    }

    /// `None`: it has time.
    pub fn ending(self, now_unix_s: u64) -> Option<Ending> {
        match self.0.checked_sub(now_unix_s) {
            None | Some(0) => Some(Ending::Over),
            Some(left) if left < WARN_BEFORE.as_secs() => Some(Ending::In(left / DAY_S)),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Over => f.write_str("the certificate has expired: phones refuse it; renew it"),
            Ending::In(days) => write!(f, "the certificate expires in {days} days: renew it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(["sip.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_chain_ends_with_its_first_certificate_and_two_weeks_before_that_is_soon() {
        let chain = [certificate(2100), certificate(2030), certificate(2050)];
        let end = 1_893_456_000;
        assert_eq!(Expiry::of_chain(&chain), Some(Expiry(end)));
        let ending = |days: u64| Expiry(end).ending(end - days * DAY_S);
        assert_eq!((ending(14), ending(13), ending(0)), (None, Some(Ending::In(13)), Some(Ending::Over)));
        assert_eq!(
            (Expiry(end).ending(end + 1), Expiry(end).ending(end - 60)),
            (Some(Ending::Over), Some(Ending::In(0)))
        );
        assert_eq!(Expiry::of_chain(&[CertificateDer::from(vec![1, 2, 3])]), None);
    }
}
