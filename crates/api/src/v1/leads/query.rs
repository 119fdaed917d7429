//! Which leads are listed.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, LeadId, UserId};
use domain::leads::Priority;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::leads::{LeadFilter, LeadStatus};
use store::page::Span;
use utoipa::IntoParams;

use super::LeadOrder;
use crate::v1::page::{Ids, Listing, moment};

/// Which leads are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeadsQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<LeadOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<LeadId>>,
    /// Only leads whose name, company, address, number or notes contain this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only leads that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(open|contacted|qualified|won|lost)$")]
    status: Option<LeadStatus>,
    /// Only leads this pressing.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(LOW|NORMAL|HIGH|URGENT)$")]
    priority: Option<Priority>,
    /// Only leads from there: `voice`, `chat` or `manual`.
    #[garde(pattern(r"^(voice|chat|manual)$"))]
    #[param(pattern = "^(voice|chat|manual)$")]
    source: Option<String>,
    /// Only leads with every required answer, or only those without.
    #[garde(skip)]
    complete: Option<bool>,
    /// Only leads that this person looks after.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    assignee_id: Option<UserId>,
    /// Only leads whose latest conversation was this.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// Only leads with this number (E.164).
    #[garde(length(chars, max = 20))]
    #[param(max_length = 20)]
    phone: Option<String>,
    /// Only leads taken at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only leads taken before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for LeadsQuery {
    const NOUN: &'static str = "leads";
    type Order = LeadOrder;

    fn order(&self) -> Option<LeadOrder> {
        self.sort
    }
}

impl From<&LeadsQuery> for LeadFilter {
    fn from(query: &LeadsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            status: query.status,
            priority: query.priority,
            source: query.source.clone(),
            complete: query.complete,
            assignee_id: query.assignee_id,
            call_id: query.call_id,
            phone: query.phone.clone(),
            contains: query.q.clone(),
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}
