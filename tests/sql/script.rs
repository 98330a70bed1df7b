//! Records of a `.test` or `.lake` file.

/// The words of the first line, what stands between it and `----`, and what follows.
pub(crate) struct Record {
    pub(crate) line: usize,
    pub(crate) words: Vec<String>,
    pub(crate) statement: String,
    pub(crate) expected: String,
}

pub(crate) fn records(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    for block in lines.split(|(_, line)| line.is_empty()) {
        let first = block.iter().position(|(_, line)| !line.starts_with('#'));
        let Some(((line, head), rest)) = first.and_then(|first| block[first..].split_first())
        else {
            continue;
        };
        let rule = rest.iter().position(|(_, line)| *line == "----").unwrap_or(rest.len());
        let joined = |part: &[(usize, &str)]| {
            part.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        };
        records.push(Record {
            line: *line,
            words: words(head),
            statement: joined(&rest[..rule]),
            expected: joined(rest.get(rule + 1..).unwrap_or_default()),
        });
    }
    records
}

/// Divided by spaces, but for those within double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (i, part) in line.split('"').enumerate() {
        if i % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (i, word) in part.split(' ').enumerate() {
            if i > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(word);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn a_file_is_records() {
    let text =
        "# a comment\n\n# another\nquery at 3\nSELECT 1,\n'#'\n----\na,b\n\nrun x \"a b\" --c\n";
    let all = records(text);
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].line, &all[0].words[..]), (4, &["query", "at", "3"].map(String::from)[..]));
    assert_eq!((&all[0].statement[..], &all[0].expected[..]), ("SELECT 1,\n'#'", "a,b"));
    assert_eq!(all[1].words, ["run", "x", "a b", "--c"]);
}
