use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storage_aws::*;
use storage_core::ids::BucketName;
use storage_core::key::StorageKey;
use storage_core::ports::*;
#[derive(Clone)]
struct W(Arc<Mutex<Vec<u8>>>);
impl Write for W { fn write(&mut self, b: &[u8]) -> std::io::Result<usize> { self.0.lock().unwrap().extend_from_slice(b); Ok(b.len()) } fn flush(&mut self) -> std::io::Result<()> { Ok(()) } }
#[tokio::test]
async fn t() {
    let buf = Arc::new(Mutex::new(Vec::new()));
    let w = W(buf.clone());
    tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || w.clone()).with_ansi(false).init();
    let s = AwsSettings { endpoint: Some("http://127.0.0.1:9".into()), access_key_id: Some("AKIDCANARY".into()), secret_access_key: Some(Secret::new("secret-canary")), session_token: Some(Secret::new("session-canary")), max_retries: 0, ..AwsSettings::new("eu-central-1") };
    let b = S3Backend::connect(&s).await.unwrap();
    let o = ObjectRef::new(BucketName::parse("acme-files").unwrap(), StorageKey::parse("a/key-canary").unwrap());
    let u = b.presign_get(&o, None, Duration::from_secs(60), SystemClock.now()).await.unwrap();
    let sig = u.url.split("X-Amz-Signature=").nth(1).unwrap()[..64].to_owned();
    let _ = b.head(&o).await;
    let text = String::from_utf8(buf.lock().unwrap().clone()).unwrap();
    for needle in ["secret-canary", "session-canary", "AKIDCANARY", "key-canary", sig.as_str(), "X-Amz-Signature=", "Signature="] {
        let lines: Vec<_> = text.lines().filter(|l| l.contains(needle)).collect();
        println!("== {needle}: {}", lines.len());
        for l in lines.iter().take(3) { println!("   {}", &l.chars().take(260).collect::<String>()); }
    }
}
