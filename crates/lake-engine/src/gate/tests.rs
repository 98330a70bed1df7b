use super::*;

fn judge(sql: &str) -> Result<()> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE bars (a INT, b VARCHAR, y INT)").unwrap();
    check(&connection, sql).map(|_| ())
}

#[test]
fn questions_pass() {
    for sql in [
        "select 1",
        "select ';' ;",
        "VALUES (1), (2)",
        "from bars",
        "table bars",
        "with x as (select 1) select * from x",
        "describe bars",
        "describe select 1",
        "show tables",
        "show all tables",
        "summarize bars",
        "unpivot bars on a into name n value v",
        "explain select 1",
        "EXPLAIN ANALYZE select 1",
        "explain (format json) select 1",
        "explain (analyze, format json) select 1",
        "-- why\nexplain from bars;",
        "pragma version",
        "PRAGMA table_info('bars')",
        "pivot bars on y in (1, 2) using sum(a)",
        "select * from nope",
        "select 'insert', '\"type\":\"INSERT_QUERY_NODE\"'",
    ] {
        assert!(judge(sql).is_ok(), "{sql}: {:?}", judge(sql));
    }
}

#[test]
fn everything_else_is_refused() {
    for sql in [
        "",
        " -- nothing",
        "select 1; select 2",
        "copy bars to 'x.csv'",
        "copy (select 1) to 'x.parquet'",
        "export database 'x'",
        "insert into bars values (1, '', 1)",
        "with x as (select 1) insert into bars select 1, '', 1",
        "with x as (insert into bars values (1, '', 1) returning *) select * from x",
        "update bars set a = 1",
        "delete from bars",
        "create table x (i int)",
        "create view v as select 1",
        "drop table bars",
        "attach ':memory:' as z",
        "install icu",
        "load icu",
        "set threads = 1",
        "reset threads",
        "pragma threads = 1",
        "pragma enable_profiling",
        "call pragma_version()",
        "checkpoint",
        "begin",
        "use memory",
        "explain copy bars to 'x.csv'",
        "explain analyze copy bars to 'x.csv'",
        "explain analyze insert into bars values (1, '', 1)",
        "explain (analyze) copy bars to 'x.csv'",
        "explain select 1; copy bars to 'x.csv'",
        "pragma version; copy bars to 'x.csv'",
        "pivot bars on y using sum(a); copy bars to 'x.csv'",
        "copy (pivot bars on y using sum(a)) to 'x.csv'",
        "/* pivot */ copy bars to 'x.csv'",
        "/* /* */ pivot */ copy bars to 'x.csv'",
        "with x as (pivot bars on y using sum(a)) insert into bars from x",
        "pivot bars on y using sum(a)",
        "from (pivot bars on y using sum(a)) select *",
        "prepare p as select 1",
        "execute p",
        "vacuum",
    ] {
        let error = judge(sql).expect_err(sql);
        assert_eq!(error.kind(), lake_core::kind::Kind::BadInput, "{sql}");
    }
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let error = judge("select 1\nselct 2 from").unwrap_err().to_string();
    assert!(error.contains("syntax error") && error.contains("LINE 2"), "{error}");
}
