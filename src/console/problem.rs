use crate::{admin::NotDone, store::StoreError};
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The name of what was given that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The stable word of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            reason: None,
        }
    }

    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    pub fn about(self, field: Option<impl Into<String>>) -> Self {
        Self { field: field.map(Into::into), ..self }
    }

    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store or the engine does not answer: try again")
    }
}

impl From<NotDone> for Problem {
    fn from(NotDone { field, error }: NotDone) -> Self {
        let status = match (&error, field) {
            (StoreError::NoSuch { .. }, None) => StatusCode::NOT_FOUND,
            (StoreError::Taken { .. } | StoreError::OwnAccount, _) => StatusCode::CONFLICT,
            (StoreError::NoSuch { .. } | StoreError::Unusable { .. } | StoreError::Weak(_), _) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            (
                StoreError::Database(_)
                | StoreError::Unreachable(_)
                | StoreError::DiskFull
                | StoreError::ReadOnly
                | StoreError::UnknownScheme
                | StoreError::NewerSchema { .. }
                | StoreError::WrongKeyFile
                | StoreError::Key(_)
                | StoreError::Corrupt { .. }
                | StoreError::TamperedTrail
                | StoreError::Busy,
                _,
            ) => {
                tracing::error!(%error, "what an administrator wanted was not done because the store failed");
                return Self::unavailable();
            }
        };
        Self::new(status, error.to_string()).about(field)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        NotDone::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
