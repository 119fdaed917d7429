//! Jobs: promised inside a transaction, done once it is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graphile_worker::{IntoTaskHandlerResult, LocalQueueGetJobsComplete, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::jobs::{self, NewJob};
use tokio::sync::mpsc;

use crate::agency::open;

#[derive(Serialize, Deserialize)]
struct Greet {
    name: String,
}

#[derive(Clone, Debug)]
struct Done(mpsc::Sender<String>);

impl TaskHandler for Greet {
    const IDENTIFIER: &'static str = "greet";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let done = context.get_ext::<Done>().ok_or("no extension")?;
        done.0.send(self.name).await.map_err(|_| "nobody listens")
    }
}

fn job(name: &str) -> NewJob<'static> {
    NewJob { task: Greet::IDENTIFIER, payload: json!({"name": name}), ..NewJob::default() }
}

#[tokio::test]
async fn a_job_runs_when_and_only_when_its_transaction_commits() {
    let agency = open().await;
    let mut forgotten = agency.tx().await;
    jobs::enqueue(&mut forgotten, &job("forgotten")).await.expect("a job");
    drop(forgotten);
    let mut tx = agency.tx().await;
    for name in ["replaced", "keyed"] {
        let job = NewJob { key: Some("key"), ..job(name) };
        jobs::enqueue(&mut tx, &job).await.expect("a job");
    }
    tx.commit().await.expect("a commit");
    let mut tx = agency.system_tx().await;
    jobs::enqueue(&mut tx, &job("system")).await.expect("a job");
    tx.commit().await.expect("a commit");

    let (done, mut names) = mpsc::channel(10);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = jobs::worker_options(&agency.db)
        .concurrency(2)
        .add_extension(Done(done))
        .define_job::<Greet>()
        .shutdown_signal(async move {
            let _stopped = stopped.await;
        })
        .init()
        .await
        .expect("a worker under the system's role");
    let watch = async {
        let mut seen = vec![names.recv().await.expect("a job"), names.recv().await.expect("a job")];
        // Promised while the runner listens.
        let mut tx = agency.tx().await;
        jobs::enqueue(&mut tx, &job("later")).await.expect("a job");
        tx.commit().await.expect("a commit");
        seen.push(names.recv().await.expect("a job"));
        seen.sort_unstable();
        stop.send(()).expect("a listening worker");
        seen
    };
    let (result, seen) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(worker.run(), watch) })
            .await
            .expect("all jobs in time");
    result.expect("a clean end");
    assert_eq!(seen, ["keyed", "later", "system"]);
}

#[tokio::test]
async fn a_runner_with_nothing_to_do_seldom_looks_and_hears_of_a_job_at_once() {
    let agency = open().await;
    let (done, mut names) = mpsc::channel(10);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let worker = jobs::worker_options(&agency.db)
        .concurrency(4)
        .add_extension(Done(done))
        .define_job::<Greet>()
        .on(LocalQueueGetJobsComplete, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready(())
        })
        .shutdown_signal(async move {
            let _stopped = stopped.await;
        })
        .init()
        .await
        .expect("a worker under the system's role");
    let watch = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let looked = looks.load(Ordering::Relaxed);
        let mut tx = agency.tx().await;
        jobs::enqueue(&mut tx, &job("announced")).await.expect("a job");
        tx.commit().await.expect("a commit");
        let name = names.recv().await.expect("a job");
        stop.send(()).expect("a listening worker");
        (looked, name)
    };
    let (result, (looked, name)) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(worker.run(), watch) })
            .await
            .expect("the job in time");
    result.expect("a clean end");
    assert_eq!(name, "announced");
    // Two or three; a runner that never rests looks hundreds of times. A slow machine makes it fewer.
    assert!(looked <= 10, "{looked} looks in 2 s without any job");
}
