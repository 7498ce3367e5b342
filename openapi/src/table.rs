//! The routes: who may call them, what they take, what they answer, and what they refuse beside what all refuse.

use storage_core::ErrorKind::{self, *};

use crate::route::Answer::{Empty, Json, JsonOrPng, List, Redirect, Tagged};
use crate::route::Caller::{Anyone, Ticket, Token, TokenOrTenant};
use crate::route::Header::{IdempotencyKey, IfMatch, IfNoneMatch};
use crate::route::{Caller, Route};

/// What is wrong with a description of a file.
const DESCRIPTION: &[ErrorKind] = &[InvalidFilename, EmptyFile, UnknownField];
/// What issuing can meet.
const ISSUING: &[ErrorKind] = &[Forbidden, NameTaken, StateConflict, QuotaExceeded, RateLimited];
/// What can be wrong with bytes.
const VERDICT: &[ErrorKind] = &[
    FileQuarantined,
    UploadNotFound,
    InvalidImage,
    ImageTooLarge,
    ContentMismatch,
    SizeMismatch,
    ChecksumMismatch,
    EmptyFile,
    ContentChanged,
    AttemptsExhausted,
];
/// What copies, moves and claims can meet.
const TRANSFER: &[ErrorKind] =
    &[InvalidId, InvalidFilename, UnknownField, Forbidden, NotFound, StateConflict, NameTaken, QuotaExceeded];
/// What can be wrong with a sealed name.
const SEALED: &[ErrorKind] = &[InvalidSignature, UrlExpired, NotFound, StateConflict];

/// Every route, in the order of docs/API.md.
pub fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(avatars("users", "User"));
    routes.extend(avatars("agents", "Agent"));
    routes.extend(many_avatars());
    routes.extend(uploads());
    routes.extend(uploaders("", "", Token));
    routes.extend(uploaders("/u/{ticket}", "WithTicket", Ticket));
    routes.extend(records());
    routes.extend(changes());
    routes.extend(deletions());
    routes.extend(administration());
    routes.extend(health());
    routes
}

fn get(path: impl Into<String>, id: impl Into<String>) -> Route {
    Route::new("GET", path, id)
}

fn post(path: impl Into<String>, id: impl Into<String>) -> Route {
    Route::new("POST", path, id)
}

fn delete(path: impl Into<String>, id: impl Into<String>) -> Route {
    Route::new("DELETE", path, id)
}

fn avatars(kind: &str, name: &str) -> [Route; 4] {
    let path = format!("/{kind}/{{id}}/avatar");
    [
        post(&path, format!("upload{name}Avatar"))
            .does("Avatars", "Uploads an avatar in the request, or issues a form for it")
            .header(IdempotencyKey)
            .form_or_json("AvatarForm", "AvatarRequest")
            .answers(201, Json(&["FileView", "IssuedView"]))
            .answers(202, Json(&["FileView"]))
            .refuses(&[InvalidId, InvalidExpiry, NotFound, NotReady])
            .refuses(DESCRIPTION)
            .refuses(ISSUING)
            .refuses(VERDICT),
        get(&path, format!("show{name}Avatar"))
            .does("Avatars", "Redirects to one size of the current avatar")
            .by(TokenOrTenant)
            .query("Avatar")
            .answers(302, Redirect)
            .answers(200, JsonOrPng(&["UrlView", "FallbackView"]))
            .refuses(&[InvalidId, NotFound, NotAcceptable]),
        get(format!("{path}/info"), format!("describe{name}Avatar"))
            .does("Avatars", "Describes the current avatar: sizes, placeholder, state")
            .by(TokenOrTenant)
            .query("Tenant")
            .answers(200, Json(&["AvatarView"]))
            .refuses(&[InvalidId]),
        delete(&path, format!("delete{name}Avatar"))
            .does("Avatars", "Deletes the avatar for good, and every upload of one that was asked for before")
            .answers(204, Empty("It is gone."))
            .refuses(&[InvalidId, Forbidden, StateConflict]),
    ]
}

fn many_avatars() -> [Route; 2] {
    [
        post("/avatars/urls", "resolveAvatars")
            .does("Avatars", "URLs of up to 200 avatars")
            .json("AvatarBatch")
            .answers(200, Json(&["AvatarUrls"])),
        get("/storage/avatars/{kind}/{id}/{file}", "showAvatarByPath")
            .does("Avatars", "Redirects from a stable path such as `users/{id}/medium.jpg`")
            .by(TokenOrTenant)
            .query("Tenant")
            .answers(302, Redirect)
            .refuses(&[InvalidId, NotFound]),
    ]
}

