//! The permissions that a call needs.

use crate::{Access, Call, State};

/// The permissions that a call needs.
pub(crate) fn access(state: &State, call: &Call) -> Vec<Access> {
    let named = ["stateMachineArn", "executionArn", "mapRunArn", "resourceArn"];
    let resource = named.iter().find_map(|member| call.opt_text(member));
    let resource = match (resource, call.operation.as_str()) {
        (Some(arn), _) => arn.to_owned(),
        (None, "CreateStateMachine") => super::machines::arn_of(call),
        _ => "*".to_owned(),
    };
    let mut accesses = vec![Access::to(format!("states:{}", call.operation), resource.clone())];
    let role = call.opt_text("roleArn").filter(|role| {
        state.states.machines.get(&resource).is_none_or(|machine| machine.role != *role)
    });
    if let (Some(role), "CreateStateMachine" | "UpdateStateMachine") =
        (role, call.operation.as_str())
    {
        let pass = Access::to("iam:PassRole", role);
        accesses.push(pass.with("iam:PassedToService", "states.amazonaws.com"));
    }
    accesses
}
