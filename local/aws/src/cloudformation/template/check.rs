//! What a template's resources may be: types, properties, attributes; and which of them are inert.

use indexmap::IndexMap;

use super::model::{Resource, Template};
use super::node::Node;
use super::{TemplateError, graph, schema, types};
use crate::cloudformation::resources;

/// Whether AWS knows all of a resource's properties.
fn is_of_aws(known: &types::Type, properties: &Node) -> bool {
    properties.as_map().is_some_and(|members| members.keys().all(|name| known.has_property(name)))
}

/// Types that signals can hold up.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html>
const OF_CREATION: [&str; 5] = [
    "AWS::AppStream::Fleet",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CloudFormation::WaitCondition",
    "AWS::EC2::Instance",
    "AWS::Route53::RecordSet",
];
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html>
const OF_UPDATE: [&str; 7] = [
    "AWS::AppStream::Fleet",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Elasticsearch::Domain",
    "AWS::Lambda::Alias",
    "AWS::OpenSearchService::Domain",
    "AWS::EKS::Nodegroup",
];
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>
const OF_SNAPSHOT: [&str; 9] = [
    "AWS::DocDB::DBCluster",
    "AWS::EC2::Volume",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Neptune::DBCluster",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::ElastiCache::ServerlessCache",
];

impl Template {
    /// Checks types, properties and references.
    pub(super) fn check(&mut self, inert: bool) -> Result<(), TemplateError> {
        for resource in self.resources.values_mut() {
            let path = format!("Resources.{}", resource.id);
            if self.parameters.contains_key(&resource.id) {
                let message = "a parameter has this name too: names are unique in a template";
                return Err(TemplateError::at(resource.line, path, message));
            }
            if !resource.is_inert() {
                resource.check(inert, &path)?;
            }
        }
        graph::check_references(self)?;
        graph::order(self, |_| true)?;
        if inert { self.spread() } else { Ok(()) }
    }

    /// What belongs to an inert resource of the same service is inert too: there is nothing that a policy
    /// or a permission could be put on.
    fn spread(&mut self) -> Result<(), TemplateError> {
        let service = |kind: &str| kind.split("::").nth(1).unwrap_or_default().to_owned();
        loop {
            let inert: IndexMap<String, String> = self
                .resources
                .values()
                .filter(|one| one.is_inert())
                .map(|one| (one.id.clone(), service(&one.kind)))
                .collect();
            let mut spread = false;
            for resource in self.resources.values_mut().filter(|one| !one.is_inert()) {
                let own = service(&resource.kind);
                let named = graph::needed(resource)?;
                let found =
                    named.iter().find(|name| inert.get(*name).is_some_and(|one| *one == own));
                if let Some(name) = found {
                    resource.unmodelled = Some(format!("it belongs to {name}, which is inert"));
                    spread = true;
                }
            }
            if !spread {
                return Ok(());
            }
        }
    }
}

impl Resource {
    /// Checks the type and its properties. What is not modelled is refused, or makes the resource inert.
    fn check(&mut self, inert: bool, path: &str) -> Result<(), TemplateError> {
        let at_type =
            |message: String| Err(TemplateError::at(self.line, format!("{path}.Type"), message));
        let modelled = resources::kind(&self.kind);
        let custom = types::is_custom(&self.kind) || types::is_registered(&self.kind);
        let of_aws = types::known(&self.kind);
        if self.kind == "AWS::CloudFormation::Stack" {
            return at_type("nested stacks are not made by the local AWS".to_owned());
        }
        let what = match (modelled, of_aws) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(format!("the resource type {} is not modelled", self.kind)),
            (None, None) if custom || self.kind.starts_with("AWS::Serverless::") => {
                Some(format!("the resource type {} is not modelled", self.kind))
            }
            (None, None) => {
                return at_type(format!(
                    "Unrecognized resource types: [{}] (the resource type {} is not supported)",
                    self.kind, self.kind
                ));
            }
        };
        if let Some(what) = &what
            && !inert
        {
            return at_type(format!(
                "{what}: it is not supported; with Metadata {{\"landlord:local\": \"inert\"}} it would only get a \
                 physical id, and so with --inert-resources"
            ));
        }
        self.check_special(path)?;
        let properties = format!("{path}.Properties");
        let known = of_aws.filter(|_| !custom);
        match (modelled, what) {
            (Some(_), _) if inert && self.has_code_of_its_own() => {
                self.unmodelled =
                    Some("code that stands in a template, and images, are not run".to_owned());
            }
            (Some(kind), _) => {
                let fault =
                    schema::check(&kind.properties, &self.properties, &properties, &self.kind);
                match (fault, known) {
                    (Err(fault), Some(known)) if inert && is_of_aws(known, &self.properties) => {
                        self.unmodelled = Some(fault.to_string());
                    }
                    (fault, _) => return fault,
                }
            }
            (None, what) => self.unmodelled = what,
        }
        match known {
            Some(known) => self.check_by_registry(known, &properties),
            None => Ok(()),
        }
    }

    /// Whether it is a function whose code is in the template, or in an image.
    fn has_code_of_its_own(&self) -> bool {
        let code = self.properties.get("Code");
        self.kind == "AWS::Lambda::Function"
            && self.local_metadata().is_none()
            && code.is_some_and(|code| code.get("ZipFile").or(code.get("ImageUri")).is_some())
    }

    /// Holds the properties of an inert resource against AWS's registry.
    fn check_by_registry(&self, known: &types::Type, path: &str) -> Result<(), TemplateError> {
        let Some(members) = self.properties.as_map() else { return Ok(()) };
        if let Some((name, member)) = members.iter().find(|(name, _)| !known.has_property(name)) {
            let message = format!("Encountered unsupported property {name}");
            return Err(TemplateError::at(member.line, format!("{path}.{name}"), message));
        }
        match known.missing(|name| members.contains_key(name)) {
            Some(name) => {
                let message = format!("the required property {name} is missing");
                Err(TemplateError::at(self.line, path, message))
            }
            None => Ok(()),
        }
    }

    /// Attributes that belong to some types only.
    fn check_special(&self, path: &str) -> Result<(), TemplateError> {
        for (name, line) in &self.special {
            let fits = match *name {
                "Version" => types::is_custom(&self.kind),
                "CreationPolicy" => OF_CREATION.contains(&self.kind.as_str()),
                "UpdatePolicy" => OF_UPDATE.contains(&self.kind.as_str()),
                _ => OF_SNAPSHOT.contains(&self.kind.as_str()),
            };
            if !fits {
                let message = format!("{} has no {name}", self.kind);
                return Err(TemplateError::at(*line, format!("{path}.{name}"), message));
            }
        }
        Ok(())
    }
}
