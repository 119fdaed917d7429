//! Writes one of each letter, in two looks, into a folder: `cargo run -p letters --example preview FOLDER`.
//! `scripts/letters.sh` makes pictures of them.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use letters::brand::Brand;
use letters::{Letters, samples};

fn main() -> std::io::Result<()> {
    let wrong = || Error::new(ErrorKind::InvalidInput, "say the folder that letters are written to");
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or_else(wrong)?);
    std::fs::create_dir_all(&folder)?;
    let letters = Letters::new().map_err(Error::other)?;
    let own = samples::own_brand();
    // A picture that `scripts/letters.sh` makes, and one that is not there, as where a mail program fetches none.
    let logo = Brand { logo: Some("logo.png".to_owned()), ..own.clone() };
    let no_logo = Brand { logo: Some("nowhere.png".to_owned()), ..own.clone() };
    let few = ["call-summary", "urgent", "caller-code"];
    let some = || samples::all().into_iter().filter(|(name, _)| few.contains(name)).collect();
    let looks = [
        ("own", own, samples::all()),
        ("plain", samples::plain_brand(), samples::all()),
        ("hard", samples::plain_brand(), samples::hard_cases()),
        ("loud", samples::loud_brand(), some()),
        ("dark", samples::dark_brand(), some()),
        ("logo", logo, some()),
        ("no-logo", no_logo, some()),
    ];
    for (look, brand, drafts) in looks {
        for (name, draft) in drafts {
            let letter = letters.write(&brand, &draft).map_err(Error::other)?;
            std::fs::write(folder.join(format!("{name}.{look}.html")), letter.html)?;
            std::fs::write(
                folder.join(format!("{name}.{look}.txt")),
                format!("{}\n\n{}", letter.subject, letter.text),
            )?;
        }
    }
    Ok(())
}
