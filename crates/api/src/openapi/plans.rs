//! Which operations only a plan with a feature has, for readers of the document. The refusal itself is the handler's
//! (`Tenant::require`) or the use case's.

use domain::plans::Feature;

/// Operations by the beginning of their path; of those with `true` only what changes something.
pub(super) const OF_PLANS: &[(&str, bool, Feature)] =
    &[("/api/v1/knowledge-entries", true, Feature::KnowledgeManagement)];

/// The feature that an operation needs.
pub(super) fn feature_of(path: &str, changes: bool) -> Option<Feature> {
    OF_PLANS
        .iter()
        .find(|(start, only_changes, _)| path.starts_with(start) && (changes || !only_changes))
        .map(|(_, _, feature)| *feature)
}
