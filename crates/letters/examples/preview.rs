//! Writes one of each letter, in two looks, into a folder: `cargo run -p letters --example preview FOLDER`.
//! `scripts/letters.sh` makes pictures of them.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

use letters::{Letters, samples};

fn main() -> std::io::Result<()> {
    let wrong = || Error::new(ErrorKind::InvalidInput, "say the folder that letters are written to");
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or_else(wrong)?);
    std::fs::create_dir_all(&folder)?;
    let letters = Letters::new().map_err(Error::other)?;
    for (look, brand) in [("own", samples::own_brand()), ("plain", samples::plain_brand())] {
        for (name, draft) in samples::all() {
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
