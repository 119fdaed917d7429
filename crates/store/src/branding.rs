//! How organizations look: what each says itself, and the chain of those above.

use chrono::{DateTime, Utc};
use domain::branding::{Branding, Color};
use domain::ids::OrgId;

use crate::error::StoreError;
use crate::tx::{OrgTx, SystemTx};

/// What an organization says, with its logo.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredBranding {
    /// What it says.
    pub branding: Branding,
    /// Its logo.
    pub logo: Option<Logo>,
    /// When it was last changed; `None` when it never said anything.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The object that holds it.
    pub key: String,
    /// Its media type.
    pub media_type: String,
}

struct Row {
    name: Option<String>,
    accent_color: Option<String>,
    background_color: Option<String>,
    sender_name: Option<String>,
    sender_email: Option<String>,
    support_email: Option<String>,
    hide_powered_by: Option<bool>,
    logo_key: Option<String>,
    logo_type: Option<String>,
    updated_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for StoredBranding {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let color = |text: Option<String>| {
            text.map(|text| Color::parse(&text)).transpose().map_err(|e| StoreError::bug(e.to_string()))
        };
        Ok(Self {
            branding: Branding {
                name: row.name,
                accent_color: color(row.accent_color)?,
                background_color: color(row.background_color)?,
                sender_name: row.sender_name,
                sender_email: row.sender_email,
                support_email: row.support_email,
                hide_powered_by: row.hide_powered_by,
            },
            logo: row.logo_key.zip(row.logo_type).map(|(key, media_type)| Logo { key, media_type }),
            updated_at: row.updated_at,
        })
    }
}

/// What the transaction's own organization says.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn get(tx: &mut OrgTx) -> Result<StoredBranding, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT name, accent_color, background_color, sender_name, sender_email, support_email, hide_powered_by,
                  logo_key, logo_type, updated_at AS "updated_at?"
           FROM brandings
           WHERE org_id = $1"#,
        org_id,
    )
    .fetch_optional(conn)
    .await?;
    row.map_or_else(|| Ok(StoredBranding::default()), StoredBranding::try_from)
}

/// Says it anew, whole; the logo stays.
///
/// # Errors
/// [`StoreError::Conflict`] by the rule of a column.
pub async fn put(tx: &mut OrgTx, branding: &Branding, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO brandings
               (org_id, name, accent_color, background_color, sender_name, sender_email, support_email,
                hide_powered_by, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (org_id) DO UPDATE
           SET name = $2,
               accent_color = $3,
               background_color = $4,
               sender_name = $5,
               sender_email = $6,
               support_email = $7,
               hide_powered_by = $8,
               updated_at = $9"#,
        org_id,
        branding.name,
        branding.accent_color.map(String::from),
        branding.background_color.map(String::from),
        branding.sender_name,
        branding.sender_email,
        branding.support_email,
        branding.hide_powered_by,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Exchanges the logo; `None` takes it away.
///
/// # Errors
/// [`StoreError::Conflict`] by `brandings_logo_type_known`.
pub async fn set_logo(tx: &mut OrgTx, logo: Option<&Logo>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"INSERT INTO brandings (org_id, logo_key, logo_type, updated_at)
           VALUES ($1, $2, $3, $4)
           ON CONFLICT (org_id) DO UPDATE SET logo_key = $2, logo_type = $3, updated_at = $4"#,
        org_id,
        logo.map(|logo| logo.key.as_str()),
        logo.map(|logo| logo.media_type.as_str()),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What an organization and those above it say, itself first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn chain(tx: &mut SystemTx, org_id: OrgId) -> Result<Vec<StoredBranding>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"WITH RECURSIVE chain AS (
               SELECT id, parent_id, 0 AS depth FROM organizations WHERE id = $1
               UNION ALL
               SELECT o.id, o.parent_id, c.depth + 1 FROM organizations o JOIN chain c ON o.id = c.parent_id
           )
           SELECT b.name, b.accent_color, b.background_color, b.sender_name, b.sender_email, b.support_email,
                  b.hide_powered_by, b.logo_key, b.logo_type, b.updated_at AS "updated_at?"
           FROM chain c
           JOIN brandings b ON b.org_id = c.id
           ORDER BY c.depth"#,
        org_id.0,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(StoredBranding::try_from).collect()
}
