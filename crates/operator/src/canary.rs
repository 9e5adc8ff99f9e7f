//! `landlord canary`: a signup that has to be rejected goes through bus, rule, queue and admission, and its
//! answer comes back. No account is made: its tier is none, and its tenant has no name.
//!
//! The answer is heard by a queue and a rule of the canary's own, which are gone afterwards.

use std::collections::BTreeSet;

use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use lambda_kit::sdk::{Trouble, Wire};
use lambda_kit::{Clock, client};
use serde_json::{Value, json};

use crate::connection::{Connection, Surroundings};
use crate::deployment::{Deployment, Which};
use crate::failure::{Exit, Failure};

/// The tenant that never comes, and the tier that nobody has.
const TENANT: &str = "landlord-canary";
/// What admission says of a tier only when it has read the tiers.
const TIERS_READ: &str = "must be one of the tiers";
/// A new rule is not in force at once: the signup is sent again after so long without an answer.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// For how long one call waits for an answer, in seconds: less than a call may take.
const LISTEN_SECONDS: i32 = 5;

/// Send a signup that has to be rejected, and hear its answer; no account is made
#[derive(Debug, Args)]
pub struct Canary {
    /// For how long its answer is waited for, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u16).range(10..))]
    pub within: u16,
    /// Answer one JSON document
    #[arg(long)]
    pub json: bool,
    /// Landlord's stack.
    #[command(flatten)]
    pub which: Which,
    /// The way to AWS.
    #[command(flatten)]
    pub connection: Connection,
}

/// An answer that came back.
struct Answer {
    name: String,
    event_id: String,
    reasons: Vec<String>,
}

impl Canary {
    /// Performs it against AWS.
    pub(crate) async fn perform(self) -> Result<String, Failure> {
        let wire = self.connection.wire(&Surroundings::real()).await?;
        self.on(&wire, &Clock::system()).await
    }

    /// Performs it on a wire, and answers what is to be printed.
    ///
    /// # Errors
    /// Where the canary got lost, or what AWS refused.
    pub async fn on(self, wire: &Wire, clock: &Clock) -> Result<String, Failure> {
        let deployment = Deployment::read(wire, &self.which.stack).await?;
        let began = clock.now();
        let ear = Box::pin(Ear::open(wire, &deployment, began)).await?;
        let within = SignedDuration::from_secs(i64::from(self.within));
        let heard = Box::pin(ear.hear(&deployment, clock, within)).await;
        let closed = Box::pin(ear.close()).await;
        let answer = heard?;
        closed?;
        let took = clock.now().duration_since(began).as_secs();
        if answer.name != "TenantRejected" || !has_read_the_tiers(&answer) {
            let said = format!("it was answered {} ({})", answer.name, answer.reasons.join("; "));
            let advice = "see the log of admit-tenant, and whether an older version of it runs";
            return Err(Failure::new("have the canary rejected", said, advice));
        }
        Ok(if self.json {
            let Answer { name, event_id, reasons } = &answer;
            json!({ "answer": name, "eventId": event_id, "reasons": reasons, "seconds": took })
                .to_string()
        } else {
            format!(
                "the canary came back after {took} s: rejected, as it has to be, and no account was made\n\
                 (it went through the bus {}, its rule, the queue and admit-tenant)",
                deployment.output("EventBusName")?
            )
        })
    }
}

fn has_read_the_tiers(answer: &Answer) -> bool {
    answer.reasons.iter().any(|reason| reason.contains(TIERS_READ))
}

/// A queue and a rule that hear the canary's answer.
struct Ear {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    bus: String,
    name: String,
    url: String,
}

macro_rules! done {
    ($tried:expr, $service:literal, $call:literal, $answer:expr) => {
        $answer.await.map_err(|error| Failure::aws($tried, &Trouble::of($service, $call, &error)))
    };
}

impl Ear {
    async fn open(wire: &Wire, deployment: &Deployment, now: Timestamp) -> Result<Self, Failure> {
        let bus = deployment.output("EventBusName")?.to_owned();
        let queues = client!(aws_sdk_sqs, wire);
        // A queue's name is free again only a minute after the queue was deleted.
        let name = format!("{}-canary-{}", deployment.stack, now.as_second());
        let tried = format!("make the queue {name} for the canary's answer");
        let call = queues.create_queue().queue_name(&name).send();
        let url = done!(tried, "sqs", "CreateQueue", call)?.queue_url.unwrap_or_default();
        let ear = Self { events: client!(aws_sdk_eventbridge, wire), queues, bus, name, url };
        match Box::pin(ear.listen()).await {
            Ok(()) => Ok(ear),
            Err(failure) => {
                // What is left of it is told by what it failed of.
                let _ = Box::pin(ear.close()).await;
                Err(failure)
            }
        }
    }

