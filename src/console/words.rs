use super::language::Language;
use crate::model::Role;

/// What pages say. Where the manual has a word for it, it is that word.
pub struct Words {
    pub product: &'static str,
    pub sign_in: &'static str,
    pub login: &'static str,
    pub password: &'static str,
    pub not_signed_in: &'static str,
    pub sign_out: &'static str,
    pub sign_out_everywhere: &'static str,
    pub sign_out_everywhere_explained: &'static str,
    pub account: &'static str,
    pub name: &'static str,
    pub role: &'static str,
    pub extension: &'static str,
    pub no_extension: &'static str,
    pub administrator: &'static str,
    pub supervisor: &'static str,
    pub user: &'static str,
    pub not_allowed: &'static str,
    pub not_allowed_remedy: &'static str,
    /// The language that the switch leads to, in that language, and its tag.
    pub other_language: (&'static str, &'static str),
    pub skip: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Words {
        match language {
            Language::Japanese => &JAPANESE,
            Language::English => &ENGLISH,
        }
    }

    pub fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Administrator => self.administrator,
            Role::Supervisor => self.supervisor,
            Role::User => self.user,
        }
    }
}

const JAPANESE: Words = Words {
    product: "ささやき",
    sign_in: "サインイン",
    login: "アカウント",
    password: "パスワード",
    not_signed_in: "サインインできません。アカウントとパスワードを確かめ、しばらくしてからやり直してください。",
    sign_out: "サインアウト",
    sign_out_everywhere: "すべての端末からサインアウト",
    sign_out_everywhere_explained: "このアカウントでサインインしているブラウザをすべてサインアウトします。",
    account: "マイアカウント",
    name: "名前",
    role: "ロール",
    extension: "内線番号",
    no_extension: "内線番号が紐づいていません。システム管理者に設定を依頼してください。",
    administrator: "システム管理者",
    supervisor: "スーパバイザ",
    user: "ユーザ",
    not_allowed: "権限がありません",
    not_allowed_remedy: "リアルタイムモニタはシステム管理者とスーパバイザのロールで利用できます。システム管理者にロールの変更を依頼してください。",
    other_language: ("English", "en"),
    skip: "本文へ移動",
};

const ENGLISH: Words = Words {
    product: "Sasayaki",
    sign_in: "Sign in",
    login: "Account",
    password: "Password",
    not_signed_in: "You could not be signed in. Check the account and the password, and try again in a while.",
    sign_out: "Sign out",
    sign_out_everywhere: "Sign out everywhere",
    sign_out_everywhere_explained: "Every browser that is signed in to this account is signed out.",
    account: "My account",
    name: "Name",
    role: "Role",
    extension: "Extension",
    no_extension: "No extension is tied to this account: ask an administrator to tie one to it.",
    administrator: "Administrator",
    supervisor: "Supervisor",
    user: "User",
    not_allowed: "You may not see this page",
    not_allowed_remedy: "The realtime monitor is for administrators and supervisors: ask an administrator to change your role.",
    other_language: ("日本語", "ja"),
    skip: "Skip to the content",
};
