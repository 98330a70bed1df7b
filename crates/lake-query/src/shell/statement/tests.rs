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
        "[a-z;$'\" \n-]{0,6}".prop_map(|t| format!("/*{t}/*;*/*/")),
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
