//! The app: every function composed over one world.

use std::sync::Arc;

use storage_core::ids::TenantId;
use storage_core::ports::{ObjectStore, PresignPost, Scanner, UrlSigner};
use storage_imaging::Imaging;
use storage_lambda::config::{Config, Redacted, SealKey};
use storage_lambda::http::HttpSettings;
use storage_lambda::http::auth::Authenticator;
use storage_lambda::seal::Sealer;
use storage_lambda::wiring;
use storage_services::admin::Administration;
use storage_services::cleanup::Cleanup;
use storage_services::deletion::Deletion;
use storage_services::edits::Edits;
use storage_services::ingest::Ingest;
use storage_services::ledger::Ledger;
use storage_services::listing::Listing;
use storage_services::part_uploads::PartUploads;
use storage_services::quarantine::Quarantine;
use storage_services::resolve::Resolver;
use storage_services::settings::Settings;
use storage_services::sweep::Sweep;
use storage_services::transfers::Transfers;
use storage_services::uploads::Uploads;
use storage_testkit::clock::ManualClock;
use storage_testkit::faulty::{Faults, Faulty};
use storage_testkit::jwt::{AUDIENCE, ISSUER, Issuer};
use storage_testkit::memory::{MemoryBackend, MemoryScanner, MemoryStore};

use crate::doubles::{PathSigner, Queue};
use crate::{Calls, Forms, Gateway, logs};

/// The bucket of final objects. No error may show this name.
pub const BUCKET: &str = "canary-files";
/// The staging bucket. No error may show this name either.
pub const STAGING: &str = "canary-staging";

/// The whole system in one process.
pub struct TestApp {
    /// The clock of tokens, records and objects.
    pub clock: Arc<ManualClock>,
    /// The metadata.
    pub store: Arc<MemoryStore>,
    /// The objects.
    pub storage: Arc<MemoryBackend>,
    /// What goes wrong with the metadata, and what was asked of it.
    pub store_faults: Faults,
    /// What goes wrong with the storage, and what was asked of it.
    pub storage_faults: Faults,
    /// What scans uploads, where the policy asks for it. It knows nothing until a test says so.
    pub malware: Arc<MemoryScanner>,
    /// What goes wrong with that, and what was asked of it.
    pub scan_faults: Faults,
    /// The forms that were signed.
    pub forms: Arc<Forms>,
    /// The calls of uploads in parts that were signed.
    pub calls: Arc<Calls>,
    /// The tenant of [`TestApp::user`].
    pub tenant: TenantId,
    pub(crate) issuer: Issuer,
    pub(crate) gateway: Gateway,
    pub(crate) process: process_upload::State,
    pub(crate) publish: publish_event::State,
    pub(crate) queue: Arc<Queue>,
    pub(crate) sweep: Sweep,
}

impl Default for TestApp {
    fn default() -> Self {
        Self::new()
    }
}

impl TestApp {
    /// A development stack with nothing in it.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same with other environment variables.
    pub fn with(variables: &[(&str, &str)]) -> Self {
        Self::scanned_by(variables, |_, double| double)
    }

    /// The same with settings that no variable sets.
    pub fn tuned(variables: &[(&str, &str)], tune: impl FnOnce(&mut Settings)) -> Self {
        Self::composed(variables, tune, |_, double| double)
    }

    /// The same with something that scans the objects of this store, in place of the double.
    pub fn scanned_by(
        variables: &[(&str, &str)],
        scanner: impl FnOnce(Arc<MemoryBackend>, Arc<dyn Scanner>) -> Arc<dyn Scanner>,
    ) -> Self {
        Self::composed(variables, |_| {}, scanner)
    }

    fn composed(
        variables: &[(&str, &str)],
        tune: impl FnOnce(&mut Settings),
        scanner: impl FnOnce(Arc<MemoryBackend>, Arc<dyn Scanner>) -> Arc<dyn Scanner>,
    ) -> Self {
        logs::install();
        let issuer = Issuer::es256();
        let config = Arc::new(config(&issuer, variables));
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new());
        let buckets = [&config.buckets.staging, &config.buckets.files];
        let storage = Arc::new(MemoryBackend::with_clock(&buckets, clock.clone()));
        let (store_faults, storage_faults) = (Faults::new(), Faults::new());
        let (forms, queue) = (Arc::new(Forms::default()), Arc::new(Queue::default()));
        let calls = Arc::new(Calls::default());

