//! What is sent to the interface is read strictly: a problem document names the field that is wrong, and repeats nothing of
//! what stood there.

use super::super::problem::Problem;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::{Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The body, as JSON (RFC 8259).
pub struct Body<T>(pub T);

/// The query, each name at most once.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON, of the media type application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes =
            bytes.map_err(|rejection| Problem::new(rejection.status(), "the body cannot be read, or is too long"))?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = read(&mut json)?;
        json.end().map_err(|error| unreadable(&error))?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|rejection| Problem::new(rejection.status(), "the query cannot be read"))?;
        let mut fields = Map::new();
        for (name, value) in pairs {
            if fields.insert(name.clone(), Value::String(value)).is_some() {
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "it is given twice").about(Some(name)));
            }
        }
        read(Value::Object(fields)).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn read<'de, T: DeserializeOwned, D: Deserializer<'de, Error = serde_json::Error>>(from: D) -> Result<T, Problem> {
    serde_path_to_error::deserialize(from).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return unreadable(&error);
        }
        let said = error.to_string();
        // Where in the text it stood says less than the name does.
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        let detail = match said.split_once(", expected ") {
            Some((wrong, expected)) if wrong.starts_with("invalid ") => format!("expected {expected}"),
            Some(_) | None => said.to_owned(),
        };
        // A name that is missing, unknown or given twice stands in the text alone.
        let named = said.split('`').nth(1).filter(|_| said.contains(" field `")).map(str::to_owned);
        let field = named.or_else(|| (path != ".").then_some(path));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).about(field)
    })
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let place = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    Problem::new(StatusCode::BAD_REQUEST, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewAccount;

    fn refused(json: &str) -> Value {
        let problem = read::<NewAccount, _>(&mut serde_json::Deserializer::from_str(json)).err().unwrap();
        serde_json::to_value(problem).unwrap()
    }

    #[test]
    fn a_problem_names_the_field_and_says_nothing_of_its_value() {
        for (json, status, field, detail) in [
            (r#"{"login":"a","role":"user","password":12345}"#, 422, "password", "expected a string"),
            (
                r#"{"login":"a","role":"boss","password":"p"}"#,
                422,
                "role",
                "expected administrator, supervisor or user",
            ),
            (r#"{"login":"a","role":"user"}"#, 422, "password", "missing field `password`"),
            (r#"{"login":"a","login":"b"}"#, 422, "login", "duplicate field `login`"),
            (
                r#"{"login":"a b","role":"user","password":"p"}"#,
                422,
                "login",
                "expected 1 to 64 characters without spaces",
            ),
            (r#"{"login":null,"role":"user","password":"p"}"#, 422, "login", "expected a string"),
        ] {
            let problem = refused(json);
            let said = (problem["status"].as_u64().unwrap(), problem["field"].as_str(), problem["detail"].as_str());
            assert_eq!(said, (status, Some(field), Some(detail)), "{json}");
        }
        assert_eq!(refused(r#"{"loud":true}"#)["field"], "loud");
        assert_eq!(refused("{").get("status").unwrap(), 400);
        assert_eq!(refused("[]")["status"], 422);
    }
}
