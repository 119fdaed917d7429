//! The machine: data folder, port, clock.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

use chrono::{DateTime, Datelike as _, Utc};

use super::Finding;

/// Recordings and database of a small agency's year.
const COMFORTABLE_FREE_MIB: u64 = 2_048;

/// Below this PostgreSQL itself may stop.
const LEAST_FREE_MIB: u64 = 256;

/// This version is younger than any earlier year.
const EARLIEST_YEAR: i32 = 2026;
const LATEST_YEAR: i32 = 2100;

/// Whether the data folder can be written, or made, and has room. Leaves nothing behind.
pub(super) fn data_folder(path: &Path) -> Finding {
    let shown = path.display();
    let remedy =
        format!("choose another with --data-dir or DATA_DIR, or make {shown} writable for this user");
    // A folder that is not there yet is made at the start, so it is its nearest parent that counts.
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(path);
    let probe = there.join(format!(".studioconnect-doctor-{}", std::process::id()));
    if let Err(error) = std::fs::write(&probe, b"probe") {
        return Finding::broken("data folder", format!("{shown} can't be written: {error}"), remedy);
    }
    // It is ours and small; a leftover does no harm.
    let _removed = std::fs::remove_file(&probe);
    let Ok(disk) = nix::sys::statvfs::statvfs(there) else {
        return Finding::less(
            "data folder",
            format!("{shown} is writable; its free space can't be told"),
            remedy,
        );
    };
    #[expect(clippy::useless_conversion, reason = "the counts are narrower on 32-bit systems")]
    let free_mib = u64::from(disk.blocks_available()) * u64::from(disk.fragment_size()) / (1 << 20);
    room(&shown.to_string(), free_mib)
}

fn room(shown: &str, free_mib: u64) -> Finding {
    let said = format!("{shown} is writable, {free_mib} MiB are free");
    match free_mib {
        0..LEAST_FREE_MIB => Finding::broken("data folder", said, "free some space: the database would stop"),
        LEAST_FREE_MIB..COMFORTABLE_FREE_MIB => {
            Finding::less("data folder", said, "free some space, or move the data folder")
        }
        _ => Finding::well("data folder", said),
    }
}

/// Whether the server could listen.
pub(super) fn port(host: IpAddr, port: u16) -> Finding {
    if port == 0 {
        return Finding::well("port", "a free one is taken at the start");
    }
    match TcpListener::bind((host, port)) {
        Ok(_free) => Finding::well("port", format!("{host} port {port} is free")),
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!(
                        "if that is not a running studioconnect, choose another port: --port {}",
                        port.wrapping_add(1)
                    )
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need a right: use 3000 and a proxy, or grant cap_net_bind_service"
                        .to_owned()
                }
                _ => "choose another address with --host".to_owned(),
            };
            Finding::broken("port", format!("{host} port {port} can't be listened on: {error}"), remedy)
        }
    }
}

/// Whether the clock can be right. Signatures, tickets and certificates depend on it.
pub(super) fn clock(now: DateTime<Utc>) -> Finding {
    let said = format!("it is {} UTC", now.format("%Y-%m-%d %H:%M:%S"));
    if (EARLIEST_YEAR..LATEST_YEAR).contains(&now.year()) {
        Finding::well("clock", said)
    } else {
        Finding::broken(
            "clock",
            format!("{said}, which can't be"),
            "set the clock, best with an NTP client (chrony)",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_full_disk_is_told_before_it_stops_the_database() {
        assert_eq!(room("/d", 10).verdict, Verdict::Broken);
        assert_eq!(room("/d", 1_000).verdict, Verdict::Less);
        assert_eq!(room("/d", 100_000).verdict, Verdict::Well);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_broken() {
        // A file is no folder, not even for root.
        let found = data_folder(Path::new("/dev/null/data"));
        assert_eq!(found.verdict, Verdict::Broken);
        assert!(found.remedy.is_some_and(|remedy| remedy.contains("--data-dir")));
    }

    #[test]
    fn a_taken_port_is_told_with_another() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        let found = port(IpAddr::from([127, 0, 0, 1]), number);
        assert_eq!(found.verdict, Verdict::Broken);
        assert!(found.remedy.is_some_and(|remedy| remedy.contains("--port")));
        drop(taken);
        assert_eq!(port(IpAddr::from([127, 0, 0, 1]), number).verdict, Verdict::Well);
    }

    #[test]
    fn a_clock_at_its_beginning_is_broken() {
        let check = |text: &str, expect: Verdict| {
            assert_eq!(clock(text.parse().unwrap()).verdict, expect, "{text}");
        };
        check("1970-01-01T00:00:10Z", Verdict::Broken);
        check("2026-11-21T12:00:00Z", Verdict::Well);
        check("2106-02-07T06:28:15Z", Verdict::Broken);
    }
}
