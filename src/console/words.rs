//! What pages say, in both languages beside each other. Where the manual has a word for it, it is that word.

use super::language::Language;
use crate::model::Role;

mod live;

pub use live::LIVE;

/// Gives `Words` a field for each name, and its text in Japanese and in English.
macro_rules! words {
    ($($name:ident: $japanese:literal, $english:literal;)*) => {
        pub struct Words { $(pub $name: &'static str,)* }

        const JAPANESE: Words = Words { $($name: $japanese,)* };
        const ENGLISH: Words = Words { $($name: $english,)* };
    };
}

words! {
    product: "ささやき", "Sasayaki";
    sign_in: "サインイン", "Sign in";
    login: "アカウント", "Account";
    password: "パスワード", "Password";
    not_signed_in: "サインインできません。アカウントとパスワードを確かめ、しばらくしてからやり直してください。", "You could not be signed in. Check the account and the password, and try again in a while.";
    sign_out: "サインアウト", "Sign out";
    sign_out_everywhere: "すべての端末からサインアウト", "Sign out everywhere";
    sign_out_everywhere_explained: "このアカウントでサインインしているブラウザをすべてサインアウトします。", "Every browser that is signed in to this account is signed out.";
    account: "マイアカウント", "My account";
    name: "名前", "Name";
    role: "ロール", "Role";
    extension: "内線番号", "Extension";
    no_extension: "内線番号が紐づいていません。システム管理者に設定を依頼してください。", "No extension is tied to this account: ask an administrator to tie one to it.";
    administrator: "システム管理者", "Administrator";
    supervisor: "スーパバイザ", "Supervisor";
    user: "ユーザ", "User";
    not_allowed: "権限がありません", "You may not see this page";
    not_allowed_remedy: "このページは、あなたのロールでは利用できません。システム管理者にロールの変更を依頼してください。", "This page is not for your role: ask an administrator to change it.";
    skip: "本文へ移動", "Skip to the content";
    monitor: "リアルタイムモニタ", "Realtime monitor";
    administration: "管理", "Administration";
    acts: "操作", "What to do";
    set_up: "ソフトフォン設定用の QR コード", "QR code that sets up a softphone";
    set_up_explained: "ソフトフォン(Linphone など)の「QR コードで設定」で読み取ってください。24 時間以内に 1 回だけ利用できます。", "Scan it with a softphone that reads its settings from a code, like Linphone. It is good once, for 24 hours.";
    seats: "シートビュー", "Seat view";
    arrange: "座席の配置を変更", "Arrange the seats";
    arrange_explained: "座席をドラッグするか、選択して矢印キーで移動します。Delete キーで取り外します。変更はすぐに保存されます。", "Drag a seat, or move the one in focus with the arrow keys; Delete takes it away. Every change is kept at once.";
    no_seats: "座席がまだ配置されていません。システム管理者に配置を依頼してください。", "No seats have been arranged yet: ask an administrator to arrange them.";
    no_seats_arrange: "座席がまだ配置されていません。「座席の配置を変更」を押して、内線を配置してください。", "No seats have been arranged yet: press Arrange the seats, and put the phones where they stand.";
    unplaced: "配置されていない内線", "Phones that stand nowhere yet";
    switched_off: "この機能は使われていません", "This is switched off";
    switched_off_remedy: "この機能は、設定で無効になっています。システム管理者に依頼してください。", "This feature is switched off in the settings: ask an administrator.";
    connecting: "接続しています…", "Connecting…";
    needs_script: "リアルタイムモニタには JavaScript が必要です。ブラウザの設定で有効にしてください。", "The realtime monitor needs JavaScript: switch it on in the settings of the browser.";
    status: "ステータス", "Status";
    time: "経過時間", "Time";
    listeners: "モニタリング・ささやき中", "Listening";
    more: "その他操作", "More";
    no_agents: "内線がまだありません。内線とアカウントを追加し、アカウントをコールセンターに所属させると、ここに表示されます。", "There are no extensions yet. Add extensions and accounts, and assign the accounts to call centres: they appear here.";
    no_centers: "表示できるエージェントがいません。システム管理者に、エージェントが所属するコールセンターへの「参照」以上のリソース権限を依頼してください。", "There is no agent whom you may see: ask an administrator for the right to view, or more, on the call centre of the agents.";
    phone_to_ring: "モニタリングを行う管理者の内線番号", "Extension that you listen at";
    not_the_talking_one: "通話中の内線番号ではなく、着信させる電話端末の内線番号を選択してください。", "Choose the phone that is to ring, not the one that is talking.";
    to_monitor: "モニタリング", "Monitor";
    to_whisper: "ささやき", "Whisper";
    cancel: "キャンセル", "Cancel";
    redial: "再発信", "Redial";
    redial_explained: "最近の通話の相手にもう一度発信します。まず自分の電話端末が鳴り、応答すると相手を呼び出します。ここから発信した通話は、モニタリングもささやきもできません。", "Calls somebody of your recent calls again. Your own phone rings first, and calls when you have answered. Nobody can monitor or whisper into a call that is placed here.";
    redial_empty: "まだ通話がありません。通話をすると、ここに表示されます。", "There are no calls yet. They appear here once you have had some.";
    redial_when: "日時", "Time";
    redial_number: "相手の番号", "Number";
    redial_what: "種類", "Kind";
    redial_made: "発信", "Made";
    redial_received: "着信", "Received";
    redial_unanswered: "応答なし", "not answered";
    redial_confidential: "モニタリング不可", "cannot be monitored";
    redial_own_phone: "鳴る電話端末の内線番号:", "The extension that rings:";
    redial_placed: "発信しました。", "The call is being placed.";
    redial_refused: "発信できませんでした。", "The call could not be placed.";
}

/// Why something was refused, from the stable word of the reason; nothing for a word that people need no help with.
pub fn reason(language: Language, word: &str) -> &'static str {
    let said = LIVE.iter().find(|(name, ..)| name.strip_prefix("reason-") == Some(word));
    said.map_or("", |(_, japanese, english)| match language {
        Language::Japanese => japanese,
        Language::English => english,
    })
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
