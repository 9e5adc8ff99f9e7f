//! The tenant's record, so that a tenant that leaves in these very minutes does not get an account
//! that nothing takes back: before an account is made the record says so, unless the tenant has
//! left; and as soon as an account is known the record names it, and an offboarding finds it.

use lambda_kit::sdk::Trouble;
use lifecycle::tags;
use serde_json::{Map, Value, json};
use tenant_records::{Creating, Signup, TenantRecord};

use super::{Attempt, Halt};
use crate::decide::{Awaited, Facts};
use crate::error::Error;

impl Attempt<'_> {
    /// Says in the record that an account may be made now.
    ///
    /// # Errors
    /// `TenantLeft`, when it left after this signup.
    pub(super) async fn begin(&self) -> Result<(), Halt> {
        let document = self.document;
        let creating = Creating {
            event_id: document.event_id.clone(),
            since: self.now,
            signed_up_at: Some(document.signed_up_at),
        };
        let begun = self
            .app
            .records
            .begin(&document.tenant_id, document.signed_up_at, &self.signup(), &creating)
            .await;
        let begun = begun.map_err(|trouble| self.record_trouble(trouble))?;
        match begun.answer {
            Signup::Welcome => Ok(()),
            Signup::Left => Err(self.left(&begun.record)),
        }
    }

    /// Names the account in the record. When the record says that the tenant has left, and the
    /// account does not yet, its offboarding finds it by this, and is waited for.
    pub(super) async fn know(&self, facts: &Facts) -> Result<(), Halt> {
        let document = self.document;
        let records = &self.app.records;
        let known = records.know(&document.tenant_id, document.signed_up_at, &facts.id).await;
        match known.map_err(|trouble| self.record_trouble(trouble))?.answer {
            Signup::Welcome => Ok(()),
            Signup::Left => {
                let because = format!(
                    "its tenant has left, and account {} is taken out of service",
                    facts.id
                );
                Err(Halt::Wait(Awaited::Account { since: self.now }, because))
            }
        }
    }

    /// Names an account in the record that ends this onboarding, as far as the record can be written.
    pub(super) async fn note(&self, facts: &Facts) {
        let tenant = &self.document.tenant_id;
        let noted = self.app.records.found(tenant, &facts.id, facts.is_closed()).await;
        if let Err(trouble) = noted {
            let refusal = trouble.refusal();
            tracing::warn!(tenant.id = %tenant, "the record is as it was: {refusal}");
        }
    }

    /// The account that the record names, when it is another than these and the tenant's.
    pub(super) async fn recorded_account(&self, found: &[Facts]) -> Result<Option<Facts>, Halt> {
        let tenant = &self.document.tenant_id;
        let record = self.app.records.read(tenant).await;
        let record = record.map_err(|trouble| self.record_trouble(trouble))?;
        let Some(id) = record.and_then(|record| record.account_id) else { return Ok(None) };
        if found.iter().any(|facts| facts.id == id) {
            return Ok(None);
        }
        Ok(self.facts(&id).await?.filter(|facts| facts.belongs_to(tenant)))
    }

    /// No account comes of this execution, for AWS refuses it for good: an offboarding need not
    /// wait for one. A record that can not be written now costs that offboarding a day at most.
    pub(super) async fn give_up(&self, error: &Error) {
        if !error.means_no_account() {
            return;
        }
        let document = self.document;
        let given_up = self.app.records.give_up(&document.tenant_id, &document.event_id).await;
        if let Err(trouble) = given_up {
            let refusal = trouble.refusal();
            tracing::warn!(tenant.id = %document.tenant_id, "the record is as it was: {refusal}");
        }
    }

    fn left(&self, record: &TenantRecord) -> Halt {
        let left_at = record.newest_lifecycle.as_ref().map_or(self.now, |wish| wish.occurred_at);
        let tenant = self.document.tenant_id.clone();
        Error::TenantLeft { tenant, account: record.account_id.clone(), left_at }.into()
    }

    /// The signup, as far as the document says it: for a tenant that comes back without ever having
    /// had an account.
    fn signup(&self) -> Value {
        let document = self.document;
        let own: Map<String, Value> = document
            .tags
            .iter()
            .filter(|(key, _)| !key.starts_with(tags::RESERVED_PREFIX))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let id = document.original_tenant_id.as_deref().unwrap_or(document.tenant_id.as_str());
        let mut signup = json!({
            "tenantId": id, "tenantName": document.tenant_name, "tier": document.tier, "tags": own,
        });
        if let Some(fields) = signup.as_object_mut() {
            if document.email_is_given {
                fields.insert("rootEmail".to_owned(), json!(document.email));
            }
            if !document.metadata.is_empty() {
                fields.insert("metadata".to_owned(), document.metadata.clone().into());
            }
        }
        signup
    }

    fn record_trouble(&self, trouble: Trouble) -> Halt {
        let tenant = self.document.tenant_id.clone();
        match trouble {
            Trouble::Passing(refusal) => Halt::Wait(Awaited::Aws, refusal.to_string()),
            Trouble::Refused(refusal) if refusal.is_denial() => {
                Error::AccessDenied { tenant, refusal }.into()
            }
            Trouble::Refused(refusal) => Error::AwsRefused { tenant, refusal }.into(),
        }
    }
}
