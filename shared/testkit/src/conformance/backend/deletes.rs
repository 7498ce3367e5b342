//! Deletes: success as often as they are asked, and nothing but the named object goes.

use tokio::task::JoinSet;

use super::Bench;

pub(super) async fn a_delete_is_idempotent(bench: Bench) {
    let object = bench.object("a");
    bench.backend.delete(&object).await.unwrap();
    bench.put("a", "bytes").await;
    for _ in 0..3 {
        bench.backend.delete(&object).await.unwrap();
    }
    bench.backend.delete(&bench.object("never/was/here")).await.unwrap();
    bench.assert_missing("a").await;
}

pub(super) async fn a_deleted_object_is_missing(bench: Bench) {
    bench.put("a", "bytes").await;
    bench.put("folder/b", "bytes").await;
    for name in ["a", "folder/b"] {
        bench.backend.delete(&bench.object(name)).await.unwrap();
        bench.assert_missing(name).await;
    }
    assert_eq!(bench.names_under("").await, Vec::<String>::new());
}

pub(super) async fn a_deleted_object_can_be_written_again(bench: Bench) {
    let options = storage_core::ports::PutOptions {
        content_type: Some("image/png".to_owned()),
        metadata: [("name".to_owned(), "value".to_owned())].into(),
        ..Default::default()
    };
    bench.put_with("folder/a", "one", options).await.unwrap();
    bench.backend.delete(&bench.object("folder/a")).await.unwrap();
    bench.put("folder/a", "two").await;
    bench.assert_bytes("folder/a", "two").await;
    let meta = bench.backend.head(&bench.object("folder/a")).await.unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("application/octet-stream"), "of the deleted object");
    assert!(meta.metadata.is_empty(), "of the deleted object: {:?}", meta.metadata);
}

pub(super) async fn a_delete_leaves_its_neighbours(bench: Bench) {
    let names = ["a/a/1", "a/a/2", "a/aa/1", "a/aaa/1", "a/a.x", "a/a*", "a/b/1", "aa/a/1"];
    for name in names {
        bench.put(name, name.as_bytes()).await;
    }
    // What a deletion by prefix does: list literally, delete each.
    for name in bench.names_under("a/a/").await {
        bench.backend.delete(&bench.object(&name)).await.unwrap();
    }
    bench.backend.delete(&bench.object("a/a*")).await.unwrap();
    let left = ["a/a.x", "a/aa/1", "a/aaa/1", "a/b/1", "aa/a/1"];
    let mut listed = bench.names_under("").await;
    listed.sort_unstable();
    assert_eq!(listed, left);
    for name in left {
        bench.assert_bytes(name, name).await;
    }
}

pub(super) async fn a_delete_by_a_prefix_of_any_characters(bench: Bench) {
    for (index, prefix) in
        ["*/", "?/", "[ab]/", "{a,b}/", "a*/", "%2A/", "a?[/", "**/"].into_iter().enumerate()
    {
        let bench = Bench { prefix: format!("{}{index}/", bench.prefix), ..bench.clone() };
        let beside = ["a/1", "b/1", "ab/1", "*x/1", "a.x", "x*/1", "*y"];
        for name in beside {
            bench.put(name, name).await;
        }
        for name in ["1", "2/3", "*"] {
            bench.put(&format!("{prefix}{name}"), name).await;
        }
        let under = bench.names_under(prefix).await;
        assert_eq!(under, [format!("{prefix}*"), format!("{prefix}1"), format!("{prefix}2/3")]);
        for name in under {
            bench.backend.delete(&bench.object(&name)).await.unwrap();
        }
        let mut left = bench.names_under("").await;
        left.sort_unstable();
        let mut expected = beside;
        expected.sort_unstable();
        assert_eq!(left, expected, "after the deletes under {prefix}");
    }
}

pub(super) async fn a_delete_of_a_folder_removes_nothing(bench: Bench) {
    bench.put("folder/inner/a", "bytes").await;
    for name in ["folder", "folder/inner"] {
        bench.backend.delete(&bench.object(name)).await.unwrap();
        bench.assert_bytes("folder/inner/a", "bytes").await;
    }
}

pub(super) async fn racing_deletes_all_succeed(bench: Bench) {
    for name in ["a", "folder/b"] {
        bench.put(name, "bytes").await;
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let bench = bench.clone();
            let object = bench.object(name);
            tasks.spawn(async move { bench.backend.delete(&object).await });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap().unwrap();
        }
        bench.assert_missing(name).await;
    }
}