fn uploads() -> [Route; 5] {
    let direct = |path: &str, id: &str| {
        post(path, id)
            .does("Uploads", "Uploads a file of up to 4 MB in the request")
            .header(IdempotencyKey)
            .form("FileForm")
            .answers(201, Json(&["FileView"]))
            .answers(202, Json(&["FileView"]))
            .refuses(&[NotReady, NotFound])
            .refuses(DESCRIPTION)
            .refuses(ISSUING)
            .refuses(VERDICT)
    };
    [
        direct("/files/upload", "uploadFile"),
        direct("/upload", "uploadFileByAlias"),
        post("/files/presigned-upload", "issueUpload")
            .does("Uploads", "Issues an upload straight to storage, or up to 100 of them")
            .header(IdempotencyKey)
            .json("PresignBody")
            .answers(201, Json(&["IssuedView", "IssuedBatch"]))
            .refuses(&[InvalidExpiry])
            .refuses(DESCRIPTION)
            .refuses(ISSUING),
        post("/files/{id}/complete", "completeUpload")
            .does("Uploads", "Checks and publishes what was uploaded")
            .optional_json("Nothing")
            .answers(200, Json(&["FileView"]))
            .answers(202, Json(&["FileView"]))
            .refuses(&[InvalidId, NotFound])
            .refuses(VERDICT),
        post("/uploads/tickets", "issueTicket")
            .does("Uploads", "Issues a ticket for uploaders that send no headers")
            .optional_json("TicketRequest")
            .answers(201, Json(&["TicketView"]))
            .refuses(&[InvalidId, InvalidExpiry, Forbidden]),
    ]
}

/// What browser uploaders speak, with a token or with a ticket.
fn uploaders(prefix: &str, with: &str, caller: Caller) -> Vec<Route> {
    let upload = format!("{prefix}/s3/multipart/{{upload_id}}");
    let named = |name: &str| format!("{name}{with}");
    let routes = [
        get(format!("{prefix}/s3/params"), named("uploaderForm"))
            .does("Uploaders", "Issues a form")
            .file_query()
            .answers(200, Json(&["FormView"]))
            .refuses(&[InvalidId])
            .refuses(DESCRIPTION)
            .refuses(ISSUING),
        post(format!("{prefix}/s3/multipart"), named("uploaderBegin"))
            .does("Uploaders", "Begins an upload in parts")
            .json("UppyFile")
            .answers(200, Json(&["CreatedView"]))
            .refuses(&[InvalidId])
            .refuses(DESCRIPTION)
            .refuses(ISSUING),
        get(&upload, named("uploaderParts"))
            .does("Uploaders", "Lists the parts that have arrived")
            .query("Key")
            .answers(200, List("PartView"))
            .refuses(SEALED),
        get(format!("{upload}/{{number}}"), named("uploaderPart"))
            .does("Uploaders", "Signs the URL of a part")
            .query("Key")
            .answers(200, Json(&["PartUrl"]))
            .refuses(SEALED),
        get(format!("{upload}/batch"), named("uploaderPartBatch"))
            .does("Uploaders", "Signs the URLs of up to 1,000 parts")
            .query("PartNumbers")
            .answers(200, Json(&["PartUrls"]))
            .refuses(SEALED),
        post(format!("{upload}/complete"), named("uploaderComplete"))
            .does("Uploaders", "Makes one file of the parts")
            .query("Key")
            .json("CompleteRequest")
            .answers(200, Json(&["CompletedView"]))
            .refuses(SEALED)
            .refuses(&[QuotaExceeded, EmptyFile, UploadNotFound]),
        delete(&upload, named("uploaderAbort"))
            .does("Uploaders", "Ends an upload and removes its parts")
            .query("Key")
            .answers(200, Json(&["Nothing"]))
            .refuses(SEALED),
        post(format!("{prefix}/s3/sign"), named("uploaderSign"))
            .does("Uploaders", "Signs one call of S3 that the browser makes itself")
            .json("SignRequest")
            .answers(200, Json(&["SignedView"]))
            .refuses(&[InvalidId])
            .refuses(DESCRIPTION)
            .refuses(ISSUING)
            .refuses(SEALED),
    ];
    let held = |route: Route| match caller {
        Ticket => route.by(caller).refuses(&[InvalidSignature, UrlExpired, Forbidden]),
        _ => route.by(caller),
    };
    routes.into_iter().map(held).collect()
}

