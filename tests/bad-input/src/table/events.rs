//! Events: E01 to E16.

use serde_json::{Value, json};
use storage_core::ports::ObjectRef;

use crate::{Case, Expect};

/// What the columns mean for events.
pub const ABOUT: &str = "A message of the queue, while one upload waits. The state is that of its record afterwards; \
    `pending` means that the record has not changed at all. A message that comes back is in `batchItemFailures`; \
    after five deliveries it is in the dead-letter queue.";

/// A message, and whether it comes back.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// What it says.
    pub event: Event,
    /// Whether it is in `batchItemFailures`.
    pub comes_back: bool,
}

/// What a message says. Each starts from the event that S3 sends for the upload, where there is one.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// This text, and no event.
    Text(&'static str),
    /// The event with the value at this JSON pointer replaced by this JSON.
    With(&'static str, &'static str),
    /// The event without this member of the object at this JSON pointer.
    Without(&'static str, &'static str),
    /// The event with this text, as it stands, for the key.
    Key(&'static str),
    /// The event with a key of 1,025 bytes.
    LongKey,
    /// The event with `temp/` in its key replaced by this.
    Under(&'static str),
    /// The event of another bucket.
    Bucket(&'static str),
    /// What EventBridge sends for the upload.
    Bridge,
    /// The same with its key percent-encoded, which EventBridge never does.
    EncodedBridge,
    /// The event, in what SNS wraps around it.
    Notification,
    /// The event, written with members twice, numbers as texts and members nobody knows.
    Sprawling,
    /// The event 10,000 times, most of them of uploads that nobody waits for.
    Crowd,
    /// The event of a file that is in this state already.
    Settled(&'static str),
    /// The event of an object that is gone.
    Gone,
    /// The event, while S3 answers the HEAD with 403. Later it does not.
    Forbidden,
}

impl Event {
    /// The body of the message, given the upload and the event that S3 sends for it.
    pub fn body(self, object: &ObjectRef, sent: &Value) -> String {
        let mut event = sent.clone();
        let key = |event: &mut Value, key: &str| event["Records"][0]["s3"]["object"]["key"] = json!(key);
        match self {
            Event::Text(text) => return text.to_owned(),
            Event::With(pointer, value) => {
                *event.pointer_mut(pointer).expect(pointer) = serde_json::from_str(value).unwrap();
            }
            Event::Without(pointer, member) => {
                let members = event.pointer_mut(pointer).expect(pointer).as_object_mut().unwrap();
                members.remove(member).expect(member);
            }
            Event::Key(text) => key(&mut event, text),
            Event::LongKey => key(&mut event, &["a".repeat(200), "/".to_owned()].concat().repeat(6)[..1025]),
            Event::Under(text) => {
                let moved = sent["Records"][0]["s3"]["object"]["key"].as_str().unwrap();
                key(&mut event, &moved.replacen("temp/", text, 1));
            }
            Event::Bucket(name) => event["Records"][0]["s3"]["bucket"]["name"] = json!(name),
            Event::Bridge => event = bridge(object, object.key.as_str()),
            Event::EncodedBridge => event = bridge(object, &object.key.as_str().replace('/', "%2F")),
            Event::Notification => {
                event = json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t",
                    "Message": sent.to_string() });
            }
            Event::Sprawling => return sprawling(object),
            Event::Crowd | Event::Settled(_) | Event::Gone | Event::Forbidden => {}
        }
        event.to_string()
    }
}

fn bridge(object: &ObjectRef, key: &str) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-20T12:00:01Z",
        "region": "us-east-1",
        "resources": [format!("arn:aws:s3:::{}", object.bucket)],
        "detail": {
            "version": "0",
            "bucket": { "name": object.bucket.as_str() },
            "object": { "key": key, "size": 5, "etag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0A" },
            "reason": "PostObject",
        },
    })
}

