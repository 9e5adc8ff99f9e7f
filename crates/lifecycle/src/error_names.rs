//! The names of the errors that every function shares, as the machines and the runbook know them.

/// The request is not one that the function understands; its message names the field.
pub const INVALID_REQUEST: &str = "InvalidRequest";
/// There is no time left to wait; the message says what for.
pub const DEADLINE_PASSED: &str = "DeadlinePassed";
/// AWS refused for lack of permission; the message names the call and the account.
pub const ACCESS_DENIED: &str = "AccessDenied";
/// AWS refused for a reason that nobody foresaw; the message carries service, call and code.
pub const AWS_REFUSED: &str = "AwsRefused";

/// The tenant left after it had signed up: no failure, and the machine of an onboarding ends as left.
pub const TENANT_LEFT: &str = "TenantLeft";

/// Those that every function may have.
pub const SHARED: [&str; 4] = [INVALID_REQUEST, DEADLINE_PASSED, ACCESS_DENIED, AWS_REFUSED];
