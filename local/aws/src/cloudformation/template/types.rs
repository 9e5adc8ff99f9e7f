//! What CloudFormation knows of each resource type, of those too that are not modelled here.
//!
//! `types.txt` is made from AWS's registry by `tests/validate/resource_types.py`, which says from which
//! version and when. A type that is not modelled can be *inert*: it gets a physical id and attributes of
//! the right form, and nothing behind them. Its properties and attributes are held against the list, so
//! that a misspelt one is refused as AWS refuses it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const TYPES: &str = include_str!("types.txt");

/// A resource type as AWS's registry describes it.
#[derive(Debug)]
pub(crate) struct Type {
    /// Its properties, and whether each has to be there.
    properties: Vec<(&'static str, bool)>,
    attributes: Vec<&'static str>,
}

static KNOWN: LazyLock<BTreeMap<&'static str, Type>> = LazyLock::new(|| {
    let rows = TYPES.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let mut words = line.split(' ');
        let name = words.next()?;
        let list = |word: Option<&'static str>| {
            word.filter(|word| *word != "-").into_iter().flat_map(|word| word.split(','))
        };
        let properties = list(words.next())
            .map(|one| one.strip_suffix('+').map_or((one, false), |one| (one, true)))
            .collect();
        Some((name, Type { properties, attributes: list(words.next()).collect() }))
    })
    .collect()
});

impl Type {
    /// Whether AWS knows a property.
    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.properties.iter().any(|(one, _)| *one == name)
    }

    /// The first required property that is missing.
    pub(crate) fn missing(&self, given: impl Fn(&str) -> bool) -> Option<&'static str> {
        self.properties.iter().find(|(name, required)| *required && !given(name)).map(|one| one.0)
    }

    /// Whether `Fn::GetAtt` may ask for this.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|one| match one.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix) && name.len() > prefix.len(),
            None => *one == name,
        })
    }
}

/// A type by its name.
pub(crate) fn known(name: &str) -> Option<&'static Type> {
    KNOWN.get(name)
}

/// Whether a type is a custom resource: whoever writes the template gives it its properties and attributes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html>
pub(crate) fn is_custom(name: &str) -> bool {
    name == "AWS::CloudFormation::CustomResource"
        || name.strip_prefix("Custom::").is_some_and(|rest| {
            (1..=60).contains(&rest.len())
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_@-".contains(c))
        })
}

/// Whether a type can be one that an account has registered itself, or a third party's that it activated.
pub(crate) fn is_registered(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    parts.len() == 3
        && !["AWS", "Custom"].contains(&parts[0])
        && parts.iter().all(|part| {
            (2..=64).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        })
}

/// The prefix of ids that a service gives, for the types whose `Ref` is such an id.
pub(crate) fn id_prefix(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::EC2::EIP" => "eipalloc-",
        "AWS::EC2::FlowLog" => "fl-",
        "AWS::EC2::Instance" => "i-",
        "AWS::EC2::InternetGateway" => "igw-",
        "AWS::EC2::LaunchTemplate" => "lt-",
        "AWS::EC2::NatGateway" => "nat-",
        "AWS::EC2::NetworkAcl" => "acl-",
        "AWS::EC2::NetworkInterface" => "eni-",
        "AWS::EC2::RouteTable" => "rtb-",
        "AWS::EC2::SecurityGroup" => "sg-",
        "AWS::EC2::Subnet" => "subnet-",
        "AWS::EC2::TransitGateway" => "tgw-",
        "AWS::EC2::VPC" => "vpc-",
        "AWS::EC2::VPCEndpoint" => "vpce-",
        "AWS::EC2::VPCPeeringConnection" => "pcx-",
        "AWS::EC2::Volume" => "vol-",
        "AWS::EFS::FileSystem" => "fs-",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_properties_and_attributes() {
        let bucket = known("AWS::S3::Bucket").unwrap();
        assert!(bucket.has_property("BucketName") && bucket.has_attribute("Arn"));
        assert!(!bucket.has_property("Arn") && !bucket.has_attribute("Arm"));
        let table = known("AWS::DynamoDB::Table").unwrap();
        assert_eq!(table.missing(|name| name == "TableName"), Some("KeySchema"));
        assert!(known("AWS::CloudFormation::Stack").unwrap().has_attribute("Outputs.Vpc"));
        assert!(known("AWS::S3::Buckett").is_none());
        assert!(KNOWN.len() > 1500, "{}", KNOWN.len());
    }

    #[test]
    fn custom_and_registered_types_are_known_by_their_form() {
        assert!(is_custom("Custom::Thing-1@x") && is_custom("AWS::CloudFormation::CustomResource"));
        assert!(!is_custom("Custom::") && !is_custom("Custom::a b"));
        assert!(is_registered("Datadog::Monitors::Monitor"));
        assert!(
            !is_registered("AWS::S3::Buckett")
                && !is_registered("A::B")
                && !is_registered("Org::Service::Thing::MODULE")
        );
    }

    #[test]
    fn each_modelled_property_is_one_that_aws_knows() {
        let mut faults = Vec::new();
        for name in KNOWN.keys() {
            let Some(kind) = crate::cloudformation::resources::kind(name) else { continue };
            let strangers = kind.properties.keys().filter(|one| !KNOWN[name].has_property(one));
            faults.extend(strangers.map(|one| format!("{name}.{one}")));
            let strangers = kind.attributes.iter().filter(|one| !KNOWN[name].has_attribute(one));
            faults.extend(strangers.map(|one| format!("{name}, attribute {one}")));
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
