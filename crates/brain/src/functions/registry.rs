//! All functions there are for a business, for people who set up an agent elsewhere: which, with what arguments, for whom.

use domain::call_plan::{CallPlan, Caller, ClientMemory, KnownClient};
use domain::ids::ClientId;
use provider_traits::functions::FunctionSpec;
use uuid::Uuid;

use super::catalogue;

/// Who may use a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every caller.
    Everybody,
    /// Callers who are recognised as a client, or have proved to be one.
    Clients,
    /// Callers who are not recognised.
    Strangers,
}

/// A function and who may use it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The function.
    pub spec: FunctionSpec,
    /// Who may use it.
    pub audience: Audience,
}

/// The functions of a business whose calls have plans like this one, whoever calls.
#[must_use]
pub fn registry(plan: &CallPlan) -> Vec<Registered> {
    let somebody = KnownClient { id: ClientId(Uuid::nil()), name: String::new(), person: None };
    let of = |client: Option<KnownClient>| {
        let caller = Caller {
            number: plan.caller.number.clone(),
            may_identify: client.is_none() && plan.caller.may_identify,
            client,
            memory: ClientMemory::default(),
        };
        catalogue::specs(&CallPlan { caller, ..plan.clone() })
    };
    let (clients, strangers) = (of(Some(somebody)), of(None));
    // Listed for strangers too when they may identify themselves, but of use only once they have.
    let for_clients = ["get_project_status", "list_projects"];
    let known = |specs: &[FunctionSpec], name: &str| specs.iter().any(|spec| spec.tool.name == name);
    let mut all = Vec::new();
    for spec in &clients {
        let name = spec.tool.name.as_str();
        let everybody = known(&strangers, name) && !for_clients.contains(&name);
        let audience = if everybody { Audience::Everybody } else { Audience::Clients };
        all.push(Registered { spec: spec.clone(), audience });
    }
    for spec in strangers {
        if !known(&clients, &spec.tool.name) {
            all.push(Registered { spec, audience: Audience::Strangers });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::{Who, plan};

    #[test]
    fn every_function_is_listed_once_with_who_may_use_it() {
        let mut plan = plan(Who::Stranger);
        plan.caller.may_identify = true;
        let all = registry(&plan);
        let audience = |name: &str| {
            let found: Vec<Audience> =
                all.iter().filter(|one| one.spec.tool.name == name).map(|one| one.audience).collect();
            assert_eq!(found.len(), 1, "{name}");
            found[0]
        };
        assert_eq!(audience("get_project_status"), Audience::Clients);
        assert_eq!(audience("list_projects"), Audience::Clients);
        assert_eq!(audience("save_lead_answer"), Audience::Everybody);
        assert_eq!(audience("identify_client"), Audience::Strangers);
        assert_eq!(audience("verify_client"), Audience::Strangers);
    }
}
