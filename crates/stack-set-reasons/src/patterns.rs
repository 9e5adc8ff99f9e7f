//! What is read out of text: the table of parts by which a reason is told. All in small letters.
//!
//! Most of a reason is written by a template's resources, so nothing here may excuse anything:
//! what claims an excuse is only a claim.

/// What a reason's words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// That the account is suspended or closed.
    ClaimsSuspension,
    /// That its gate said no.
    ClaimsVeto,
    /// That the execution role could not be taken: StackSets' own sentence.
    RoleMissing,
    /// That the account may not use a service yet.
    NotYet,
    /// That something is imported or read that is not there.
    MissingDependency,
    /// A throttle, or a fault that passes.
    Transient,
    /// That the change itself failed.
    Defect,
    /// Nothing that the table knows.
    Unknown,
}

/// The first row of which a part occurs decides. A throttle comes before a defect: "Resource
/// handler returned message: Rate exceeded" is a throttle.
const TABLE: [(Words, &[&str]); 6] = [
    (
        Words::ClaimsSuspension,
        &[
            "is suspended",
            "suspended account",
            "skipped_suspended_account",
            "account is closed",
            "pending_closure",
            "pending closure",
            "account is not active",
        ],
    ),
    (Words::ClaimsVeto, &["accountgate", "account gate"]),
    (
        Words::NotYet,
        &[
            "subscriptionrequired",
            "needs a subscription",
            "optinrequired",
            "not subscribed to this service",
            "account must be verified",
            "account is being verified",
            "account is currently being verified",
            "pending verification",
            "pendingverification",
            "pending activation",
            "region is being validated",
            "is not enabled for this account",
            "region is not enabled",
        ],
    ),
    (
        Words::MissingDependency,
        &[
            "no export named",
            "unable to fetch parameters [",
            "] cannot be found. (service: ssm",
            "] cannot be found. (service: awssimplesystemsmanagement",
        ],
    ),
    (
        Words::Transient,
        &[
            "rate exceeded",
            "throttl",
            "too many requests",
            "toomanyrequests",
            "requestlimitexceeded",
            "slowdown",
            "service unavailable",
            "serviceunavailable",
            "service is unavailable",
            "temporarily unavailable",
            "internal failure",
            "internalfailure",
            "internal error",
            "internalerror",
            "internal server error",
            "internal service",
            "try again later",
            "please retry",
            "please try again",
            "operationaborted",
            "conflicting conditional operation",
            "concurrentmodification",
            "_in_progress state",
            "in_progress state and can not be updated",
            "networking error",
            "connection reset",
        ],
    ),
    (
        Words::Defect,
        &[
            "resource handler returned message",
            "the following resource(s) failed",
            "create_failed",
            "update_failed",
            "rollback_",
            "template error",
            "template format error",
            "validation error",
            "validationerror",
            "unresolved resource dependencies",
            "parameters: [",
            "requires capabilities",
            "accessdenied",
            "access denied",
            "not authorized to perform",
            "resourcestatusreason:",
        ],
    ),
];

/// What the words of a reason say.
pub(crate) fn words_of(reason: &str) -> Words {
    let reason = reason.to_lowercase();
    // StackSets' own sentence, from its beginning: a resource's words come after the resource.
    if reason.starts_with("account ") && reason.contains("role with trust relationship") {
        return Words::RoleMissing;
    }
    let row = TABLE.iter().find(|(_, parts)| parts.iter().any(|part| reason.contains(part)));
    row.map_or(Words::Unknown, |(words, _)| *words)
}

/// The reason without what differs between accounts (digits, ids in hexadecimal, UUIDs, Regions), so
/// that the same error in two accounts reads the same.
pub fn normalized(reason: &str) -> String {
    let lower = reason.to_lowercase();
    let chunks = lower.split(|c: char| !c.is_alphanumeric() && c != '-');
    let words = chunks.filter(|chunk| !is_uuid(chunk)).flat_map(|chunk| chunk.split('-'));
    let telling = words.filter(|word| {
        let differs = word.chars().any(|c| c.is_ascii_digit())
            || (word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit()));
        !word.is_empty() && !differs
    });
    telling.collect::<Vec<_>>().join(" ")
}

/// A UUID, or the beginning of one that was cut off: its groups may have letters only, like `beef`,
/// and would read as words.
fn is_uuid(chunk: &str) -> bool {
    let hexadecimal = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = 0;
    for (part, length) in chunk.split('-').zip(lengths) {
        parts += 1;
        let is_last = parts == chunk.split('-').count();
        if !hexadecimal(part) || part.len() > length || (part.len() < length && !is_last) {
            return false;
        }
    }
    parts >= 2 && parts == chunk.split('-').count()
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn the_same_error_reads_the_same_in_every_account() {
        let one = normalized(
            "Role arn:aws:iam::111111111111:role/x already exists in eu-west-1 (a1b2c3d4)",
        );
        let two = normalized(
            "Role arn:aws:iam::222222222222:role/x already exists in us-east-2 (deadbeef)",
        );
        assert_eq!(one.replace("eu west", "us east"), two);
        assert_ne!(normalized("Bucket exists"), normalized("Role exists"));
        // What handlers add to their words is another one in every account; a long reason is cut.
        let told = |token: &str| normalized(&format!("Resource is taken (RequestToken: {token}"));
        let one = told("0a1b2c3d-beef-cafe-face-0123456789ab, HandlerErrorCode: InUse)");
        assert_eq!(one, told("4e5f6a7b-1234-4fff-8abc-abcdefabcdef, HandlerErrorCode: InUse)"));
        assert_eq!(told("0a1b2c3d-beef-ca"), told("deadbeef-feed-fee"));
        assert_eq!(normalized("dead-letter queue"), "dead letter queue", "words are kept");
    }
}