fn records() -> [Route; 5] {
    let download = |path: &str, id: &str| {
        get(path, id)
            .does("Files", "Redirects to the bytes")
            .query("Download")
            .answers(302, Redirect)
            .refuses(&[InvalidId, InvalidFilename, NotFound, NotReady])
            .refuses(VERDICT)
    };
    [
        get("/files", "listFiles")
            .does("Files", "Lists the files of an owner, newest first")
            .query("Files")
            .answers(200, Json(&["FilePage"]))
            .refuses(&[InvalidCursor, Forbidden]),
        get("/files/{id}", "readFile")
            .does("Files", "Reads the record of a file")
            .header(IfNoneMatch)
            .answers(200, Tagged("FileView"))
            .answers(304, Empty("It has not changed."))
            .refuses(&[InvalidId, NotFound]),
        download("/files/{id}/download", "downloadFile"),
        download("/download/{id}", "downloadFileByAlias"),
        post("/files/urls", "resolveFiles")
            .does("Files", "URLs of up to 200 files")
            .json("FileBatch")
            .answers(200, Json(&["FileUrls"])),
    ]
}

fn changes() -> [Route; 4] {
    [
        Route::new("PATCH", "/files/{id}", "changeFile")
            .does("Files", "Changes the name, the metadata, or who may read a file")
            .header(IfMatch)
            .json("PatchRequest")
            .answers(200, Tagged("FileView"))
            .refuses(&[InvalidId, InvalidFilename, Forbidden, NotFound, StateConflict, RequestInProgress]),
        post("/files/{id}/copy", "copyFile")
            .does("Files", "Makes a second file of a file")
            .header(IdempotencyKey)
            .optional_json("CopyFileRequest")
            .answers(201, Json(&["FileView"]))
            .refuses(TRANSFER),
        post("/files/{id}/move", "moveFile")
            .does("Files", "Makes another file of a file, which ends")
            .header(IdempotencyKey)
            .optional_json("MoveFileRequest")
            .answers(200, Json(&["FileView"]))
            .refuses(TRANSFER),
        post("/files/{id}/claim", "claimFile")
            .does("Files", "Takes a file that waited for its tenant")
            .header(IdempotencyKey)
            .optional_json("ClaimRequest")
            .answers(200, Json(&["FileView"]))
            .refuses(TRANSFER),
    ]
}

fn deletions() -> [Route; 4] {
    let deletes = |path: &str, id: &str| {
        delete(path, id)
            .does("Files", "Moves a file to the trash, or deletes it for good")
            .query("Delete")
            .answers(204, Empty("It is gone."))
            .refuses(&[InvalidId, NotFound, StateConflict])
    };
    [
        deletes("/files/{id}", "deleteFile"),
        deletes("/delete/{id}", "deleteFileByAlias"),
        post("/files/delete", "deleteFiles")
            .does("Files", "Deletes up to 1,000 files")
            .header(IdempotencyKey)
            .json("DeleteMany")
            .answers(200, Json(&["Deleted"])),
        post("/files/{id}/restore", "restoreFile")
            .does("Files", "Takes a file out of the trash")
            .header(IdempotencyKey)
            .optional_json("Nothing")
            .answers(200, Json(&["FileView"]))
            .refuses(&[InvalidId, NotFound, StateConflict]),
    ]
}

fn administration() -> [Route; 4] {
    [
        get("/admin/audit", "readAudit")
            .does("Administration", "The history of a file")
            .query("Audit")
            .answers(200, Json(&["AuditView"]))
            .refuses(&[InvalidId, Forbidden, NotFound]),
        get("/admin/usage", "readUsage")
            .does("Administration", "What the tenant stores")
            .answers(200, Json(&["UsageView"]))
            .refuses(&[Forbidden]),
        post("/cleanup", "cleanUp")
            .does("Administration", "Names the tenant's old files, or puts them into the trash")
            .query("Cleanup")
            .optional_json("Nothing")
            .answers(200, Json(&["CleanupView"]))
            .refuses(&[InvalidCursor, Forbidden]),
        post("/admin/files/{id}/release", "releaseFile")
            .does("Administration", "Lets a file out of quarantine")
            .optional_json("Nothing")
            .answers(202, Json(&["FileView"]))
            .refuses(&[InvalidId, Forbidden, NotFound, StateConflict]),
    ]
}

fn health() -> [Route; 2] {
    [
        get("/health", "health")
            .does("Health", "Whether the process runs")
            .by(Anyone)
            .answers(200, Json(&["Alive"])),
        get("/health/ready", "ready")
            .does("Health", "Whether storage and metadata answer")
            .by(Anyone)
            .answers(200, Json(&["Readiness"]))
            .answers(503, Json(&["Readiness"])),
    ]
}
