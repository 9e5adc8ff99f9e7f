//! What Organizations tells EventBridge, in us-east-1 of the management account.

use serde_json::{Value, json};

use crate::{Aws, Call};

/// Tells of something that ended: `CreateAccountResult`, `CloseAccountResult`. AWS delivers
/// these on a best-effort basis, and so does this.
pub(super) async fn publish(aws: &Aws, name: &str, details: Value) {
    let account = aws.settings().management_account.clone();
    let now = aws.now();
    let detail = json!({
        "eventVersion": "1.08",
        "userIdentity": {"accountId": account, "invokedBy": "AWS Internal"},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": "organizations.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "AWS Internal",
        "eventID": aws.uuid(),
        "readOnly": false,
        "eventType": "AwsServiceEvent",
        "recipientAccountId": account,
        "serviceEventDetails": details,
    });
    let call = Call::by_service(
        "organizations.amazonaws.com",
        "events",
        "PutEvents",
        (&account, "us-east-1"),
        json!({ "Entries": [{
            "Source": "aws.organizations",
            "DetailType": "AWS Service Event via CloudTrail",
            "Detail": detail.to_string(),
        }]}),
    );
    if let Err(error) = aws.perform(&call).await {
        tracing::debug!(%error, event = name, "an event of Organizations was not delivered");
    }
}

/// A time stamp as CloudTrail writes it here: `Sep 16, 2020 9:20:50 PM`.
pub(super) fn spoken(moment: jiff::Timestamp) -> String {
    moment.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}
