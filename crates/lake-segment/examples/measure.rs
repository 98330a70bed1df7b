#![allow(clippy::all, clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]
use std::sync::Arc; use arrow::array::*; use lake_segment::*; use lake_core::{schema::TableDef, sqltype::parse_columns, id::TxnId};
fn main(){
 let own = |n:&[&str]| n.iter().map(|n| n.to_string()).collect::<Vec<_>>();
 let cols = parse_columns("symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume BIGINT, amount DOUBLE, turnover DOUBLE").unwrap();
 let def = TableDef::new("bars",&cols,&own(&["symbol"]),&own(&["symbol","date"]),&[]).unwrap();
 let t=std::time::Instant::now(); let f = Format::new(&def).unwrap(); println!("format {:?}", t.elapsed());
 let from = Provenance{txn:TxnId{start:3,session:9,counter:1},producer:None,host:"host-1".into(),pid:1234};
 for n in [1usize, 4, 8, 16, 32, 64, 250, 2500, 131072] {
  let mut x = 12345u64; let mut r = || { x ^= x<<13; x^=x>>7; x^=x<<17; (x%2000) as f64/100.0 + 100.0 };
  let mut d = || -> ArrayRef { Arc::new(Float64Array::from_iter_values((0..n).map(|_| (r()*100.0).round()/100.0))) };
  let b = RecordBatch::try_new(f.schema().clone(), vec![
    Arc::new(StringArray::from_iter_values((0..n).map(|_|"600519"))), Arc::new(Date32Array::from_iter_values((0..n).map(|i|i as i32+10000))),
    d(),d(),d(),d(), Arc::new(Int64Array::from_iter_values((0..n).map(|i| (i*7919%1000003) as i64*100))), d(), d()]).unwrap();
  for p in [Profile::Tiny, Profile::Increment, Profile::Base] {
   let k = (200_000/(n+20)).max(5); let mut best=f64::MAX; let mut bytes=0;
   for _ in 0..5 { let t=std::time::Instant::now(); for _ in 0..k { bytes=f.encode(&b,p,"symbol=600519",&from).unwrap().bytes.len(); } best=best.min(t.elapsed().as_secs_f64()/k as f64); }
   println!("{n:7} rows {p:?}: {:.1} us {bytes} bytes", best*1e6);
  }
 }
}
