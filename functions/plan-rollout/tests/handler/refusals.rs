//! What a plan finds before anything changes, all of it at once; and who is left out.

use super::*;

/// The stack set with other members beside its template and parameter.
fn set(world: World, members: &'static str) -> World {
    world.on("DescribeStackSet", move |_| {
        let body = format!(
            "<StackSet><TemplateBody>old</TemplateBody><Parameters><member>\
             <ParameterKey>LogRetentionDays</ParameterKey><ParameterValue>14</ParameterValue>\
             </member></Parameters>{members}</StackSet>"
        );
        xml("DescribeStackSet", &body).into()
    })
}

#[tokio::test]
async fn everything_that_the_run_would_need_is_missed_at_once() {
    let foreign = "<AdministrationRoleARN>arn:aws:iam::999999999999:role/ControlTower\
                   </AdministrationRoleARN><AutoDeployment><Enabled>true</Enabled></AutoDeployment>";
    let world = set(fleet(100), foreign)
        .on("GetTemplateSummary", |_| {
            xml(
                "GetTemplateSummary",
                "<Parameters><member><ParameterKey>LogRetentionDays</ParameterKey></member>\
                 <member><ParameterKey>Key</ParameterKey><NoEcho>true</NoEcho></member>\
                 </Parameters><Capabilities><member>CAPABILITY_NAMED_IAM</member></Capabilities>\
                 <DeclaredTransforms><member>AWS::LanguageExtensions</member></DeclaredTransforms>",
            )
            .into()
        })
        .on("ListStackSetOperations", |_| {
            let rows = "<Summaries><member><OperationId>by-hand</OperationId>\
                        <Status>RUNNING</Status></member></Summaries>";
            xml("ListStackSetOperations", rows).into()
        })
        .on("DescribeAlarms", |_| {
            json!({"MetricAlarms": [{"AlarmName": "api", "StateValue": "ALARM"}]})
                .to_string()
                .into()
        });
    let mut request = request(json!({"base": "routine", "health": {"alarms": ["api"]}}));
    request["input"]["parameters"] =
        json!({"LogRetentionDays": "400", "Key": "hunter2", "Unknown": "hunter3"});
    let error = settled(&world, request).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    for part in [
        "stackSet.administrationRoleArn",
        "automatic deployment",
        "by-hand",
        "parameters.LogRetentionDays",
        "from any to 365",
        "parameters.Key",
        "parameters.Unknown",
        "CAPABILITY_AUTO_EXPAND, CAPABILITY_NAMED_IAM",
        "plan.health",
    ] {
        assert!(error.error_message.contains(part), "{part}: {}", error.error_message);
    }
    assert!(!error.error_message.contains("hunter"), "{}", error.error_message);
    let writes = world.calls_of("PutObject");
    assert!(writes.iter().all(|put| !put.to_string().contains("hunter")), "no secret in a file");
    assert_eq!(world.calls_of("UpdateStackSet").len(), 0);
}

#[tokio::test]
async fn managed_execution_is_not_changed_together_with_a_template() {
    let mut request = request(json!("routine"));
    request["input"]["managedExecution"] = json!({"Active": true});
    let error = answer(&World::new(), request).await.unwrap_err();
    assert!(error.error_message.contains("ManagedExecution"), "{}", error.error_message);
}

#[tokio::test]
async fn a_template_whose_text_cannot_be_read_is_a_fault_where_values_are_given() {
    let world = fleet(100);
    world.remove("v2.yaml");
    let error = settled(&world, request(json!("routine"))).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    assert!(error.error_message.contains("NoSuchKey"), "{}", error.error_message);
    let mut without = request(json!("routine"));
    without["input"]["parameters"] = json!({});
    settled(&world, without).await.unwrap();
}

