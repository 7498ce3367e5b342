//! Keys are opaque: every valid key is one object, and no two keys are the same one.

use super::Bench;

/// Writes an object of each name, then finds each by itself and all in a listing; then deletes each by itself.
async fn assert_distinct(bench: &Bench, names: &[&str]) {
    for name in names {
        bench.put(name, format!("bytes of {name}")).await;
    }
    for name in names {
        bench.assert_bytes(name, format!("bytes of {name}")).await;
        let meta = bench.backend.head(&bench.object(name)).await.unwrap();
        assert_eq!(meta.key, bench.object(name).key);
    }
    assert_eq!(sorted(bench.names_under("").await), sorted(names.to_vec()));
    for (index, name) in names.iter().enumerate() {
        bench.backend.delete(&bench.object(name)).await.unwrap();
        bench.assert_missing(name).await;
        let kept = sorted(names[index + 1..].to_vec());
        assert_eq!(sorted(bench.names_under("").await), kept, "after the delete of {name:?}");
    }
}

fn sorted<T: Ord>(mut names: Vec<T>) -> Vec<T> {
    names.sort_unstable();
    names
}

pub(super) async fn glob_characters_are_literal(bench: Bench) {
    assert_distinct(
        &bench,
        &["*", "?", "a*", "ab", "[ab]", "b", "{a,b}", "a?", "**", "^", "!", "a-z", "[a-z]"],
    )
    .await;
}

pub(super) async fn percent_signs_are_literal(bench: Bench) {
    let names = [
        "%2e%2e/x", "%2E%2E/x", "%252e/x", "%", "%%", "%zz", "%41", "A", "%2F", "a%2Fb", "a%00b", "%25",
        "%C3%A9", "é", "100%/b",
    ];
    assert_distinct(&bench, &names).await;
}

pub(super) async fn spaces_and_punctuation(bench: Bench) {
    let names = [
        "a b", "a+b", "a%20b", "a%2Bb", "a  b", " before", "behind ", "a & b", "a&amp;b", "a=b", "a;b",
        "a,b", "a:b", "a@b", "a$b", "a|b", "a`b", "a^b", "a'b", "a\"b", "<a>", "#a", "a#b", "a?b=c", "(a)",
        "-rf", "--", "~a/..b", "$(id)", "a/ /b",
    ];
    assert_distinct(&bench, &names).await;
}

pub(super) async fn letters_of_all_scripts(bench: Bench) {
    let names = [
        "über",
        "日本語",
        "한국어",
        "العربية",
        "кириллица",
        "😀",
        "👩‍👩‍👧‍👦",
        "🇩🇪/a",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{feff}b",
        "\u{fffd}",
        "𝒳",
    ];
    assert_distinct(&bench, &names).await;
}

pub(super) async fn characters_at_the_edge_of_xml(bench: Bench) {
    assert_distinct(&bench, &["\u{fffd}", "\u{e000}/x", "a\u{fdd0}b"]).await;
}

pub(super) async fn an_object_beside_its_folder(bench: Bench) {
    assert_distinct(&bench, &["a", "a/b", "a/b/c", "a/b/c/d"]).await;
    assert_distinct(&bench, &["x/y/z", "x/y", "x"]).await;
    assert_distinct(&bench, &["p", "p.", "p/q", "p-", "p0", "p!"]).await;
    bench.put("m", "one").await;
    bench.put("m/n", "two").await;
    bench.backend.delete(&bench.object("m")).await.unwrap();
    bench.assert_missing("m").await;
    bench.assert_bytes("m/n", "two").await;
    bench.put("m", "three").await;
    bench.backend.delete(&bench.object("m/n")).await.unwrap();
    bench.assert_bytes("m", "three").await;
}

pub(super) async fn case_pairs_are_different(bench: Bench) {
    assert_distinct(&bench, &["a", "A", "Dir/x", "dir/x", "DIR/X", "é", "É", "ß", "ẞ", "ss", "ı", "i", "İ"])
        .await;
}

pub(super) async fn composed_and_decomposed_are_different(bench: Bench) {
    let names =
        ["\u{e9}", "e\u{301}", "\u{e9}/x", "e\u{301}/x", "\u{fb01}", "fi", "\u{212b}", "\u{c5}", "A\u{30a}"];
    let names = if bench.fixture.differences.object_beside_folder { &names[..] } else { &names[2..] };
    assert_distinct(&bench, names).await;
}

pub(super) async fn a_key_of_1024_bytes(bench: Bench) {
    let room = 1024 - bench.prefix.len();
    let one: String = "0123456789abcde/".chars().cycle().take(room - 1).chain(['x']).collect();
    let other = format!("{}y", &one[..room - 1]);
    for name in [&one, &other] {
        assert_eq!(bench.object(name).key.as_str().len(), 1024);
    }
    assert_distinct(&bench, &[&one, &other]).await;
}

pub(super) async fn a_segment_of_255_bytes(bench: Bench) {
    let ascii = "a".repeat(255);
    let wide = format!("{}a", "é".repeat(127));
    let emoji = format!("{}abc", "😀".repeat(63));
    let dotted = format!("{}.jpg", "b".repeat(251));
    let below = format!("{}/c", "d".repeat(255));
    for name in [&ascii, &wide, &emoji, &dotted] {
        assert_eq!(name.len(), 255);
    }
    assert_distinct(&bench, &[&ascii, &wide, &emoji, &dotted, &below]).await;
}

pub(super) async fn a_key_of_many_segments(bench: Bench) {
    let deep = vec!["a"; 200].join("/");
    let deeper = format!("{deep}b");
    assert_distinct(&bench, &[&deep, &deeper]).await;
}

pub(super) async fn names_like_side_files(bench: Bench) {
    let names = [
        "x",
        "x.json",
        "x.meta",
        "x.meta.json",
        "x.metadata",
        "x.metadata.json",
        ".x.meta.json",
        "x.tmp",
        ".x.tmp",
        ".tmp",
        "tmp/x",
        ".tmp.x",
        "metadata/x",
        "metadata/x.json",
        ".metadata/x",
        "x_metadata.json",
        "objects/x",
        ".objects/x",
        "data",
        "meta",
        "x.data",
        "x~",
        "#x#",
        ".upload_id-x.json",
        ".bucket-x.object-x.metadata.json",
        ".stowage/x",
        ".parts/x",
        ".lock",
        "x.lock",
        "uploads/x",
        "multipart/x",
    ];
    assert_distinct(&bench, &names).await;
}

pub(super) async fn names_of_dots_and_devices(bench: Bench) {
    let names = [
        "...",
        "....",
        ".a",
        "a.",
        "..a",
        "a..",
        "a..b",
        "...../x",
        ".b/..c",
        "CON",
        "nul.txt",
        "COM1",
        "aux/x",
        "a:b:c",
        "x:ads",
        "Icon",
        "desktop.ini",
        ".DS_Store",
        ".git/config",
    ];
    assert_distinct(&bench, &names).await;
}
