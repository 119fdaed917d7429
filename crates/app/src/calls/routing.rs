//! Where a call goes by its time: an agent, words and a message, or another telephone.

use chrono::{DateTime, Utc};
use domain::agent_versions::AgentSettings;
use domain::hours::BusinessHours;
use domain::ids::{AgentId, NumberId};
use domain::phone::PhoneNumber;
use domain::routing::{Decision, Destination, Routing};
use store::numbers::Number;
use store::organizations::Organization;
use store::{OrgTx, StoreError};

use crate::calls::inbound::Answer;
use crate::error::AppError;

/// What a caller would get.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The business's time zone.
    pub timezone: chrono_tz::Tz,
    /// Where to, and why.
    pub decision: Decision,
    /// The agent that would talk, with its name; `None` when none would.
    pub agent: Option<(AgentId, String)>,
    /// What the caller would hear before leaving a message; `None` when an agent or a telephone is next.
    pub words: Option<String>,
}

/// A call that was routed.
pub(crate) struct Routed {
    /// The agent that talks, or under whose name the call is kept.
    pub(crate) agent_id: AgentId,
    /// What it is like, as published.
    pub(crate) agent: AgentSettings,
    /// What happens when no agent talks.
    pub(crate) instead: Option<Answer>,
}

/// Routes a call.
pub(crate) async fn route(
    tx: &mut OrgTx,
    number: &Number,
    routing: &Routing,
    business: &Organization,
    at: DateTime<Utc>,
) -> Result<Routed, AppError> {
    let destination = decide(routing, business, at).destination;
    let (agent_id, agent) = agent_for(tx, number, &destination).await?;
    Ok(Routed { agent_id, agent, instead: spoken_or_forwarded(&destination, business, number) })
}

/// What happens when no agent can take a call that was meant for one. `usual` is said where a message is taken
/// without words of the business's own.
pub(crate) fn overflow(routing: &Routing, number: &Number, usual: String) -> Answer {
    let fallback = || {
        let to = number.fallback_number.as_deref()?;
        PhoneNumber::parse(to, None).ok().map(|number| Destination::Forward { number })
    };
    match routing.overflow.clone().or_else(fallback) {
        Some(Destination::Forward { number: to }) => forward(&to, number),
        Some(Destination::Message { text }) if !text.trim().is_empty() => Answer::message(text),
        Some(Destination::Message { .. } | Destination::Agent { .. }) | None => Answer::message(usual),
    }
}

fn decide(routing: &Routing, business: &Organization, at: DateTime<Utc>) -> Decision {
    routing.decide(at, timezone(business), &hours(business))
}

fn timezone(business: &Organization) -> chrono_tz::Tz {
    business.profile.timezone.parse().unwrap_or(chrono_tz::UTC)
}

/// The organization's own hours; who said nothing is always open.
fn hours(business: &Organization) -> BusinessHours {
    business.details.business_hours.clone().unwrap_or_default()
}

/// The agent of a destination. One that is gone is stood in for by the number's own: better a colleague than
/// nobody.
async fn agent_for(
    tx: &mut OrgTx,
    number: &Number,
    destination: &Destination,
) -> Result<(AgentId, AgentSettings), AppError> {
    if let Destination::Agent { agent_id: Some(id) } = destination {
        match store::agents::published(tx, *id).await {
            Ok(settings) => return Ok((*id, settings)),
            Err(StoreError::NotFound { .. }) => {
                tracing::warn!(number.id = %number.id, agent.id = %id, "a number leads to an agent that is gone");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((number.agent_id, store::agents::published(tx, number.agent_id).await?))
}

fn spoken_or_forwarded(
    destination: &Destination,
    business: &Organization,
    number: &Number,
) -> Option<Answer> {
    match destination {
        Destination::Agent { .. } => None,
        Destination::Forward { number: to } => Some(forward(to, number)),
        Destination::Message { text } => Some(Answer::message(words(text, business))),
    }
}

fn words(text: &str, business: &Organization) -> String {
    if !text.trim().is_empty() {
        return text.to_owned();
    }
    format!(
        "Thank you for calling {}. Nobody can take your call at the moment. Please leave a message after the tone, \
         and we will call you back.",
        business.name
    )
}

/// Shown to the person is the business's own number, not the caller's: carriers let nobody else's through.
fn forward(to: &PhoneNumber, number: &Number) -> Answer {
    Answer::Forward { to: to.as_str().to_owned(), caller_id: number.e164.clone() }
}

/// What a caller of a number would get at a moment. Changes nothing.
///
/// # Errors
/// Not found; storage errors.
pub async fn preview(tx: &mut OrgTx, id: NumberId, at: DateTime<Utc>) -> Result<Preview, AppError> {
    let number = store::numbers::get(tx, id).await?.number;
    let (routing, _) = store::numbers::routing(tx, id).await?;
    let business = store::organizations::get(tx).await?;
    let decision = decide(&routing, &business, at);
    let agent = match &decision.destination {
        Destination::Agent { .. } => {
            let (id, agent) = agent_for(tx, &number, &decision.destination).await?;
            Some((id, agent.name))
        }
        Destination::Message { .. } | Destination::Forward { .. } => None,
    };
    let words = match &decision.destination {
        Destination::Message { text } => Some(words(text, &business)),
        Destination::Agent { .. } | Destination::Forward { .. } => None,
    };
    Ok(Preview { timezone: timezone(&business), decision, agent, words })
}
