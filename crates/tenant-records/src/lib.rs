#![doc = include_str!("../README.md")]

mod record;
#[cfg(test)]
mod tests;
mod wanted;

use jiff::Timestamp;
use lambda_kit::sdk::{Refusal, Trouble, Wire};
use lifecycle::{AccountId, TenantChanged, TenantId};
use run_files::{Condition, Files};
use serde_json::Value;

pub use record::{Changed, Creating, LifecycleWish, Received, Signup, TenantRecord, Wish};
pub use wanted::{Recorded, Said, Wanted};

/// How often a change is tried when another was faster.
const ATTEMPTS: u32 = 8;

/// The records of all tenants.
#[derive(Debug, Clone)]
pub struct TenantRecords {
    files: Files,
}

/// Where a tenant's record is.
pub fn key(tenant: &TenantId) -> String {
    format!("tenants/{tenant}.json")
}

impl TenantRecords {
    /// The records in this bucket.
    pub fn new(wire: &Wire, bucket: impl Into<String>) -> Self {
        Self { files: Files::new(wire, bucket) }
    }

    /// The tenant's record; nothing when there is none.
    ///
    /// # Errors
    /// Whatever S3 answers but that, and a file that is no record.
    pub async fn read(&self, tenant: &TenantId) -> Result<Option<TenantRecord>, Trouble> {
        self.files.read_json(&key(tenant)).await
    }

    /// Remembers what a lifecycle event wishes, if it is the newest.
    ///
    /// # Errors
    /// Whatever S3 answers; `Passing` when others were faster eight times.
    pub async fn wish(
        &self,
        tenant: &TenantId,
        wish: &LifecycleWish,
    ) -> Result<Changed<Received>, Trouble> {
        self.change(tenant, |record| record.take(wish)).await
    }

    /// What a signup finds that was sent at this moment. When its tenant has left, its detail is
    /// kept, for a tenant that comes back. One read for a tenant that has not.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn admit(
        &self,
        tenant: &TenantId,
        signed_up_at: Timestamp,
        detail: &Value,
    ) -> Result<Changed<Signup>, Trouble> {
        self.change(tenant, |record| record.admit(signed_up_at, detail)).await
    }

    /// Before an account is made for the signup: remembers that there may be one soon, unless the
    /// tenant has left.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn begin(
        &self,
        tenant: &TenantId,
        signed_up_at: Timestamp,
        detail: &Value,
        creating: &Creating,
    ) -> Result<Changed<Signup>, Trouble> {
        self.change(tenant, |record| record.begin(signed_up_at, detail, creating)).await
    }

    /// Remembers the tenant's account, and says what the signup finds.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn know(
        &self,
        tenant: &TenantId,
        signed_up_at: Timestamp,
        account: &AccountId,
    ) -> Result<Changed<Signup>, Trouble> {
        self.change(tenant, |record| record.know(signed_up_at, account)).await
    }

    /// Remembers an account of the tenant that was found by its tag. A closed one is remembered only
    /// while no other is known, for it is of the past.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn found(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        is_closed: bool,
    ) -> Result<(), Trouble> {
        self.change(tenant, |record| record.found(account, is_closed)).await.map(|_| ())
    }

    /// Remembers what the tenant of this account is to have from now on, as far as the event is the
    /// newest that says it. The wishes for an earlier account of the tenant are forgotten.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn want(
        &self,
        account: &AccountId,
        event: &TenantChanged,
        event_id: &str,
    ) -> Result<Changed<Recorded>, Trouble> {
        self.change(&event.tenant_id, |record| record.want(account, event, event_id)).await
    }

    /// Remembers that no account will come of a signup.
    ///
    /// # Errors
    /// As [`TenantRecords::wish`].
    pub async fn give_up(&self, tenant: &TenantId, event_id: &str) -> Result<(), Trouble> {
        self.change(tenant, |record| record.give_up(event_id)).await.map(|_| ())
    }

    /// An optimistic lock: read, change, write if it is still what was read. A change that changes
    /// nothing writes nothing.
    async fn change<T>(
        &self,
        tenant: &TenantId,
        change: impl Fn(&mut TenantRecord) -> T,
    ) -> Result<Changed<T>, Trouble> {
        let key = key(tenant);
        for _ in 0..ATTEMPTS {
            // Boxed: the SDK's futures lie deep within each other.
            let file = Box::pin(self.files.read(&key)).await?;
            let before = match &file {
                Some(file) => serde_json::from_str(&file.text).map_err(|error| {
                    Trouble::Refused(refusal("GetObject", "NotARecord", &key, &error.to_string()))
                })?,
                None => TenantRecord::new(tenant.clone()),
            };
            let mut record = before.clone();
            let answer = change(&mut record);
            if record == before {
                return Ok(Changed { record, answer });
            }
            let condition = match &file {
                Some(file) => Condition::Unchanged(&file.etag),
                None => Condition::Absent,
            };
            let text = serde_json::to_string(&record).map_err(|error| {
                Trouble::Refused(refusal("PutObject", "NotJson", &key, &error.to_string()))
            })?;
            if Box::pin(self.files.write(&key, text, condition)).await? {
                return Ok(Changed { record, answer });
            }
        }
        let message = format!("others changed it {ATTEMPTS} times in between");
        Err(Trouble::Passing(refusal("PutObject", "Contended", &key, &message)))
    }
}

fn refusal(call: &'static str, code: &str, key: &str, message: &str) -> Refusal {
    Refusal { service: "s3", call, code: code.into(), message: format!("{key}: {message}").into() }
}
