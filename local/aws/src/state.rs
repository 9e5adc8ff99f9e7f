//! All state of a world, one part for each service.

/// The state of a world. Each service owns its part and may read the others'.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) cloudformation: crate::cloudformation::CloudFormation,
    pub(crate) cloudtrail: crate::cloudtrail::CloudTrail,
    pub(crate) cloudwatch: crate::cloudwatch::CloudWatch,
    pub(crate) events: crate::events::Events,
    pub(crate) iam: crate::iam::Iam,
    pub(crate) lambda: crate::lambda::Lambda,
    pub(crate) organizations: crate::organizations::Organizations,
    pub(crate) s3: crate::s3::S3,
    pub(crate) scheduler: crate::scheduler::Scheduler,
    pub(crate) servicequotas: crate::servicequotas::ServiceQuotas,
    pub(crate) sns: crate::sns::Sns,
    pub(crate) sqs: crate::sqs::Sqs,
    pub(crate) ssm: crate::ssm::Ssm,
    pub(crate) states: crate::states::States,
}
