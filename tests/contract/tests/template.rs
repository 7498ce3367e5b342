//! template.yaml, the functions, the watch router and the environment agree.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contract_tests::{
    functions, metadata, read, resources, root, template, template_functions, template_routes,
};
use storage_core::key::{Extension, KeySpace, ObjectKey, STAGING_PREFIX, Visibility};
use storage_core::timestamp::Timestamp;
use storage_lambda::config::names::{Preset, VARIABLES};

#[test]
fn every_function_has_its_block_log_group_alarm_and_sample_events() {
    let template = template();
    let blocks: BTreeSet<String> = template_functions(&template).into_keys().collect();
    assert_eq!(blocks, functions(), "functions/ and template.yaml");
    let text = read("template.yaml");
    for name in functions() {
        assert!(text.contains(&format!("/aws/lambda/${{AWS::StackName}}-{name}")), "{name} has no log group");
        let lines = read(&format!("functions/{name}/src/main.rs")).lines().count();
        assert!(lines <= 25, "functions/{name}/src/main.rs has {lines} lines");
        let events = std::fs::read_dir(root().join("functions").join(&name).join("events"));
        let events: Vec<_> = events.unwrap_or_else(|_| panic!("{name} has no events/")).collect();
        assert!(!events.is_empty(), "{name} has no sample event");
        for event in events {
            let sample = std::fs::read_to_string(event.unwrap().path()).unwrap();
            serde_json::from_str::<serde_json::Value>(&sample).unwrap();
        }
    }
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    for block in resources(&template, "AWS::Serverless::Function").keys() {
        let watched = alarms.values().any(|alarm| {
            let dimensions = alarm["Properties"]["Dimensions"].as_array().cloned().unwrap_or_default();
            dimensions.iter().any(|dimension| dimension["Value"]["Ref"] == block.as_str())
        });
        assert!(watched, "{block} has no alarm");
    }
}

#[test]
fn the_watch_router_has_exactly_the_routes_of_the_template() {
    let metadata = metadata();
    let router = metadata["metadata"]["lambda"]["watch"]["router"].as_object().unwrap();
    let mut watched = BTreeSet::new();
    for (path, entries) in router {
        for entry in entries.as_array().unwrap() {
            let text = |field: &str| entry[field].as_str().unwrap().to_owned();
            watched.insert((text("method"), path.clone(), text("function")));
        }
        let preflights = entries.as_array().unwrap().iter().filter(|entry| entry["method"] == "OPTIONS");
        assert_eq!(preflights.count(), 1, "{path} answers no preflight");
    }
    // API Gateway answers preflights by itself.
    watched.retain(|(method, _, _)| method != "OPTIONS");
    assert_eq!(watched, template_routes(&template()));
}

#[test]
fn every_route_of_the_template_is_one_the_function_has() {
    for (method, path, function) in template_routes(&template()) {
        let folder = root().join("functions").join(&function).join("src");
        let sources: String = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
            .collect();
        assert!(sources.contains(&format!("\"{path}\"")), "{function} has no route {method} {path}");
    }
}

#[test]
fn the_template_sets_only_variables_that_are_read() {
    let template = template();
    let mut set: BTreeSet<String> = BTreeSet::new();
    let globals = template["Globals"]["Function"]["Environment"]["Variables"].as_object().cloned();
    set.extend(globals.unwrap_or_default().into_iter().map(|(name, _)| name));
    for function in template_functions(&template).values() {
        let own = function["Properties"]["Environment"]["Variables"].as_object().cloned();
        set.extend(own.unwrap_or_default().into_iter().map(|(name, _)| name));
    }
    let known = |name: &String| {
        VARIABLES.iter().any(|variable| variable.name == name || variable.aliases.contains(&name.as_str()))
    };
    let unknown: Vec<_> = set.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for needed in ["STORAGE_TABLE", "STORAGE_BUCKET", "STORAGE_SHARED_BUCKET", "STORAGE_INGEST_QUEUE_URL"] {
        assert!(set.contains(needed), "{needed} is not set");
    }
}

/// What counts reads all shards of a tenant in one call.
#[test]
fn every_function_that_looks_at_quotas_may_read_the_counters() {
    let mut found = 0;
    for (name, block) in template_functions(&template()) {
        let folder = root().join("functions").join(&name).join("src");
        let sources: String = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
            .collect();
        let counts = ["Uploads::new", "Transfers::new", "Administration::new", "Recount::new", "Ingest::new"];
        if counts.iter().any(|service| sources.contains(service)) {
            assert!(block.to_string().contains("dynamodb:BatchGetItem"), "{name}");
            found += 1;
        }
    }
    assert!(found >= 7, "{found}");
}