#[tokio::test]
async fn what_the_plan_excepts_is_in_no_wave_by_account_unit_and_tag() {
    let world = fleet(200).on("GetResources", |request| {
        assert_eq!(request["TagFilters"][0]["Key"], "contract");
        json!({"ResourceTagMappingList": [
            {"ResourceARN": format!("arn:aws:organizations::999999999999:account/o-1/{}", id(150))}
        ]})
        .to_string()
        .into()
    });
    let plan = json!({"base": "routine", "except": {"accountIds": [id(0)],
        "organizationalUnits": ["Early"], "tags": {"contract": "frozen"}}});
    let planned = settled(&world, request(plan)).await.unwrap();
    let sizes: Vec<_> =
        planned["waves"].as_array().unwrap().iter().map(|w| &w["accounts"]).collect();
    assert_eq!(sizes, [19, 0, 139]);
    assert_eq!(planned["summary"]["excepted"], 42);
    let unknown = json!({"base": "routine", "except": {"organizationalUnits": ["Beta"]}});
    let error = answer(&world, request(unknown)).await.unwrap_err();
    assert!(error.error_message.contains("plan.except.organizationalUnits"));
}

#[tokio::test]
async fn accounts_that_override_what_changes_are_named_and_only_then_asked() {
    let world = fleet(30).on("DescribeStackInstance", |request| {
        let account = request["StackInstanceAccount"].as_str().unwrap();
        let overrides = match account == id(7) {
            true => {
                "<ParameterOverrides><member><ParameterKey>LogRetentionDays</ParameterKey>\
                     <ParameterValue>7</ParameterValue></member></ParameterOverrides>"
            }
            false => {
                "<ParameterOverrides><member><ParameterKey>Other</ParameterKey>\
                      </member></ParameterOverrides>"
            }
        };
        let body = format!("<StackInstance>{overrides}</StackInstance>");
        xml("DescribeStackInstance", &body).into()
    });
    let planned = settled(&world, request(json!("routine"))).await.unwrap();
    assert_eq!(planned["summary"]["overriding"], 1, "{planned}");
    assert_eq!(planned["summary"]["overridingAccounts"], json!([id(7)]));
    let file = world.file("rollouts/landlord-tenant-baseline_c1/planning/overrides.json");
    assert_eq!(file[0]["parameters"], json!(["LogRetentionDays"]));

    let world = fleet(30);
    let mut without = request(json!("routine"));
    without["input"]["parameters"] = json!({});
    settled(&world, without).await.unwrap();
    assert_eq!(world.calls_of("DescribeStackInstance").len(), 0);
}

#[tokio::test]
async fn what_failed_before_is_known_from_the_list_of_people_and_from_the_instances() {
    let world = fleet(30).on("ListStackInstances", |_| {
        let row = |n: usize, more: &str| {
            format!(
                "<member><Account>{}</Account><Region>eu-central-1</Region>{more}</member>",
                id(n)
            )
        };
        let failed = "<Status>OUTDATED</Status><StatusReason>UPDATE_FAILED: no</StatusReason>\
                      <StackInstanceStatus><DetailedStatus>FAILED</DetailedStatus>\
                      </StackInstanceStatus>";
        let rows: String = (0..30)
            .map(|n| row(n, if n == 3 { failed } else { "<Status>CURRENT</Status>" }))
            .collect();
        xml("ListStackInstances", &format!("<Summaries>{rows}</Summaries>")).into()
    });
    let known = json!({"version": 1, "offenders": [
        {"account": id(5), "region": "eu-central-1", "class": "failed", "reason": "taken"},
        {"account": id(99), "region": "eu-central-1", "class": "failed", "reason": "gone"},
        {"account": id(6), "region": "eu-central-1", "class": "vetoed"}]});
    world.put(&format!("rollouts/known-offenders/{BASELINE}.json"), &known.to_string());
    let planned = settled(&world, request(json!("routine"))).await.unwrap();
    assert_eq!(planned["summary"]["knownOffenders"], 2, "{planned}");
    assert_eq!(planned["summary"]["knownOffenderAccounts"], json!([id(3), id(5)]));
    let file = world.file("rollouts/landlord-tenant-baseline_c1/planning/known.json");
    assert_eq!(file.as_array().unwrap().len(), 2);
}