fn sprawling(object: &ObjectRef) -> String {
    format!(
        r#"{{"Records":[{{"eventName":"ObjectRemoved:Delete","eventName":"ObjectCreated:Post","new":{{"x":[1]}},
        "s3":{{"s3SchemaVersion":1.0,"bucket":{{"name":"{}","extra":null}},
        "object":{{"key":"other","key":"{}","size":"12","sequencer":7}}}}}}],"more":true}}"#,
        object.bucket, object.key
    )
}

const PENDING: Expect = Expect { status: 0, code: None, state: Some("pending") };
const READY: Expect = Expect { status: 0, code: None, state: Some("ready") };

/// Done, and nothing of it was about the upload.
const fn ignored(id: &'static str, what: &'static str, event: Event) -> Case<Message> {
    Case { id, what, input: Message { event, comes_back: false }, expect: PENDING }
}

/// Comes back, and ends in the dead-letter queue.
const fn poison(id: &'static str, what: &'static str, event: Event) -> Case<Message> {
    Case { id, what, input: Message { event, comes_back: true }, expect: PENDING }
}

/// Done: the upload is what HEAD and its record say, whatever the event says.
const fn taken(id: &'static str, what: &'static str, event: Event) -> Case<Message> {
    Case { id, what, input: Message { event, comes_back: false }, expect: READY }
}

/// Done: no change of the record, and the object on staging is removed.
const fn settled(id: &'static str, what: &'static str, state: &'static str) -> Case<Message> {
    let input = Message { event: Event::Settled(state), comes_back: false };
    Case { id, what, input, expect: Expect { status: 0, code: None, state: Some(state) } }
}

const RECORD: &str = "/Records/0";
const OBJECT: &str = "/Records/0/s3/object";
const NAME: &str = "/Records/0/eventName";
const SIZE: &str = "/Records/0/s3/object/size";
const TAG: &str = "/Records/0/s3/object/eTag";
const SEQUENCER: &str = "/Records/0/s3/object/sequencer";

const TEST_EVENT: &str =
    r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T12:00:00.000Z","Bucket":"b"}"#;
const AVATAR: &str = "public/avatars/users/22222222-2222-4222-8222-222222222222/\
    01920000-0000-7000-8000-000000000001/small.jpg";
const ATTACHMENT: &str = "private/attachments/2026/11/01920000-0000-7000-8000-000000000001.txt";
const QUARANTINE: &str =
    "quarantine/11111111-1111-4111-8111-111111111111/01920000-0000-7000-8000-000000000001";

