use proptest::prelude::*;

use super::*;

fn items(text: &str) -> Vec<String> {
    let mut splitter = Splitter::default();
    text.split_inclusive('\n').for_each(|line| splitter.push(line));
    let mut all: Vec<Item> = std::iter::from_fn(|| splitter.next()).collect();
    all.extend(splitter.rest());
    let text = |item: Item| match item {
        Item::Sql { text, line } => format!("{line}:{text}"),
        Item::Command { text, line } => format!("{line}!{text}"),
    };
    all.into_iter().map(text).collect()
}

#[test]
fn statements_end_outside_of_texts_names_and_comments() {
    for (text, expected) in [
        ("SELECT 1;", &["1:SELECT 1"][..]),
        ("SELECT 1; SELECT\n2 ;\n\nFROM x", &["1:SELECT 1", "1:SELECT\n2 ", "4:FROM x"]),
        (";; ;\n;", &[]),
        ("a';'b;c", &["1:a';'b", "1:c"]),
        ("'it''s;';x", &["1:'it''s;'", "1:x"]),
        (r"E'\';';x", &[r"1:E'\';'", "1:x"]),
        // Only an E of its own makes escapes.
        (r"date'\';x", &[r"1:date'\'", "1:x"]),
        (r"'\';x", &[r"1:'\'", "1:x"]),
        ("\"a;\"\"b;\";`c;`;x", &["1:\"a;\"\"b;\"", "1:`c;`", "1:x"]),
        ("-- a;\n-- b\nSELECT 1 -- c;\n;", &["3:SELECT 1 -- c;\n"]),
        ("/* a; /* b */ ; */ x;y", &["1:x", "1:y"]),
        ("$$;$$;$a$;$$;$b$;$a$;$1;$x;", &["1:$$;$$", "1:$a$;$$;$b$;$a$", "1:$1", "1:$x"]),
        // A dollar within a word begins nothing, after a number it does.
        ("a$$;b;1e5$$;$$;", &["1:a$$", "1:b", "1:1e5$$;$$"]),
        ("1--2;\n;", &["1:1--2;\n"]),
        ("SELECT '", &["1:SELECT '"]),
        ("-- only", &[]),
    ] {
        assert_eq!(items(text), expected, "{text}");
    }
}

#[test]
fn commands_stand_where_a_statement_could_begin() {
    assert_eq!(
        items(".tables\n  .at 3; x\nSELECT\n.5;.mode csv"),
        ["1!.tables", "2!.at 3; x", "3:SELECT\n.5", "4!.mode csv"]
    );
    assert_eq!(items("-- note\n/* more */ .tables\n"), ["2!.tables"]);
    assert_eq!(items(".a 'x\n.b"), ["1!.a 'x", "2!.b"]);
}

/// Parts of statements whose semicolons end nothing.
fn part() -> impl Strategy<Value = String> {
    let text = "[a-z;$'\"\\\\/* \n-]{0,6}";
    prop_oneof![
        Just("SELECT".to_owned()),
        Just("1e5".to_owned()),
        Just("a$b".to_owned()),
        Just("+ - * /".to_owned()),
        "[a-z;$\"\\\\/* \n-]{0,6}".prop_map(|t| format!("'{t}'")),
        text.prop_map(|t| format!("'{}'", t.replace('\'', "''"))),
        text.prop_map(|t| format!("E'{}'", t.replace('\\', "\\\\").replace('\'', "\\'"))),
        text.prop_map(|t| format!("\"{}\"", t.replace('"', "\"\""))),
        "[a-z;'\"\\\\/* \n-]{0,6}".prop_map(|t| format!("$t${t}$t$")),
        "[a-z;$'\"/* -]{0,6}".prop_map(|t| format!("--{t}\n")),
        "[a-z;$'\" \n-]{0,6}".prop_map(|t| format!("/*/*{t}*/;*/")),
    ]
}

