//! What a readable file may change: what is said about it, and where it lies.

use super::*;

fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

fn ready() -> FileRecord {
    let worker = WorkerId::generate();
    let claimed = step(&pending(), Event::Claim(worker), 0).unwrap();
    let planned = step(&claimed, Event::Plan(worker, vec![key("private/a")]), 0).unwrap();
    let ingested = Ingested {
        final_key: Some(key("private/a")),
        etag: Some(ETag::new("first")),
        checksum_crc64nvme: Some("crc".to_owned()),
        ..Ingested::default()
    };
    step(&planned, Event::Promote(worker, Box::new(ingested)), 0).unwrap()
}

fn to_public(edit: Edit) -> Event {
    let stored =
        Stored { etag: ETag::new("second"), version_id: Some("v2".into()), checksum_crc64nvme: None };
    let home = Home {
        visibility: Visibility::Public,
        final_key: key("public/a"),
        stored,
        variants: BTreeMap::new(),
    };
    Event::Rehome(Box::new(home), edit)
}

/// A lease and what may still arrive after it.
const SETTLED: u64 = LEASE.as_secs() + SETTLE.as_secs();

#[test]
fn a_new_name_is_remembered_as_one_that_no_object_has() {
    let name = |text| Some(FileName::parse(text).unwrap());
    let renamed = step(&ready(), Event::Edit(Edit { filename: name("b"), metadata: None }), 1).unwrap();
    assert_eq!((renamed.original_filename.clone(), renamed.renamed), (name("b"), true));
    assert_eq!(renamed.due_at, None, "nothing is written");
    let same = step(&ready(), Event::Edit(Edit::default()), 1).unwrap();
    assert!(!same.renamed);
    let planned = step(&renamed, Event::Relocate(vec![key("public/a")]), 2).unwrap();
    let moved = step(&planned, to_public(Edit { filename: name("c"), metadata: None }), 3).unwrap();
    assert_eq!((moved.original_filename, moved.renamed), (name("c"), false), "it is stored with its name");
}

#[test]
fn a_copy_is_committed_in_its_time_and_under_keys_that_are_known() {
    assert_eq!(step(&ready(), to_public(Edit::default()), 1), Err(Refused::LeaseLost), "never planned");
    let planned = step(&ready(), Event::Relocate(vec![key("public/a")]), 10).unwrap();
    assert_eq!(planned.planned_keys, vec![key("private/a"), key("public/a")]);
    assert_eq!((planned.due_at, planned.visibility), (Some(at(10 + SETTLED)), Visibility::Private));
    let late = 10 + LEASE.as_secs();
    assert_eq!(step(&planned, to_public(Edit::default()), late), Err(Refused::LeaseLost));
    let moved = step(&planned, to_public(Edit::default()), late - 1).unwrap();
    assert_eq!((moved.visibility, moved.final_key.clone()), (Visibility::Public, Some(key("public/a"))));
    assert_eq!((moved.etag.as_ref().unwrap().as_str(), moved.version_id.as_deref()), ("second", Some("v2")));
    assert_eq!(moved.checksum_crc64nvme.as_deref(), Some("crc"), "the bytes are the same");
    assert_eq!(moved.left_keys().collect::<Vec<_>>(), [&key("private/a")]);
}

#[test]
fn no_key_is_used_again_while_its_removal_may_be_on_its_way() {
    let planned = step(&ready(), Event::Relocate(vec![key("public/a")]), 0).unwrap();
    let moved = step(&planned, to_public(Edit::default()), 1).unwrap();
    assert_eq!((moved.clearing_until, moved.due_at), (Some(at(1 + SETTLED)), Some(at(1 + SETTLED))));
    let back = || Event::Relocate(vec![key("private/a")]);
    assert_eq!(step(&moved, back(), SETTLED), Err(Refused::Leased));
    step(&moved, back(), 1 + SETTLED).unwrap();
    let cleared = step(&moved, Event::Vacated(moved.due_at), 2).unwrap();
    assert_eq!((cleared.clearing_until, cleared.due_at), (None, moved.due_at), "the sweep still looks");
    step(&cleared, back(), 3).unwrap();
    // The sweep removes too, so it forbids the same.
    assert_eq!(step(&cleared, Event::Vacate, SETTLED), Err(Refused::Time));
    let clearing = step(&cleared, Event::Vacate, 1 + SETTLED).unwrap();
    assert_eq!(step(&clearing, back(), 2 + SETTLED), Err(Refused::Leased));
    assert_eq!(step(&clearing, Event::Vacated(None), 2 + SETTLED).unwrap().due_at, None);
}

#[test]
fn what_is_left_is_cleared_before_the_trash_is_over() {
    let planned = step(&ready(), Event::Relocate(vec![key("public/a")]), 0).unwrap();
    let trashed = step(&planned, Event::Trash(TRASH_LIFE), 1).unwrap();
    assert_eq!(trashed.due_at, planned.due_at);
    assert_eq!(step(&trashed, Event::Restore, 2).unwrap().due_at, planned.due_at);
    let cleared = step(&trashed, Event::Vacated(None), SETTLED).unwrap();
    assert_eq!(cleared.due_at, trashed.delete_after);
    assert_eq!(step(&cleared, Event::Restore, SETTLED + 1).unwrap().due_at, None);
}

#[test]
fn a_deletion_waits_for_a_copy_that_is_under_way() {
    let planned = step(&ready(), Event::Relocate(vec![key("public/a")]), 100).unwrap();
    let gone = step(&planned, Event::Delete, 101).unwrap();
    assert_eq!(gone.due_at, Some(at(100 + SETTLED)));
    for event in
        [Event::Edit(Edit::default()), to_public(Edit::default()), Event::Vacate, Event::Vacated(None)]
    {
        assert_eq!(step(&gone, event, 102), Err(Refused::State(FileState::Deleting)));
    }
}
