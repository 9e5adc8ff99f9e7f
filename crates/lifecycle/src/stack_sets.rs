//! Which settings of a stack set let it be a part of a baseline, from signup to home and through
//! rollouts and retirement.

/// The settings of a stack set, as `DescribeStackSet` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackSetSettings<'a> {
    /// `PermissionModel`; nothing counts as `SELF_MANAGED`, AWS's default.
    pub permission_model: Option<&'a str>,
    /// `AutoDeployment.Enabled`.
    pub deploys_automatically: bool,
}

/// Who deploys a stack set's instances. It can't change while there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionModel {
    /// The roles of the stack set, into accounts.
    SelfManaged,
    /// Organizations, into OUs.
    ServiceManaged,
}

impl StackSetSettings<'_> {
    /// The permission model under which the stack set can be a part of a baseline.
    ///
    /// Automatic deployment breaks it whatever becomes of the stacks: the account moves from
    /// Onboarding to its home OU, and StackSets takes an instance away from an account that leaves
    /// a targeted OU. With `RetainStacksOnAccountRemoval` the stack stays, without its instance,
    /// and is in the way of the next one.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html>
    ///
    /// # Errors
    /// Why it can not, in words that begin with what it has.
    pub fn judge(&self) -> Result<PermissionModel, String> {
        let model = match self.permission_model {
            None | Some("SELF_MANAGED") => PermissionModel::SelfManaged,
            Some("SERVICE_MANAGED") => PermissionModel::ServiceManaged,
            Some(other) => {
                return Err(format!("its permission model is {other}, which is not supported"));
            }
        };
        if self.deploys_automatically {
            return Err("its automatic deployment is enabled, so it would lose its instance when \
                        the account moves from Onboarding to its home OU: disable it"
                .to_owned());
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_permission_models_work_and_automatic_deployment_does_not() {
        for (permission_model, deploys_automatically, judged) in [
            (None, false, Ok(PermissionModel::SelfManaged)),
            (Some("SELF_MANAGED"), false, Ok(PermissionModel::SelfManaged)),
            (Some("SERVICE_MANAGED"), false, Ok(PermissionModel::ServiceManaged)),
            (Some("SERVICE_MANAGED"), true, Err("automatic deployment")),
            (Some("OF_TOMORROW"), false, Err("OF_TOMORROW")),
        ] {
            let settings = StackSetSettings { permission_model, deploys_automatically };
            match (settings.judge(), judged) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                other => panic!("{settings:?}: {other:?}"),
            }
        }
    }
}
