//! Writes: one token for each, kept for its retries, so that a repeated call is the same write.

use std::fmt::Write as _;

use super::{OURS, SecretsManager};
use crate::secret::SecretBytes;
use crate::sync::{Fault, Step, TargetError, Written, aws};

const CREATE: &str = "secretsmanager:CreateSecret";
const PUT: &str = "secretsmanager:PutSecretValue";

impl SecretsManager {
    /// Makes an object, or puts a new version on top of the one that was observed.
    pub(super) async fn write(
        &self,
        step: &Step<'_>,
        payload: &SecretBytes,
    ) -> Result<Written, TargetError> {
        let name = step.desired.name.as_str();
        let token = token()?;
        match step.seen {
            None => self.create(name, payload, &token).await?,
            Some(seen) => {
                // There is no conditional write: what is there now is looked at once more.
                let names = [name.to_owned()];
                let now = self.read(&names).await?.pop().unwrap_or(Ok(None))?;
                if now.is_none_or(|now| now.version != seen.version) {
                    return Err(TargetError::new(
                        Fault::Conflict,
                        format!("somebody else wrote {name} at the same time"),
                    )
                    .hint("run the command again"));
                }
                self.put(name, payload, &token).await?;
            }
        }
        Ok(Written { version: token })
    }

    async fn create(
        &self,
        name: &str,
        payload: &SecretBytes,
        token: &str,
    ) -> Result<(), TargetError> {
        let request = self.client.create_secret().name(name);
        let request = request
            .secret_string(text(payload)?)
            .client_request_token(token)
            .set_kms_key_id(self.config.kms_key.clone());
        let Err(error) = request.send().await else {
            return Ok(());
        };
        if aws::code(&error) == Some("ResourceExistsException")
            && let Some(described) = self.describe(name).await?
            && !described.has_value
        {
            // Made by somebody without a value: there is nothing to overwrite.
            return self.put(name, payload, token).await;
        }
        if aws::code(&error) == Some("InvalidRequestException") {
            self.describe(name).await?;
        }
        Err(aws::explain(&error, CREATE, name))
    }

    async fn put(&self, name: &str, payload: &SecretBytes, token: &str) -> Result<(), TargetError> {
        let request = self.client.put_secret_value().secret_id(name);
        let request = request
            .secret_string(text(payload)?)
            .client_request_token(token);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(aws::explain(&error, PUT, name)),
        }
    }
}

/// A new token: it becomes the version's id and says whose it is.
fn token() -> Result<String, TargetError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|_| TargetError::new(Fault::Unexpected, "the system has no randomness"))?;
    let mut token = String::with_capacity(OURS.len() + 2 * random.len());
    token.push_str(OURS);
    for byte in random {
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

/// The payload as the service's client takes it; that copy is the client's and not zeroed.
fn text(payload: &SecretBytes) -> Result<String, TargetError> {
    String::from_utf8(payload.expose().to_vec()).map_err(|error| {
        drop(zeroize::Zeroizing::new(error.into_bytes()));
        TargetError::new(Fault::Invalid, "the value is no text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_our_prefix_and_the_length_that_the_service_takes() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert!(one.starts_with("clsecrets-"));
        assert_eq!(one.len(), 42);
        assert_ne!(one, two);
    }
}
