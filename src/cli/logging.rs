//! The log of a running engine: one line an event, on standard error.

use super::config::{Log, LogFormat, LogLevel};
use std::io::{self, Write};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts the log. What libraries say comes through from warnings on.
pub fn init(log: Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let targets =
        Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = fmt::layer().with_ansi(false).with_writer(OneLine(io::stderr));
    let layer = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start in one process keeps the first log.
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
}

/// Writes each event on one line, whatever its values hold: control characters become `\u00XX`, in text as in JSON.
struct OneLine<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLineWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    /// The subscriber hands over one whole event.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.trim_end_matches('\n').chars() {
            match c.is_control() {
                true => line.push_str(&format!("\\u{:04x}", u32::from(c))),
                false => line.push(c),
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_a_line_of_its_own_or_colour_the_terminal() {
        let mut writer = OneLineWriter(Vec::new());
        writer.write_all("who=\"a\nevent=forged \u{1b}[31m\u{9b}ささやき\"\n".as_bytes()).unwrap();
        let line = String::from_utf8(writer.0).unwrap();
        assert_eq!(line, "who=\"a\\u000aevent=forged \\u001b[31m\\u009bささやき\"\n");
    }
}
