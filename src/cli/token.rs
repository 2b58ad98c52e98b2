//! `token`: what programs sign their requests to `/api/v1` with.

use super::{
    office::{Office, explained},
    output::{self, Format, Row},
};
use crate::{
    admin::{Act, TokenLine},
    model::{Login, Name, Scope, TokenId},
    store::{Days, NewToken},
};

#[derive(clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, once; it may do what the account may, as far as its scopes go
    Create {
        login: Login,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        name: Name,
        /// read (see everything the account may see), monitor (the realtime monitor and its orders) or admin (everything);
        /// may be repeated
        #[arg(long, value_name = "SCOPE", required = true)]
        scope: Vec<Scope>,
        /// Good for so many days, 730 at most [default: 90]
        #[arg(long, value_name = "DAYS")]
        days: Option<Days>,
    },
    /// Show all tokens, never what they are
    List(Format),
    /// Take a token away, at once
    Revoke { id: TokenId },
}

impl TokenCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            TokenCommand::Create { login, name, scope, days } => {
                let new = NewToken { login, name, scopes: scope, days: days.unwrap_or_default() };
                let (id, token) = office.store.make_token(&office.actor, new).await.map_err(explained)?;
                output::note(&format!("token {id}; it is not shown again"));
                output::say(token.expose())
            }
            TokenCommand::List(format) => {
                let rows = office.store.tokens().await?.into_iter().map(TokenLine::from);
                output::list(&rows.collect::<Vec<_>>(), format)
            }
            TokenCommand::Revoke { id } => office.carry_out(Act::RevokeToken(id)).await,
        }
    }
}

impl Row for TokenLine {
    const HEADINGS: &'static [&'static str] = &["TOKEN", "LOGIN", "NAME", "SCOPES", "EXPIRES", "LAST USED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.login.clone(),
            self.name.clone(),
            self.scopes.join(", "),
            self.expires.clone(),
            self.used.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }
}
