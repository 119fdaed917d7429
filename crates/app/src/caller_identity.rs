//! A caller with a strange number who says that they are a client: proved by a one-time code that is sent to the address
//! on file.
//!
//! Whoever asks must not learn who is a client. So the answer is the same for a key that nobody is known by, an entry is
//! made for it as for the others, and the limits count it; only no e-mail goes out.

use std::sync::Arc;

use aws_lc_rs::constant_time;
use chrono::TimeDelta;
use domain::call_plan::CallPlan;
use domain::plans::Feature;
use letters::kinds;
use provider_traits::tools::{ClientKey, ToolError, Verification};
use store::client_verifications::{self, NewVerification};
use store::clients::{self, Reachable};
use store::tx::OrgTx;
use uuid::Uuid;

use crate::auth::tokens;
use crate::conversation_tools::failed;
use crate::error::AppError;
use crate::notifications::house;
use crate::runtime::App;

/// How long a code is good.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// How often a code may be tried.
const TRIES: i16 = 3;
/// Most codes of one call.
const MOST_IN_CALL: u64 = 3;
/// Most codes for one client within [`CLIENT_WINDOW`], whoever asks: nine tries an hour at a million codes.
const MOST_OF_CLIENT: u64 = 3;
/// See [`MOST_OF_CLIENT`].
const CLIENT_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Digits of a code.
const DIGITS: usize = 6;

/// Sends a code, if there is whom to send it to and no limit is reached. The asker can't tell.
pub(crate) async fn send_code(app: &Arc<App>, plan: &CallPlan, key: &ClientKey) -> Result<(), ToolError> {
    let mut tx = OrgTx::begin(&app.db, plan.org_id).await.map_err(failed)?;
    if !store::plans::entitlements(&mut tx).await.map_err(failed)?.allows(Feature::ClientRecognition) {
        return Err(ToolError::NotAllowed);
    }
    let found = match key {
        ClientKey::Email(email) => clients::reachable_by_email(&mut tx, email).await,
        ClientKey::Code(code) => clients::reachable_by_code(&mut tx, code).await,
        // Numbers are faked; the caller's own was looked up when the call came in.
        ClientKey::Phone(_) => {
            return Err(ToolError::BadArgument("by must be email or client_number".to_owned()));
        }
    }
    .map_err(failed)?;
    let now = app.ambient.now();
    let client_id = found.as_ref().map(|found| found.client);
    let asked = client_verifications::count(&mut tx, plan.call_id, client_id, now - CLIENT_WINDOW)
        .await
        .map_err(failed)?;
    if asked.in_call >= MOST_IN_CALL {
        tracing::info!(call.id = %plan.call_id, "a caller asked for too many codes");
        return Ok(());
    }
    let found = found.filter(|_| asked.of_client < MOST_OF_CLIENT);
    let id = app.ambient.new_id();
    let code = draw().map_err(|error| ToolError::Failed(error.to_string()))?;
    let entry = NewVerification {
        id,
        call_id: plan.call_id,
        client_id: found.as_ref().map(|found| found.client),
        person: found.as_ref().and_then(|found| found.person.clone()),
        code_hash: hash(id, &code),
        tries: TRIES,
        created_at: now,
        expires_at: now + LIFE,
    };
    client_verifications::insert(&mut tx, &entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    if let Some(found) = found {
        send(app, plan, id, &code, found);
    }
    Ok(())
}

/// In the background: how long it takes would tell that there is an address. A code that can't be sent now is of no use
/// later; the caller asks for another, or leaves a message.
fn send(app: &Arc<App>, plan: &CallPlan, id: Uuid, code: &str, found: Reachable) {
    let draft = kinds::caller_code(&plan.business.name, code);
    let (app, call_id, org_id) = (Arc::clone(app), plan.call_id, plan.org_id);
    let key = format!("caller-code/{}", id.simple());
    app.tasks.clone().spawn(async move {
        let sent = async {
            let message = house::write(&app, org_id, &draft, found.email, None, key).await?;
            Ok::<_, AppError>(app.email.send(&message).await?)
        };
        if let Err(error) = sent.await {
            tracing::warn!(call.id = %call_id, %error, "a caller's code could not be sent");
        }
    });
}

/// Checks a code against the one that was made last in this call.
pub(crate) async fn verify(app: &App, plan: &CallPlan, code: &str) -> Result<Verification, ToolError> {
    if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ToolError::BadArgument(format!("a code has {DIGITS} digits")));
    }
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, plan.org_id).await.map_err(failed)?;
    let Some(open) = client_verifications::try_newest(&mut tx, plan.call_id, now).await.map_err(failed)?
    else {
        return Ok(Verification::Over);
    };
    let right = constant_time::verify_slices_are_equal(&open.code_hash, &hash(open.id, code)).is_ok();
    let outcome = match open.client_id.filter(|_| right) {
        Some(client) => {
            client_verifications::use_up(&mut tx, open.id, now).await.map_err(failed)?;
            store::calls::life::set_client(&mut tx, plan.call_id, client).await.map_err(failed)?;
            let known = client_verifications::verified(&mut tx, plan.call_id).await.map_err(failed)?;
            // Hidden from the phone meanwhile.
            known.map_or(Verification::Over, Verification::Verified)
        }
        None if open.tries_left > 0 => Verification::Wrong { tries_left: open.tries_left },
        None => Verification::Over,
    };
    // A wrong one costs its try.
    tx.commit().await.map_err(failed)?;
    Ok(outcome)
}

fn draw() -> Result<String, AppError> {
    // Eight bytes: no code is likelier than another by more than one in 10¹³.
    let number = u64::from_be_bytes(tokens::random::<8>()?) % 10u64.pow(DIGITS as u32);
    Ok(format!("{number:06}"))
}

/// What is stored of a code. It can be guessed from that within its ten minutes, by whoever reads the database, and
/// there everything that it protects stands as well.
fn hash(id: Uuid, code: &str) -> [u8; 32] {
    tokens::hash(&format!("caller code {id} {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_is_kept_for_its_entry_alone() {
        for _ in 0..50 {
            let code = draw().expect("randomness");
            assert!(code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
        assert_ne!(hash(Uuid::from_u128(1), "123456"), hash(Uuid::from_u128(2), "123456"));
    }
}
