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
        if request["TagFilters"][0]["Key"] == "landlord:tenant" {
            return marked(0..200).into();
        }
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

/// A list of known offenders as people may leave it: one entry is understood, of the others none
/// excuses anything, and the plan says so.
#[tokio::test]
async fn a_broken_edit_of_the_known_offenders_is_named_and_excuses_nobody() {
    let key = format!("rollouts/known-offenders/{BASELINE}.json");
    let entry = |n: usize, class: &str| json!({"account": id(n), "region": "eu-central-1", "class": class, "reason": "*"});
    let offenders = [entry(3, "failed"), entry(5, "hopeless"), json!("000000000006")];
    let edited = json!({"version": 1, "offenders": offenders}).to_string();
    for (text, known, says) in [
        (edited.as_str(), 1, "offenders[1]: unknown variant `hopeless`"),
        ("{\"version\": 1, \"offenders\": [", 0, "it is not JSON"),
    ] {
        let world = fleet(30);
        world.put(&key, text);
        let planned = settled(&world, request(json!("routine"))).await.unwrap();
        assert_eq!(planned["summary"]["knownOffenders"], known, "{planned}");
        let fault = planned["summary"]["knownOffendersFaults"][0].as_str().unwrap();
        assert!(fault.starts_with(&key) && fault.contains(says), "{fault}");
        assert_eq!(world.text(&key).as_deref(), Some(text), "the plan leaves it as it is");
    }
}

/// What failed in a rollout that was stopped is no offender of the same change.
#[tokio::test]
async fn who_failed_by_a_stopped_change_is_excused_from_another_one_only() {
    let key = format!("rollouts/known-offenders/{BASELINE}.json");
    let plan = "rollouts/landlord-tenant-baseline_c1/plan.json";
    let world = fleet(30);
    settled(&world, request(json!("routine"))).await.unwrap();
    let change = world.file(plan)["change"].clone();
    let entry = json!({"account": id(5), "region": "eu-central-1", "class": "failed",
                       "reason": "taken", "change": change});
    let file = json!({"version": 1, "offenders": [entry]}).to_string();
    let known = async |world: &World, request: Value| {
        world.put(&key, &file);
        settled(world, request).await.unwrap()["summary"]["knownOffenders"].clone()
    };
    assert_eq!(known(&world, request(json!("routine"))).await, 0, "the same change again");
    let mut other = request(json!("routine"));
    other["input"]["parameters"]["LogRetentionDays"] = json!("31");
    assert_eq!(known(&world, other).await, 1, "another value");
    let world = fleet(30);
    world.put("v2.yaml", "Parameters: {LogRetentionDays: {Type: Number}}");
    assert_eq!(known(&world, request(json!("routine"))).await, 1, "another text");
    let world = fleet(30);
    world.remove("v2.yaml");
    let mut unread = request(json!("routine"));
    unread["input"]["parameters"] = json!({});
    assert_eq!(known(&world, unread).await, 0, "it may be the same");
}

/// The gate's stack set with a setting on a single instance. Only the instance tells it.
fn gates(accounts: usize, overrides: &'static [(usize, &str, &str)]) -> World {
    fleet(accounts).on("DescribeStackInstance", |request| {
        let account = request["StackInstanceAccount"].as_str().unwrap();
        let own = overrides.iter().filter(|(n, ..)| id(*n) == account);
        let members: String = own
            .map(|(_, key, value)| {
                format!(
                    "<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}\
                     </ParameterValue></member>"
                )
            })
            .collect();
        let body = format!(
            "<StackInstance><ParameterOverrides>{members}</ParameterOverrides></StackInstance>"
        );
        xml("DescribeStackInstance", &body).into()
    })
}

fn gate_request() -> Value {
    let mut request = request(json!("gate"));
    request["input"]["stackSet"] = json!("landlord-account-gate");
    request["input"]["parameters"] = json!({});
    request
}

#[tokio::test]
async fn a_setting_of_one_instance_that_its_gate_cannot_read_refuses_the_plan() {
    let world = gates(
        30,
        &[
            (3, "MaintenanceWindows", r#"[{"Schedule":"cron(0 2 ? * SONNTAG *)","Duration":2}]"#),
            (7, "FailMode", "ajar"),
            (8, "FailMode", "open"),
            (9, "LogRetentionDays", "many"),
        ],
    );
    let error = settled(&world, gate_request()).await.unwrap_err();
    assert_eq!(error.error_type, "PlanRefused");
    for part in [
        "instances.000000000003.eu-central-1.parameterOverrides.MaintenanceWindows[0].Schedule: ",
        "1-7 or SUN-SAT, not SONNTAG",
        "instances.000000000007.eu-central-1.parameterOverrides.FailMode: \"ajar\" must be",
    ] {
        assert!(error.error_message.contains(part), "{part}: {}", error.error_message);
    }
    for account in [8, 9] {
        assert!(!error.error_message.contains(&id(account)), "{}", error.error_message);
    }
    assert_eq!(world.calls_of("UpdateStackSet").len(), 0);
    let plan = "rollouts/landlord-tenant-baseline_c1/plan.json";
    assert_eq!(world.text(plan), None, "there is no plan");

    // What the plan excepts is not touched, and refuses nothing.
    let mut except = gate_request();
    except["input"]["plan"] = json!({"base": "gate", "except": {"accountIds": [id(3), id(7)]}});
    settled(&world, except).await.unwrap();
    // Another set's parameters are its own, whatever they are called.
    let mut other = gate_request();
    other["input"]["stackSet"] = json!(BASELINE);
    other["input"]["plan"] = json!("routine");
    settled(&world, other).await.unwrap();
}

/// A gate may be somewhere else than in the set that is called so: its function tells it.
#[tokio::test]
async fn the_gate_in_another_set_s_new_template_is_found_by_its_function() {
    let world = gates(30, &[(3, "FailMode", "ajar")]);
    world.put("v2.yaml", "Resources: {F: {FunctionName: AWSCloudFormationStackSetAccountGate}}");
    let mut request = gate_request();
    request["input"]["stackSet"] = json!("doors");
    let error = settled(&world, request).await.unwrap_err();
    assert!(error.error_message.contains("instances.000000000003"), "{}", error.error_message);
}

/// Overrides are read in parts; a fault of the first part is not lost, and all are told together.
#[tokio::test]
async fn settings_of_instances_are_read_in_parts_and_refused_together() {
    let world = gates(900, &[(3, "FailMode", "ajar"), (850, "FreezePeriods", "soon")]);
    let error = settled(&world, gate_request()).await.unwrap_err();
    for part in ["000000000003", "000000000850", "FreezePeriods"] {
        assert!(error.error_message.contains(part), "{part}: {}", error.error_message);
    }
}