fn statement() -> impl Strategy<Value = String> {
    prop::collection::vec(part(), 0..5).prop_map(|parts| format!("x {}", parts.join(" ")))
}

proptest! {
    #[test]
    fn what_was_joined_is_split_again(statements in prop::collection::vec(statement(), 0..5)) {
        let text: String = statements.iter().map(|one| format!("{one};\n")).collect();
        let found: Vec<String> =
            items(&text).iter().map(|item| item.split_once(':').unwrap().1.to_owned()).collect();
        prop_assert_eq!(found, statements);
    }

    /// However it comes, a text is the same: the state is kept from line to line.
    #[test]
    fn lines_may_come_one_by_one(text in "[a.E';$\"`/* \n\\\\-]{0,24}") {
        let mut whole = Splitter::default();
        whole.push(&text);
        let mut expected: Vec<Item> = std::iter::from_fn(|| whole.next()).collect();
        expected.extend(whole.rest());
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for line in text.split_inclusive('\n') {
            splitter.push(line);
            found.extend(std::iter::from_fn(|| splitter.next()));
        }
        found.extend(splitter.rest());
        prop_assert_eq!(found, expected);
    }
}

/// Pieces of questions in which semicolons end nothing, and what may stand between them.
const PIECES: [&str; 14] = [
    "1",
    "'a;'';b'",
    "E'\\';'",
    "e'\\\\'",
    "date'2026-01-01'",
    "$$;'$$",
    "$t$;$$;$t$",
    "\"c;\"\"d\"",
    "`e;`",
    "a$b",
    "1e5",
    "1_0",
    "x'6A'",
    "- 1",
];
const GAPS: [&str; 8] = ["", " ", "\n", "--;'\n", "/*;'*/", "/*/**/;*/", "/* -- */", " -- /*\n"];

/// DuckDB's own parser counts the statements of texts made of such pieces.
#[test]
fn duckdb_counts_the_same_statements() {
    use lake_log::{Access, At, InitOptions, Lake};
    let dir = tempfile::tempdir().unwrap();
    Lake::init(dir.path(), &InitOptions { accept_unsafe_fs: true }).unwrap();
    let snapshot = Lake::open(dir.path(), Access::Read).unwrap().snapshot(At::Newest).unwrap();
    let engine = lake_engine::Engine::open(&lake_engine::Options::default()).unwrap();
    let mut mounted = engine.mount(snapshot, dir.path()).unwrap();
    let (mut texts, mut next) = (Vec::new(), 1u64);
    let mut any = |of: &[&'static str]| {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[(next >> 33) as usize % of.len()]
    };
    for _ in 0..600 {
        let mut text = String::new();
        for _ in 0..any(&["1", "22", "333"]).len() {
            let (a, b) = (any(&PIECES), any(&PIECES));
            let gaps = [any(&GAPS), any(&GAPS), any(&GAPS), any(&GAPS)];
            let [g, h, i, j] = gaps;
            text.push_str(&format!("{g}SELECT {a}{h},{i}{b}{j};"));
        }
        texts.push(text);
    }
    let rows: Vec<String> =
        texts.iter().map(|text| format!("({})", lake_engine::literal(text))).collect();
    let sql = format!(
        "SELECT json_array_length(json_serialize_sql(t), '$.statements')::INTEGER FROM (VALUES {}) v(t)",
        rows.join(", ")
    );
    let mut query = mounted.query(&sql).unwrap();
    let mut counts = Vec::new();
    for batch in query.rows().unwrap() {
        let batch = batch.unwrap();
        let shape = lake_engine::Shape::Plain;
        let reader = lake_engine::Reader::new(batch.column(0).as_ref(), &shape);
        counts.extend((0..batch.num_rows()).map(|row| format!("{:?}", reader.get(row))));
    }
    assert_eq!(counts.len(), texts.len());
    for (text, count) in texts.iter().zip(counts) {
        assert_eq!(format!("Int({})", items(text).len()), count, "{text}");
    }
}
