//! Which failure of a use case or of storage is which problem.

use app::error::AppError;
use store::StoreError;

use super::ApiError;

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::NotFound { noun } => Self::NotFound(noun),
            AppError::Conflict { reason } => Self::Conflict(reason),
            AppError::Invalid { field, message } => Self::field(field, message),
            AppError::InvalidFields { errors } => Self::Invalid(errors),
            AppError::TooMany { retry_after_s } => Self::TooMany { retry_after_s },
            AppError::WrongCredentials => Self::WrongCredentials,
            AppError::SecondFactorRequired => Self::SecondFactorRequired,
            AppError::WrongSecondFactor => Self::WrongSecondFactor,
            AppError::SingleSignOnRequired { org_id } => Self::SingleSignOnRequired(org_id),
            AppError::SingleSignOnFailed { reason } => Self::SingleSignOnFailed(reason),
            AppError::SignedOut => Self::Unauthenticated,
            AppError::CsrfMissing => Self::CsrfMissing,
            AppError::PersonNeeded => Self::PersonNeeded,
            AppError::OutOfDate => Self::OutOfDate,
            AppError::Forbidden { permission } => Self::Forbidden(permission),
            AppError::PlanRequired { feature } => Self::PlanRequired(feature),
            AppError::LimitReached { limit, most } => Self::LimitReached { limit, most },
            AppError::Suspended => Self::Suspended,
            AppError::Store(error) => error.into(),
            AppError::Provider(error) => Self::Unavailable(error.to_string()),
            AppError::Sessions(error) => Self::Unavailable(error.to_string()),
            error @ (AppError::Spool { .. } | AppError::Secret(_) | AppError::Bug(_)) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { noun } => Self::NotFound(noun),
            StoreError::Conflict { constraint } => {
                Self::Conflict(format!("this contradicts what is stored (rule {constraint})"))
            }
            StoreError::Unavailable { reason } | StoreError::Unsuitable { reason } => {
                Self::Unavailable(reason)
            }
            StoreError::Bug { reason } => Self::Internal(reason),
        }
    }
}