/// The cases.
pub const CASES: &[Case<Message>] = &[
    ignored("E01a", "`{}`: ignored", Event::Text("{}")),
    ignored("E01b", "`null`: ignored", Event::Text("null")),
    ignored("E01c", "`s3:TestEvent`: ignored", Event::Text(TEST_EVENT)),
    ignored("E01d", "no records: ignored", Event::Text(r#"{"Records":[]}"#)),
    poison("E02a", "no JSON: comes back", Event::Text("{not json")),
    poison("E02b", "an empty body: comes back", Event::Text("")),
    poison("E02c", "JSON that is no event: comes back", Event::Text(r#"{"what":"is this"}"#)),
    ignored("E03a", "the key `a+b%20c%2Bd%C3%A9`: no upload, ignored", Event::Key("a+b%20c%2Bd%C3%A9")),
    poison("E04a", "the key `temp/%FF%FE`: comes back", Event::Under("temp/%FF%FE/")),
    poison("E04b", "the key `%zz`: comes back", Event::Under("%zz/")),
    poison("E04c", "the key `%`: comes back", Event::Key("%")),
    poison("E05a", "a key with `..`: comes back", Event::Under("temp/uploads/../../temp/")),
    poison("E05b", "an absolute key: comes back", Event::Under("/temp/")),
    poison("E05c", "a key with NUL: comes back", Event::Under("temp%00/")),
    poison("E05d", "a key of 1,025 bytes: comes back", Event::LongKey),
    poison("E05e", "an empty key: comes back", Event::Key("")),
    taken("E06a", "the shape of EventBridge", Event::Bridge),
    ignored("E06b", "an encoded key in the shape of EventBridge: not decoded", Event::EncodedBridge),
    poison("E07", "S3 in SNS in SQS, which is not configured: comes back", Event::Notification),
    ignored("E08a", "`ObjectRemoved:Delete`: ignored", Event::With(NAME, r#""ObjectRemoved:Delete""#)),
    ignored(
        "E08b",
        "`LifecycleExpiration:Delete`: ignored",
        Event::With(NAME, r#""LifecycleExpiration:Delete""#),
    ),
    ignored("E08c", "no name: ignored", Event::Without(RECORD, "eventName")),
    taken("E08d", "`ObjectCreated:Copy`", Event::With(NAME, r#""ObjectCreated:Copy""#)),
    taken(
        "E08e",
        "`ObjectCreated:CompleteMultipartUpload`",
        Event::With(NAME, r#""ObjectCreated:CompleteMultipartUpload""#),
    ),
    taken("E08f", "`ObjectCreated:Put`", Event::With(NAME, r#""ObjectCreated:Put""#)),
    taken("E08g", "`s3:ObjectCreated:Post`", Event::With(NAME, r#""s3:ObjectCreated:Post""#)),
    taken("E09a", "no size: HEAD decides", Event::Without(OBJECT, "size")),
    taken("E09b", "size 0: HEAD decides", Event::With(SIZE, "0")),
    taken("E09c", "a wrong size: HEAD decides", Event::With(SIZE, "99999999999")),
    taken("E09d", "no eTag: HEAD decides", Event::Without(OBJECT, "eTag")),
    taken(
        "E09e",
        "a multipart eTag: HEAD decides",
        Event::With(TAG, r#""d41d8cd98f00b204e9800998ecf8427e-3""#),
    ),
    taken("E09f", "a wrong eTag: HEAD decides", Event::With(TAG, r#""00000000000000000000000000000000""#)),
    ignored("E10a", "a bucket of the stack that is not for uploads: refused", Event::Bucket("canary-files")),
    ignored("E10b", "an unknown bucket: refused", Event::Bucket("somebody-elses")),
    poison("E10c", "a bucket that cannot be: comes back", Event::Bucket("No")),
    poison("E10d", "no bucket: comes back", Event::Without("/Records/0/s3", "bucket")),
    taken(
        "E10e",
        "another region: the name of a bucket is unique in all of them",
        Event::With("/Records/0/awsRegion", r#""mars-north-1""#),
    ),
    taken(
        "E10f",
        "another account: the name of a bucket is unique in all of them",
        Event::With("/Records/0/s3/bucket/ownerIdentity/principalId", r#""SOMEBODY""#),
    ),
    ignored("E11a", "the key of a thumbnail: ignored", Event::Key(AVATAR)),
    ignored("E11b", "the key of a final object: ignored", Event::Key(ATTACHMENT)),
    ignored("E11c", "the key of a quarantined object: ignored", Event::Key(QUARANTINE)),
    taken("E12a", "no sequencer: oldest", Event::Without(OBJECT, "sequencer")),
    taken("E12b", "a sequencer of odd length", Event::With(SEQUENCER, r#""0A1""#)),
    taken("E12c", "a sequencer that is no number: oldest", Event::With(SEQUENCER, r#""zz""#)),
    taken("E13", "10,000 records: all are taken, or come back where the time is short", Event::Crowd),
    settled("E14a", "a file that is ready", "ready"),
    settled("E14b", "a file that failed", "failed"),
    settled("E14c", "a file in quarantine", "quarantined"),
    settled("E14d", "a file that is deleted", "deleted"),
    settled("E14e", "a file that is being deleted", "deleting"),
    settled("E14f", "a file in the bin", "trashed"),
    ignored("E15a", "the object is gone (404): dropped", Event::Gone),
    Case {
        id: "E15b",
        what: "the object is refused (403): comes back, and is taken once it is not",
        input: Message { event: Event::Forbidden, comes_back: true },
        expect: READY,
    },
    taken("E16", "members twice, numbers as texts, unknown members", Event::Sprawling),
];
