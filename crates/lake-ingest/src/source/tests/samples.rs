//! The sample inputs are read as their README says.

use super::*;

fn sample(name: &str, columns: &'static str, options: &SourceOptions) -> Vec<String> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples").join(name);
    let (schema, input) = (schema(columns), Input::File(path));
    let source = open_source(input, options, &schema, &arrow_schema(&schema), &[], &[1]);
    let rows = shown(&whole(&all(source).unwrap(), &schema));
    rows.split('\n').map(str::to_owned).collect()
}

fn mapped(pairs: &[(&str, &str)]) -> SourceOptions {
    let own = |(s, t): &(&str, &str)| ((*s).to_owned(), (*t).to_owned());
    let map = pairs.iter().map(own).collect();
    SourceOptions { map, select_mapped_only: true, ..SourceOptions::default() }
}

#[test]
fn samples() {
    let bars = "symbol VARCHAR NOT NULL, date DATE NOT NULL, close DOUBLE";
    let mut options = mapped(&[
        ("\u{80a1}\u{7968}\u{4ee3}\u{7801}", "symbol"),
        ("\u{65e5}\u{671f}", "date"),
        ("\u{6536}\u{76d8}", "close"),
    ]);
    let want = ["000001|2026-01-05|11.55", "000001|2026-01-06|11.47", "000001|2026-01-07|11.52"];
    assert_eq!(sample("akshare-daily.csv", bars, &options), want);
    options.encoding = Some("gbk".into());
    assert_eq!(sample("akshare-daily-gbk.csv", bars, &options), want);
    let mut options = mapped(&[("ts_code", "symbol"), ("trade_date", "date"), ("close", "close")]);
    options.date_format = Some("%Y%m%d".into());
    assert_eq!(sample("tushare-daily.csv", bars, &options)[1], "600519.SH|2026-01-05|1410.5");
    let options = mapped(&[("Date", "date"), ("Adj Close", "close")]);
    let yahoo = sample("yahoo-daily.csv", "date DATE NOT NULL, close DOUBLE", &options);
    assert_eq!(yahoo[2], "2026-01-07|NULL");
    let mut options = mapped(&[("t", "at"), ("o", "open")]);
    let names = ["t", "o", "h", "l", "c", "v", "e", "q", "n", "b", "r", "i"];
    options.columns = Some(names.map(Into::into).to_vec());
    options.timestamp_format = Some("epoch-ms".into());
    let klines = sample("binance-klines.csv", "at TIMESTAMP, open DECIMAL(18,8)", &options);
    assert_eq!(klines[0], "2026-01-05T00:00:00|91234.50000000");
    let ticks = "symbol VARCHAR, time TIMESTAMP, price DOUBLE, size BIGINT, flags VARCHAR[]";
    let ticks = sample("ticks.jsonl", ticks, &SourceOptions::default());
    assert_eq!(ticks[0], "000001|2026-01-05T01:30:00.120|11.48|300|[open]");
    assert_eq!(ticks[2], "600519|2026-01-05T01:30:00.450|1402.0|100|NULL");
}
