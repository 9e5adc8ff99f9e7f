//! The records of many tenants: S3 has no call for that, so some are read beside each other.

use std::collections::BTreeMap;

use fleet_audit::Recorded;
use lambda_kit::sdk::Trouble;
use lifecycle::TenantId;
use tenant_records::{TenantRecord, TenantRecords, Wish};
use tokio::task::JoinSet;

/// How many are read beside each other.
const BESIDE: usize = 16;

/// The records of these tenants; nothing for who has none.
///
/// # Errors
/// Whatever S3 answers, and a file that is no record.
pub async fn read_records(
    records: &TenantRecords,
    tenants: impl IntoIterator<Item = TenantId>,
) -> Result<BTreeMap<TenantId, Option<Recorded>>, Trouble> {
    let mut tenants = tenants.into_iter();
    let mut reads = JoinSet::new();
    let mut all = BTreeMap::new();
    loop {
        while reads.len() < BESIDE {
            let Some(tenant) = tenants.next() else { break };
            let records = records.clone();
            reads.spawn(async move {
                let read = Box::pin(records.read(&tenant)).await;
                (tenant, read)
            });
        }
        match reads.join_next().await {
            None => return Ok(all),
            Some(Ok((tenant, read))) => {
                all.insert(tenant, read?.as_ref().map(recorded));
            }
            // Nobody aborts them, and none panics.
            Some(Err(_)) => {}
        }
    }
}

/// What of a record matters to an audit.
pub fn recorded(record: &TenantRecord) -> Recorded {
    let wish = record.newest_lifecycle.as_ref();
    let at = |kind: Wish| wish.filter(|it| it.wish == kind).map(|it| it.occurred_at);
    let wanted = record.wanted.as_ref();
    let said = wanted.iter().flat_map(|it| &it.tags);
    Recorded {
        account: record.account_id.clone(),
        left_at: at(Wish::Left),
        back_at: at(Wish::Back),
        tier: wanted.and_then(|it| it.tier.as_ref()).map(|said| said.value.clone()),
        name: wanted.and_then(|it| it.tenant_name.as_ref()).map(|said| said.value.to_string()),
        tags: said.map(|(key, said)| (key.clone(), said.value.clone())).collect(),
        parameters: record.own_parameters(),
    }
}
