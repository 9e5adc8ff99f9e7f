//! The commands that mend a finding, as a person pastes them into a shell.

use jiff::Timestamp;
use lifecycle::{AccountId, ParentId, TenantId};
use serde_json::{Value, json};

/// How events are sent to Landlord: the bus, and the sources that its rules take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// The bus.
    pub bus: String,
    /// The source of signups and changes.
    pub signups: String,
    /// The source of offboardings and reinstatements.
    pub offboardings: String,
}

impl Events {
    fn put(&self, source: &str, detail_type: &str, detail: &Value) -> String {
        let entries = json!([{
            "EventBusName": self.bus, "Source": source, "DetailType": detail_type,
            "Detail": detail.to_string(),
        }]);
        format!("aws events put-events --entries {}", quoted(&entries.to_string()))
    }

    /// The tenant has left, once more.
    pub(crate) fn offboarded(&self, tenant: &TenantId, at: Timestamp) -> String {
        let detail = json!({ "tenantId": tenant, "occurredAt": at });
        self.put(&self.offboardings, "TenantOffboarded", &detail)
    }

    /// The tenant is back, once more.
    pub(crate) fn reinstated(&self, tenant: &TenantId, at: Timestamp) -> String {
        let detail = json!({ "tenantId": tenant, "occurredAt": at });
        self.put(&self.offboardings, "TenantReinstated", &detail)
    }

    /// The tenant signs up, once more.
    pub(crate) fn signed_up(&self, tenant: &str, name: &str, tier: &str) -> String {
        let detail = json!({ "tenantId": tenant, "tenantName": name, "tier": tier });
        self.put(&self.signups, "TenantSignedUp", &detail)
    }
}

/// All that the tenant should have is looked at, and given.
pub(crate) fn converge(tenant: &TenantId) -> String {
    format!("landlord converge {tenant}")
}

/// What is known of the tenant.
pub(crate) fn look(tenant: &TenantId) -> String {
    format!("landlord tenant {tenant}")
}

pub(crate) fn move_account(account: &AccountId, from: &ParentId, to: &str) -> String {
    format!(
        "aws organizations move-account --account-id {account} --source-parent-id {} \
         --destination-parent-id {to}",
        from.as_str()
    )
}

pub(crate) fn tag(account: &AccountId, key: &str, value: &str) -> String {
    let tag = quoted(&format!("Key={key},Value={value}"));
    format!("aws organizations tag-resource --resource-id {account} --tags {tag}")
}

pub(crate) fn untag(account: &AccountId, key: &str) -> String {
    format!("aws organizations untag-resource --resource-id {account} --tag-keys {key}")
}

pub(crate) fn delete_instance(
    account: &AccountId,
    (stack_set, region): (&str, &str),
    retain: bool,
) -> String {
    let retain = if retain { "--retain-stacks" } else { "--no-retain-stacks" };
    format!(
        "aws cloudformation delete-stack-instances --stack-set-name {stack_set} --accounts {account} \
         --regions {region} {retain}"
    )
}

/// One word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.:/@+".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