    async fn listen(&self) -> Result<(), Failure> {
        let pattern = json!({ "source": ["landlord"], "detail": { "tenantId": [TENANT] } });
        let tried = || format!("make the rule {} for the canary's answer", self.name);
        let rule = self.events.put_rule().name(&self.name).event_bus_name(&self.bus);
        let rule =
            rule.event_pattern(pattern.to_string()).description("Gone when the canary is back.");
        let rule = done!(tried(), "events", "PutRule", rule.send())?.rule_arn.unwrap_or_default();
        let asked = self.queues.get_queue_attributes().queue_url(&self.url);
        let asked = asked.attribute_names(QueueAttributeName::QueueArn).send();
        let attributes = done!(tried(), "sqs", "GetQueueAttributes", asked)?;
        let queue = attributes.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn));
        let queue = queue.cloned().unwrap_or_default();
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": queue,
            "Condition": { "ArnEquals": { "aws:SourceArn": rule } },
        }] });
        let set = self.queues.set_queue_attributes().queue_url(&self.url);
        let set = set.attributes(QueueAttributeName::Policy, policy.to_string()).send();
        done!(tried(), "sqs", "SetQueueAttributes", set)?;
        let target = Target::builder().id("canary").arn(&queue).build();
        let target =
            target.map_err(|error| Failure::new(tried(), error.to_string(), "report it"))?;
        let put = self.events.put_targets().rule(&self.name).event_bus_name(&self.bus);
        done!(tried(), "events", "PutTargets", put.targets(target).send()).map(drop)
    }

    async fn hear(
        &self,
        deployment: &Deployment,
        clock: &Clock,
        within: SignedDuration,
    ) -> Result<Answer, Failure> {
        let source = deployment.parameters.get("SignupEventSource");
        let source = source.map_or("saas.signup", String::as_str);
        let end = clock.now() + within;
        let mut sent = BTreeSet::new();
        let mut again = clock.now();
        while clock.now() < end {
            if clock.now() >= again {
                sent.insert(Box::pin(self.send(source)).await?);
                again = clock.now() + AGAIN_AFTER;
            }
            let answers = Box::pin(self.receive()).await?;
            if let Some(answer) = answers.into_iter().find(|it| sent.contains(&it.event_id)) {
                return Ok(answer);
            }
        }
        Err(Box::pin(self.lost(deployment, within)).await)
    }

    async fn send(&self, source: &str) -> Result<String, Failure> {
        let detail = json!({ "tenantId": TENANT, "tenantName": "", "tier": TENANT });
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(source)
            .detail_type("TenantSignedUp")
            .detail(detail.to_string())
            .build();
        let tried = format!("put the canary on the bus {}", self.bus);
        let answer = self.events.put_events().entries(entry).send();
        let answer = done!(tried.clone(), "events", "PutEvents", answer)?;
        let entry = answer.entries().first();
        entry.and_then(|entry| entry.event_id()).map(str::to_owned).ok_or_else(|| {
            let said = entry.and_then(|entry| entry.error_message()).unwrap_or("nothing");
            Failure::new(tried, format!("AWS said: {said}"), "see the policy of the bus")
        })
    }

    async fn receive(&self) -> Result<Vec<Answer>, Failure> {
        let asked = self.queues.receive_message().queue_url(&self.url);
        let asked = asked.max_number_of_messages(10).wait_time_seconds(LISTEN_SECONDS).send();
        let got = done!("hear the canary's answer", "sqs", "ReceiveMessage", asked)?;
        let answers = got.messages().iter().filter_map(|message| {
            let event: Value = serde_json::from_str(message.body()?).ok()?;
            let text = |pointer: &str| event.pointer(pointer)?.as_str().map(str::to_owned);
            let reasons = event.pointer("/detail/reasons")?.as_array()?.iter();
            Some(Answer {
                name: text("/detail-type")?,
                event_id: text("/detail/eventId")?,
                reasons: reasons.filter_map(Value::as_str).map(str::to_owned).collect(),
            })
        });
        Ok(answers.collect())
    }

    /// Says where a canary is that did not come back, as far as the queues say so.
    async fn lost(&self, deployment: &Deployment, within: SignedDuration) -> Failure {
        let mut lines = vec![format!("no answer within {} s", within.as_secs())];
        for (output, what) in [
            ("SignupsQueueUrl", "signups that wait"),
            ("SignupsDeadLettersQueueUrl", "dead letters of signups"),
            ("UndeliveredEventsQueueUrl", "events that reached nobody"),
        ] {
            let Ok(url) = deployment.output(output) else { continue };
            let asked = self.queues.get_queue_attributes().queue_url(url);
            let count = QueueAttributeName::ApproximateNumberOfMessages;
            let answer = asked.attribute_names(count.clone()).send().await;
            let count = answer.ok().and_then(|it| it.attributes()?.get(&count).cloned());
            lines.push(format!("{what}: {}", count.unwrap_or_else(|| "not to be seen".to_owned())));
        }
        let advice = "docs/runbook.md, \"The canary does not come back\"";
        Failure::new("hear the canary's answer", lines.join("; "), advice).exits(Exit::Failed)
    }

    async fn close(&self) -> Result<(), Failure> {
        let tried = || format!("delete the rule and the queue {}", self.name);
        let remove = self.events.remove_targets().rule(&self.name).event_bus_name(&self.bus);
        let removed = done!(tried(), "events", "RemoveTargets", remove.ids("canary").send());
        let delete = self.events.delete_rule().name(&self.name).event_bus_name(&self.bus);
        let ruled = done!(tried(), "events", "DeleteRule", delete.send());
        let delete = self.queues.delete_queue().queue_url(&self.url);
        let queued = done!(tried(), "sqs", "DeleteQueue", delete.send());
        removed.map(drop).and(ruled.map(drop)).and(queued.map(drop))
    }
}