/// A deployment takes files that are too large for a form, or uploads in parts would never happen.
#[test]
fn the_template_takes_files_that_are_sent_in_parts() {
    let most = template()["Parameters"]["MaxFileBytes"]["Default"].as_u64().unwrap();
    let form = VARIABLES.iter().find(|variable| variable.name == "STORAGE_POST_MAX_BYTES").unwrap();
    let Preset::Is(form) = form.preset else { panic!("no default") };
    assert!(most > form.parse::<u64>().unwrap());
}

/// G07: no key the system writes outside of staging matches the filter that makes events.
#[test]
fn g07_the_notification_filter_matches_uploads_and_nothing_else() {
    let buckets = resources(&template(), "AWS::S3::Bucket");
    let mut prefixes = Vec::new();
    for bucket in buckets.values() {
        let queues = &bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"];
        for queue in queues.as_array().into_iter().flatten() {
            let rules = queue["Filter"]["S3Key"]["Rules"].as_array().unwrap();
            let prefix = rules.iter().find(|rule| rule["Name"] == "prefix").unwrap();
            prefixes.push(prefix["Value"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(prefixes, [STAGING_PREFIX]);
    let file = storage_core::ids::FileId::generate();
    let bin = Extension::BIN;
    let tenant = storage_core::ids::TenantId::from(uuid::Uuid::new_v4());
    for tenant in [None, Some(tenant)] {
        let space = KeySpace { base: None, tenant };
        for key in [
            ObjectKey::AttachmentMetadata { file },
            ObjectKey::attachment(Visibility::Public, Timestamp::from_millis(0), file, bin),
            ObjectKey::attachment(Visibility::Private, Timestamp::from_millis(0), file, bin),
        ] {
            assert!(!key.path(&space).as_str().starts_with(&prefixes[0]));
        }
    }
}

#[test]
fn the_staging_bucket_is_private_and_lets_browsers_read_what_they_need() {
    let buckets = resources(&template(), "AWS::S3::Bucket");
    for (name, bucket) in &buckets {
        let access = &bucket["Properties"]["PublicAccessBlockConfiguration"];
        for rule in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            assert_eq!(access[rule], true, "{name} {rule}");
        }
        let lifecycle = bucket["Properties"]["LifecycleConfiguration"].to_string();
        assert!(lifecycle.contains("AbortIncompleteMultipartUpload"), "{name}");
    }
    let cors: Vec<_> =
        buckets.values().filter_map(|bucket| bucket["Properties"].get("CorsConfiguration")).collect();
    assert_eq!(cors.len(), 1, "only the staging bucket talks to browsers");
    let exposed = cors[0].to_string();
    assert!(exposed.contains("ETag") && exposed.contains("Location"), "{exposed}");
}

#[test]
fn the_development_stack_starts_every_function() {
    let source = read("dev/src/watch.rs");
    let list = source.split("FUNCTIONS: &[&str] = &[").nth(1).unwrap().split("];").next().unwrap();
    let started: BTreeSet<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(started, functions());
}

/// G49: where uploads are scanned, all of them are, the verdicts reach the queue, and nobody else can write one.
#[test]
fn g49_the_plan_scans_every_upload_and_its_verdicts_reach_the_queue() {
    let template = template();
    let only = |kind: &str| {
        let found = resources(&template, kind);
        assert_eq!(found.len(), 1, "{kind}");
        let resource = found.into_values().next().unwrap();
        assert_eq!(resource["Condition"], "HasScans", "{kind}");
        resource["Properties"].clone()
    };
    let plan = only("AWS::GuardDuty::MalwareProtectionPlan");
    let scanned = &plan["ProtectedResource"]["S3Bucket"];
    assert_eq!(scanned["BucketName"]["Ref"], "StagingBucket");
    assert_eq!(scanned["ObjectPrefixes"], serde_json::json!([STAGING_PREFIX]));
    assert_eq!(plan["Actions"]["Tagging"]["Status"], "ENABLED");

    let rule = only("AWS::Events::Rule");
    let event = serde_json::json!({
        "source": rule["EventPattern"]["source"][0],
        "detail-type": rule["EventPattern"]["detail-type"][0],
        "detail": {
            "s3ObjectDetails": { "bucketName": "staging", "objectKey": "temp/uploads/x", "eTag": "x" },
            "scanResultDetails": { "scanResultStatus": "NO_THREATS_FOUND" },
        },
    });
    let deliveries = storage_lambda::events::parse(&event);
    assert_eq!(deliveries[0].scans.len(), 1, "process-upload reads what the rule lets through");

    let policies = resources(&template, "AWS::S3::BucketPolicy");
    let staging = policies.values().find(|policy| policy["Properties"]["Bucket"]["Ref"] == "StagingBucket");
    let text = staging.unwrap().to_string();
    assert!(text.contains("DenyForgedVerdicts") && text.contains("s3:PutObjectVersionTagging"), "{text}");
}
