//! Resources with nothing behind them: a physical id and attributes of the form that AWS's have.

use serde_json::{Map, Value, json};

use crate::cloudformation::resources::Context;
use crate::cloudformation::template::{Made, Resource, Template, attributes_asked, id_prefix};

/// Attributes that are lists: a name in the list, and what its items look like.
const LISTS: [(&str, &str); 7] = [
    ("AvailabilityZones", "a"),
    ("CidrBlockAssociations", "vpc-cidr-assoc-0123456789abcdef0"),
    ("DnsEntries", "Z0123456789ABC:inert.local"),
    ("Ipv6CidrBlocks", "2001:db8::/56"),
    ("NameServers", "ns-1.inert.local"),
    ("NetworkInterfaceIds", "eni-0123456789abcdef0"),
    ("SecondaryPrivateIpAddresses", "10.0.0.10"),
];

/// What an inert resource is for the rest of its template.
pub(super) fn made(
    context: &Context<'_>,
    resource: &Resource,
    properties: &Value,
    template: &Template,
) -> Made {
    let physical_id = match id_prefix(&resource.kind) {
        Some(prefix) => {
            let digits = context.aws.random(|random| random.u64(..));
            format!("{prefix}0{digits:016x}")
        }
        None => context.generated_name(128),
    };
    let asked = attributes_asked(template, &resource.id);
    let attributes: Map<String, Value> = asked
        .into_iter()
        .map(|name| {
            let value = attribute(context, resource, properties, &physical_id, &name);
            (name, value)
        })
        .collect();
    Made { physical_id, attributes }
}

fn attribute(
    context: &Context<'_>,
    resource: &Resource,
    properties: &Value,
    physical_id: &str,
    name: &str,
) -> Value {
    if let Some(value) = properties.get(name) {
        return value.clone();
    }
    if let Some((_, item)) = LISTS.iter().find(|(list, _)| *list == name) {
        return json!([item]);
    }
    let service = resource.kind.split("::").nth(1).unwrap_or("custom").to_lowercase();
    let last = name.rsplit('.').next().unwrap_or(name);
    json!(if last.ends_with("Arn") || last.ends_with("ARN") {
        context.arn(&service, physical_id)
    } else if last == "Port" {
        "443".to_owned()
    } else if ["Address", "Endpoint", "DNSName", "DomainName"].iter().any(|end| last.ends_with(end))
    {
        format!("{}.{service}.{}.amazonaws.com", physical_id.to_lowercase(), context.region)
    } else if last.ends_with("Url") || last.ends_with("Uri") {
        format!("https://{}.{service}.{}.amazonaws.com", physical_id.to_lowercase(), context.region)
    } else {
        format!("{physical_id}-{last}")
    })
}