        let ledger = Ledger::new(Arc::new(Faulty::new(store.clone(), store_faults.clone())), clock.clone());
        let backend: Arc<dyn ObjectStore> = Arc::new(Faulty::new(storage.clone(), storage_faults.clone()));
        let authenticator =
            Arc::new(Authenticator::new(&config.auth, &config.tenancy, None, clock.clone()).unwrap());
        let http = HttpSettings::from(config.as_ref());
        let mut settings = wiring::settings(&config).as_ref().clone();
        tune(&mut settings);
        let settings = Arc::new(settings);
        let uploads = Uploads::new(ledger.clone(), settings.clone(), wiring::backend_name(&config));
        let (malware, scan_faults) = (Arc::new(MemoryScanner::new()), Faults::new());
        let double = Arc::new(Faulty::new(malware.clone(), scan_faults.clone()));
        let scanner = scanner(storage.clone(), double);
        let ingest = Ingest::new(ledger.clone(), backend.clone(), Arc::new(Imaging), settings.clone())
            .with_scanner(scanner.clone());
        let signer: Arc<dyn UrlSigner> = Arc::new(PathSigner);
        let resolver = Resolver::new(ledger.clone(), settings.clone(), signer);
        let presign: Arc<dyn PresignPost> = forms.clone();
        let publish = publish_event::State { ledger: ledger.clone(), resolver: resolver.clone() };

        let base_url: Arc<str> = config.delivery.public_base_url.as_deref().unwrap_or_default().into();
        let key = SealKey { id: "test".to_owned(), key: Redacted::new([7; 32]) };
        let sealer = Arc::new(Sealer::new(&[key]).unwrap());

        let functions = [
            (
                "issue-upload",
                issue_upload::router(issue_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    parts: PartUploads::new(uploads.clone(), backend.clone(), calls.clone(), queue.clone()),
                    uploads: uploads.clone(),
                    presign: presign.clone(),
                    sealer: sealer.clone(),
                    clock: clock.clone(),
                    public_base_url: base_url.clone(),
                }),
            ),
            (
                "direct-upload",
                direct_upload::router(direct_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    uploads,
                    ingest: ingest.clone(),
                    resolver: resolver.clone(),
                    presign,
                    clock: clock.clone(),
                    settings: settings.clone(),
                }),
            ),
            (
                "complete-upload",
                complete_upload::router(complete_upload::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    ingest: ingest.clone(),
                    resolver: resolver.clone(),
                    queue: queue.clone(),
                }),
            ),
            (
                "edit-file",
                edit_file::router(edit_file::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    edits: Edits::new(ledger.clone(), settings.clone(), backend.clone()),
                    transfers: Transfers::new(
                        ledger.clone(),
                        settings.clone(),
                        backend.clone(),
                        wiring::backend_name(&config),
                    ),
                    resolver: resolver.clone(),
                }),
            ),
            (
                "resolve-url",
                resolve_url::router(resolve_url::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    listing: Listing::new(ledger.clone(), settings.clone()),
                    sealer: sealer.clone(),
                    clock: clock.clone(),
                    resolver,
                    public_base_url: base_url,
                }),
            ),
            (
                "delete-file",
                delete_file::router(delete_file::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    deletion: Deletion::new(ledger.clone(), settings.clone(), backend.clone()),
                }),
            ),
            (
                "manage-storage",
                manage_storage::router(manage_storage::State {
                    authenticator: authenticator.clone(),
                    http: http.clone(),
                    administration: Administration::new(ledger.clone(), settings.clone()),
                    cleanup: Cleanup::new(ledger.clone(), settings.clone(), backend.clone()),
                    quarantine: Quarantine::new(
                        ledger.clone(),
                        settings.clone(),
                        backend.clone(),
                        queue.clone(),
                    ),
                    sealer: sealer.clone(),
                    clock: clock.clone(),
                }),
            ),
            (
                "health",
                health::router(health::State {
                    checks: Arc::new(health::Checks::new(&config, ledger.clone(), backend.clone())),
                    config,
                }),
            ),
        ];
        TestApp {
            clock,
            store,
            storage: storage.clone(),
            store_faults,
            storage_faults,
            malware,
            scan_faults,
            forms,
            calls,
            tenant: TenantId::parse("11111111-1111-4111-8111-111111111111").unwrap(),
            issuer,
            gateway: Gateway::new(functions.into()),
            sweep: Sweep::new(ledger.clone(), backend.clone(), queue.clone(), settings.clone())
                .with_scanner(scanner),
            process: process_upload::State {
                ingest,
                ledger,
                storage: backend,
                queue: queue.clone(),
                settings,
            },
            publish,
            queue,
        }
    }
}

/// A development configuration whose tokens come from `issuer`.
fn config(issuer: &Issuer, variables: &[(&str, &str)]) -> Config {
    let jwks = issuer.jwks().to_string();
    let base = [
        ("STORAGE_ENVIRONMENT", "development"),
        ("STORAGE_BACKEND", "s3"),
        ("STORAGE_BUCKET", BUCKET),
        ("STORAGE_SHARED_BUCKET", STAGING),
        ("STORAGE_JWT_ISSUER", ISSUER),
        ("STORAGE_JWT_AUDIENCE", AUDIENCE),
        ("STORAGE_JWKS", &jwks),
        ("STORAGE_PUBLIC_BASE_URL", "https://api.test"),
    ];
    let lookup = |name: &str| {
        let found = variables.iter().chain(&base).find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    match Config::from_lookup(lookup) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}
