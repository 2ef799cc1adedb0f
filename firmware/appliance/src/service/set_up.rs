//! The first set-up, and the same questions later.

use super::draft::Draft;
use super::{Moment, Peer, Reply, Service, Who};
use crate::secrets::{Lots, admin_key_hash, hex};
use crate::wire::{Hidden, Refusal, SetUpSetting};
use causeway_config::{Disk, Note};
use causeway_directory::{Secret, SecretHash};
use serde_json::json;

/// Wrong codes before the page is closed until the next start.
const TRIES: u8 = 5;
/// 32 letters and digits of which no two look alike: eight of them are 40 bits.
const LETTERS: [char; 32] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U',
    'V', 'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7', '8', '9',
];
/// What the questions ask for is not kept from before: one that is answered with `none` does not come.
const ASKED: [&[&str]; 4] = [
    &["network", "ipv4"],
    &["network", "ipv6"],
    &["network", "dns"],
    &["time", "server"],
];
const ASKED_OF_TRUNK: [&str; 3] = ["transport", "username", "password"];

/// What whoever sees the console reads to the page. It does not print.
pub(super) struct Code {
    code: String,
    wrong: u8,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code")
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

impl Code {
    pub(super) fn draw(lots: Lots<'_>) -> Self {
        let mut octets = [0; 8];
        lots(&mut octets);
        let letters = octets
            .iter()
            .map(|octet| LETTERS.get(usize::from(octet % 32)));
        let code: String = letters.flatten().collect();
        let (first, second) = code.split_at(4);
        Self {
            code: format!("{first}-{second}"),
            wrong: 0,
        }
    }

    /// None when it is used up.
    pub(super) fn shown(&self) -> Option<&str> {
        (self.wrong < TRIES).then_some(self.code.as_str())
    }

    fn accepts(&mut self, tried: &str) -> Result<(), Refusal> {
        if self.wrong >= TRIES {
            let why = "too many wrong codes: set the box up at its console, or start it anew";
            return Err(Refusal::new("closed", why));
        }
        let plain = |text: &str| {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|c| c.to_ascii_uppercase()).collect::<String>()
        };
        // Compared by hashes, so that time tells nothing.
        if SecretHash::of(&plain(&self.code)).matches(&plain(tried)) {
            return Ok(());
        }
        self.wrong += 1;
        let left = TRIES - self.wrong;
        Err(Refusal::new(
            "wrong_code",
            format!("not the code that the console shows; {left} tries are left"),
        ))
    }
}

impl<D: Disk> Service<D> {
    pub(super) fn set_up(
        &mut self,
        who: &Who,
        settings: &[SetUpSetting],
        code: Option<&Hidden>,
        password: Option<&Hidden>,
        mut moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        let guarded = self.is_guarded();
        match (who.peer, guarded) {
            (Peer::Root | Peer::Admin, _) => {}
            (Peer::Gateway, false) => {
                let tried = code.map_or("", |code| &code.0);
                let code = self.code.as_mut();
                code.ok_or_else(|| Refusal::new("closed", "the box has no code"))?
                    .accepts(tried)?;
            }
            (Peer::Gateway, true) => {
                let tried = password.map_or("", |password| &password.0);
                self.check_password(who, tried, moment.now)?;
            }
        }
        let mut draft = Draft::of(self.text(), self.revision())?;
        clear(&mut draft, settings);
        for setting in settings {
            let path: Vec<&str> = setting.path.iter().map(String::as_str).collect();
            draft.set(&path, &setting.value.0, &self.secrets, &mut moment.lots)?;
        }
        if !guarded && draft.password.is_none() {
            return Err(Refusal::new(
                "invalid",
                "a password is needed before anything else",
            ));
        }
        self.have_admin_key(&mut draft, &mut moment)?;
        let note = Note {
            at: moment.at,
            author: who.author.clone(),
            comment: "set up".to_owned(),
        };
        let mut reply = self.put_in_force(draft, note, None, moment)?;
        self.drafts.remove(who);
        if let Ok(value) = &mut reply.result
            && let Some(value) = value.as_object_mut()
        {
            value.insert("guarded".to_owned(), json!(self.is_guarded()));
        }
        Ok(reply)
    }

    /// Without one the gateway does not listen: a document that says none keeps the one in force, and the first one is drawn
    /// here and kept with the secrets, under its hash.
    pub(super) fn have_admin_key(
        &self,
        draft: &mut Draft,
        moment: &mut Moment<'_>,
    ) -> Result<(), Refusal> {
        let path = ["box", "admin_key_sha256"];
        if !draft.document.show(&path).is_empty() {
            return Ok(());
        }
        let in_force = self.text().parse().ok();
        let in_force = in_force.as_ref().and_then(admin_key_hash);
        let (hash, drawn) = match in_force {
            Some(hash) => (hash, None),
            None => {
                let mut octets = [0; 32];
                (moment.lots)(&mut octets);
                let key = hex(&octets);
                (SecretHash::of(&key).to_hex(), Some(key))
            }
        };
        draft.set(
            &path,
            &format!("\"{hash}\""),
            &self.secrets,
            &mut moment.lots,
        )?;
        if let Some(key) = drawn {
            draft.secrets.insert(hash, Secret::new(key));
        }
        Ok(())
    }
}

fn clear(draft: &mut Draft, settings: &[SetUpSetting]) {
    let sets = |start: &[&str]| {
        settings.iter().any(|s| {
            s.path
                .iter()
                .map(String::as_str)
                .take(start.len())
                .eq(start.iter().copied())
        })
    };
    if sets(&["network"]) || sets(&["time"]) {
        for path in ASKED {
            let _ = draft.document.delete(path, None);
        }
    }
    let trunks = settings.iter().filter_map(|s| match s.path.as_slice() {
        [table, name, key] if table == "trunk" && key == "address" => Some(name.as_str()),
        _ => None,
    });
    for name in trunks {
        for key in ASKED_OF_TRUNK {
            let _ = draft.document.delete(&["trunk", name, key], None);
        }
    }
}
