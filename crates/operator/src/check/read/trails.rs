//! Trails that are seen in us-east-1, where Organizations tells of accounts.

use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, ReadWriteType};
use lambda_kit::client;
use lambda_kit::sdk::{GLOBAL_REGION, Wire};

use super::super::world::{Look, Trail};
use super::look;

const SERVICE: &str = "cloudtrail";

/// The trails, those of other Regions that record all of them too.
pub(super) async fn trails(wire: &Wire) -> Look<Vec<Trail>> {
    let client = client!(aws_sdk_cloudtrail, wire.global());
    let answer = client.describe_trails().include_shadow_trails(true).send().await;
    let answer = look(SERVICE, "DescribeTrails", answer)?;
    let mut all = Vec::new();
    for trail in answer.trail_list.unwrap_or_default() {
        // A trail is asked in its own Region.
        let home = trail.home_region().unwrap_or(GLOBAL_REGION);
        let client = client!(aws_sdk_cloudtrail, wire.in_region(home));
        let arn = trail.trail_arn().unwrap_or_default();
        let status = client.get_trail_status().name(arn).send().await;
        let status = look(SERVICE, "GetTrailStatus", status)?;
        let selectors = client.get_event_selectors().trail_name(arn).send().await;
        let selectors = look(SERVICE, "GetEventSelectors", selectors)?;
        all.push(Trail {
            name: trail.name().unwrap_or(arn).to_owned(),
            is_logging: status.is_logging().unwrap_or(false),
            takes_changes: takes_changes(&selectors),
        });
    }
    Ok(all)
}

/// Whether management events are recorded that change something.
fn takes_changes(selectors: &GetEventSelectorsOutput) -> bool {
    let basic = selectors.event_selectors().iter().any(|selector| {
        let writes = selector.read_write_type() != Some(&ReadWriteType::ReadOnly);
        selector.include_management_events().unwrap_or(true) && writes
    });
    basic || selectors.advanced_event_selectors().iter().any(takes_changes_by_fields)
}

fn takes_changes_by_fields(selector: &AdvancedEventSelector) -> bool {
    let of = |field: &str| selector.field_selectors().iter().find(|it| it.field() == field);
    let is = |it: &AdvancedFieldSelector, value: &str| it.equals().iter().any(|it| it == value);
    let of_management = of("eventCategory").is_some_and(|it| is(it, "Management"));
    of_management && of("readOnly").is_none_or(|it| is(it, "false"))
}
