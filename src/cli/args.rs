//! The words of the command line, exactly as the manual has them.

use super::{
    account::AccountCommand, audit::AuditCommand, bench::BenchCommand, call_center::CallCenterCommand, cdr::CdrCommand,
    dial_id::DialIdCommand, explain::Explain, extension::ExtensionCommand, live, output::Format,
    permission::PermissionCommand, seat::SeatCommand, setting::SettingCommand, token::TokenCommand,
    trunk::TrunkCommand,
};
use std::path::PathBuf;

/// Sasayaki: a SIP feature-code server. Dial 0070 to listen to a colleague's call, 0071 to whisper into it.
#[derive(clap::Parser)]
#[command(name = "sasayaki", version, arg_required_else_help = true, propagate_version = false)]
pub struct Cli {
    /// Configuration file [default: sasayaki.toml here, else $SASAYAKI_CONFIG, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(clap::Subcommand)]
pub enum Command {
    /// Run the engine until SIGTERM or SIGINT
    Serve {
        /// On a signal, wait at most this long for running calls to end by themselves
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        drain: u64,
    },
    /// A whole 0070 and 0071 session on this machine, over real SIP and RTP on loopback
    Demo {
        /// Exit when the session is over; status 0 only if the table is right
        #[arg(long)]
        once: bool,
        /// Where to write what each party heard, and the table [default: demo in the data folder]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Validate configuration, dial plan, prompts and store
    Check,
    /// Phone terminals
    #[command(subcommand)]
    Extension(ExtensionCommand),
    /// People
    #[command(subcommand)]
    Account(AccountCommand),
    /// Dial-operation IDs and passwords, keyed in after 0070 and 0071
    #[command(subcommand)]
    DialId(DialIdCommand),
    /// Call centres and their agents
    #[command(subcommand)]
    CallCenter(CallCenterCommand),
    /// The floor plan of the seat view
    #[command(subcommand)]
    Seat(SeatCommand),
    /// Who may listen to which phone terminal or call centre
    #[command(subcommand)]
    Permission(PermissionCommand),
    /// Trunks: the ways to the world outside
    #[command(subcommand)]
    Trunk(TrunkCommand),
    /// Settings that change at run time
    #[command(subcommand)]
    Setting(SettingCommand),
    /// Tokens of programs that use the interface
    #[command(subcommand)]
    Token(TokenCommand),
    /// Calls that are going on
    Calls(live::Live),
    /// Listening sessions that are going on
    Sessions(live::Sessions),
    /// Every check of a listening attempt in order, passed or not, and why
    Explain(Explain),
    /// The records of calls, one row a call
    #[command(subcommand)]
    Cdr(CdrCommand),
    /// The trail of every attempt, start, change and end
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Who hears whom, tried with three tones through the running engine
    #[command(name = "selftest")]
    SelfTest(Format),
    /// Print `@MS DIGIT` for every digit heard in each 8 kHz or 16 kHz mono WAV
    Dtmf {
        #[arg(required = true, value_name = "WAV")]
        files: Vec<PathBuf>,
    },
    /// The built-in benchmarks; without a name, all of them
    Bench {
        #[command(subcommand)]
        which: Option<BenchCommand>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
