//! Measures how long the private PostgreSQL takes to be usable: `cargo run --example start -- PROGRAMS DATA_DIR`.
//!
//! Prints the first start (cluster made, migrated, pools open), three later ones, and a stop, in milliseconds.

#![expect(clippy::print_stdout, reason = "a measuring program prints")]

use std::path::PathBuf;

use store::Database;
use store::database::PoolSizes;
use store::embedded::{Binaries, Durability, EmbeddedPostgres, EmbeddedSettings};
use store::migrate::migrate;
use tokio::time::Instant;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(programs), Some(data_dir)) = (arguments.next(), arguments.next()) else {
        println!("usage: start PROGRAMS DATA_DIR (a folder that is not there yet)");
        return;
    };
    let settings = EmbeddedSettings {
        data_dir,
        binaries: Binaries::Folder(programs),
        durability: Durability::Committed,
    };
    for round in ["first start", "second start", "third start", "fourth start"] {
        let begin = Instant::now();
        let postgres = match EmbeddedPostgres::start(&settings).await {
            Ok(postgres) => postgres,
            Err(error) => {
                println!("{error}");
                return;
            }
        };
        let up = begin.elapsed();
        let target = postgres.target();
        let migrated = migrate(&target).await.expect("a schema");
        let schema = begin.elapsed() - up;
        let db = Database::connect(&target, PoolSizes::default()).await.expect("pools");
        db.ping().await.expect("an answer");
        let total = begin.elapsed();
        db.close().await;
        let stopping = Instant::now();
        postgres.stop().await.expect("a stop");
        println!(
            "{round}: {} ms (server {}, {} migrations {}), stop {} ms",
            total.as_millis(),
            up.as_millis(),
            migrated.applied,
            schema.as_millis(),
            stopping.elapsed().as_millis(),
        );
    }
}
