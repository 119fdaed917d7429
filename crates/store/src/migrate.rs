//! Bringing a database's schema up to date: forward only, by the owner, safe to be run by several at once.

use graphile_worker::WorkerUtils;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor};

use crate::database::{Target, check_fitness};
use crate::error::StoreError;
use crate::jobs;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");
const ROLES: &str = include_str!("../sql/roles.sql");
const WORKER_GRANTS: &str = include_str!("../sql/worker_grants.sql");
/// The number of the advisory lock that migrating processes take: "studcon" in ASCII.
const MIGRATION_LOCK: i64 = 0x73_74_75_64_63_6f_6e;

/// What a migration found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Migrations that were applied now.
    pub applied: usize,
    /// Migrations that the database has.
    pub total: usize,
}

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::Unsuitable`] when the server is too old, lacks `vector`, its user may not do what is needed, or
/// the database was migrated by a newer release; [`StoreError::Unavailable`].
pub async fn migrate(target: &Target) -> Result<Migrated, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(2)
        // One wait for the disk instead of one per migration: what is lost in a power cut is lost from the end, and
        // migrated again.
        .connect_with(target.owner_options().clone().options([("synchronous_commit", "off")]))
        .await
        .map_err(|error| owner_failed("connect", error))?;
    let result = migrate_with(&pool).await;
    pool.close().await;
    result
}

async fn migrate_with(pool: &sqlx::PgPool) -> Result<Migrated, StoreError> {
    let mut conn = pool.acquire().await?;
    check_fitness(&mut conn).await?;
    let owner: &mut sqlx::PgConnection = &mut conn;
    sqlx::query!("SELECT pg_advisory_lock($1)", MIGRATION_LOCK).execute(&mut *owner).await?;
    let result = migrate_locked(pool, owner).await;
    sqlx::query!("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK).fetch_one(owner).await?;
    result
}

async fn migrate_locked(pool: &sqlx::PgPool, owner: &mut sqlx::PgConnection) -> Result<Migrated, StoreError> {
    let before = applied(owner).await?;
    owner.execute(sqlx::raw_sql(ROLES)).await.map_err(|error| owner_failed("make the roles", error))?;
    // The queue's schema comes first: the function that reaches it is ours.
    WorkerUtils::new(pool.clone(), jobs::SCHEMA)
        .migrate()
        .await
        .map_err(|error| StoreError::Unsuitable { reason: format!("the job queue's schema: {error}") })?;
    MIGRATOR.run(&mut *owner).await.map_err(migration_failed)?;
    owner
        .execute(sqlx::raw_sql(WORKER_GRANTS))
        .await
        .map_err(|error| owner_failed("grant the job queue", error))?;
    let total = applied(owner).await?;
    Ok(Migrated { applied: total - before, total })
}

async fn applied(owner: &mut sqlx::PgConnection) -> Result<usize, StoreError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('public._sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *owner)
        .await?;
    if !exists {
        return Ok(0);
    }
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM public._sqlx_migrations WHERE success")
        .fetch_one(owner)
        .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn owner_failed(doing: &str, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(cause) => StoreError::Unsuitable {
            reason: format!("the database's owner could not {doing}: {}", cause.message()),
        },
        other => other.into(),
    }
}

fn migration_failed(error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::VersionMissing(version) => StoreError::Unsuitable {
            reason: format!(
                "it has migration {version}, which this release doesn't know: it was migrated by a newer one"
            ),
        },
        MigrateError::Execute(error) => error.into(),
        other => StoreError::Unsuitable { reason: other.to_string() },
    }
}

/// Names the schema that the migrations lead to; changes with every byte of them.
#[must_use]
pub fn fingerprint() -> String {
    // FNV-1a over all texts: it names template databases of tests, nothing more.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for migration in MIGRATOR.iter() {
        mix(&migration.checksum);
    }
    mix(ROLES.as_bytes());
    mix(WORKER_GRANTS.as_bytes());
    mix(env!("CARGO_PKG_VERSION").as_bytes());
    format!("{hash:016x}")
}

/// Makes an empty database on the server, unless it is there.
///
/// # Errors
/// [`StoreError::Unsuitable`] when the user may not.
pub async fn create_database(target: &Target, name: &str) -> Result<(), StoreError> {
    let mut conn = target.with_database("postgres").connect_owner().await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut conn)
        .await?;
    if !exists {
        let quoted = format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""));
        conn.execute(sqlx::AssertSqlSafe(quoted))
            .await
            .map_err(|error| owner_failed("make a database", error))?;
    }
    Ok(conn.close().await?)
}
