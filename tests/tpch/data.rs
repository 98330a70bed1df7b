//! The eight tables as files, and what the lake is told wrongly before it is told right.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

const SCALE: f64 = 0.1;
/// Of the large tables every so manieth row is wrong at first.
const EVERY: usize = 11;

pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) symbol: &'static str,
    pub(crate) key: &'static str,
}

const fn table(
    name: &'static str,
    symbol: &'static str,
    key: &'static str,
    schema: &'static str,
) -> Table {
    Table { name, schema, symbol, key }
}

pub(crate) const TABLES: [Table; 8] = [
    table(
        "region",
        "",
        "r_regionkey",
        "r_regionkey INTEGER NOT NULL, r_name VARCHAR NOT NULL, r_comment VARCHAR",
    ),
    table(
        "nation",
        "",
        "n_nationkey",
        "n_nationkey INTEGER NOT NULL, n_name VARCHAR NOT NULL, n_regionkey INTEGER NOT NULL, \
         n_comment VARCHAR",
    ),
    table(
        "supplier",
        "",
        "s_suppkey",
        "s_suppkey INTEGER NOT NULL, s_name VARCHAR, s_address VARCHAR, s_nationkey INTEGER, \
         s_phone VARCHAR, s_acctbal DECIMAL(15,2), s_comment VARCHAR",
    ),
    table(
        "part",
        "p_brand",
        "p_brand,p_partkey",
        "p_partkey INTEGER NOT NULL, p_name VARCHAR, p_mfgr VARCHAR, p_brand VARCHAR NOT NULL, \
         p_type VARCHAR, p_size INTEGER, p_container VARCHAR, p_retailprice DECIMAL(15,2), \
         p_comment VARCHAR",
    ),
    table(
        "customer",
        "c_mktsegment",
        "c_mktsegment,c_custkey",
        "c_custkey INTEGER NOT NULL, c_name VARCHAR, c_address VARCHAR, c_nationkey INTEGER, \
         c_phone VARCHAR, c_acctbal DECIMAL(15,2), c_mktsegment VARCHAR NOT NULL, c_comment VARCHAR",
    ),
    table(
        "partsupp",
        "",
        "ps_partkey,ps_suppkey",
        "ps_partkey INTEGER NOT NULL, ps_suppkey INTEGER NOT NULL, ps_availqty INTEGER, \
         ps_supplycost DECIMAL(15,2), ps_comment VARCHAR",
    ),
    Table {
        name: "orders",
        schema: "o_orderkey INTEGER NOT NULL, o_custkey INTEGER, o_orderstatus VARCHAR NOT NULL, \
             o_totalprice DECIMAL(15,2), o_orderdate DATE NOT NULL, \
             o_orderpriority VARCHAR, o_clerk VARCHAR, o_shippriority INTEGER, \
             o_comment VARCHAR",
        symbol: "o_orderstatus",
        key: "o_orderstatus,o_orderdate,o_orderkey",
    },
    Table {
        name: "lineitem",
        schema: "l_orderkey INTEGER NOT NULL, l_partkey INTEGER, l_suppkey INTEGER, \
             l_linenumber INTEGER NOT NULL, l_quantity DECIMAL(15,2), \
             l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2), \
             l_returnflag VARCHAR, l_linestatus VARCHAR, l_shipdate DATE NOT NULL, \
             l_commitdate DATE, l_receiptdate DATE, l_shipinstruct VARCHAR, \
             l_shipmode VARCHAR NOT NULL, l_comment VARCHAR",
        symbol: "l_shipmode",
        key: "l_shipmode,l_shipdate,l_orderkey,l_linenumber",
    },
];

/// Writes all of them, each as NAME.csv.
pub(crate) fn write(dir: &Path) {
    let regions = RegionGenerator::new(SCALE, 1, 1);
    put(dir, "region", RegionCsv::header(), regions.iter().map(RegionCsv::new));
    let nations = NationGenerator::new(SCALE, 1, 1);
    put(dir, "nation", NationCsv::header(), nations.iter().map(NationCsv::new));
    let suppliers = SupplierGenerator::new(SCALE, 1, 1);
    put(dir, "supplier", SupplierCsv::header(), suppliers.iter().map(SupplierCsv::new));
    let parts = PartGenerator::new(SCALE, 1, 1);
    put(dir, "part", PartCsv::header(), parts.iter().map(PartCsv::new));
    let customers = CustomerGenerator::new(SCALE, 1, 1);
    put(dir, "customer", CustomerCsv::header(), customers.iter().map(CustomerCsv::new));
    let offers = PartSuppGenerator::new(SCALE, 1, 1);
    put(dir, "partsupp", PartSuppCsv::header(), offers.iter().map(PartSuppCsv::new));
    let orders = OrderGenerator::new(SCALE, 1, 1);
    put(dir, "orders", OrderCsv::header(), orders.iter().map(OrderCsv::new));
    let lines = LineItemGenerator::new(SCALE, 1, 1);
    put(dir, "lineitem", LineItemCsv::header(), lines.iter().map(LineItemCsv::new));

    put(dir, "orders-right", OrderCsv::header(), orders.iter().step_by(EVERY).map(OrderCsv::new));
    let wrong = orders.iter().step_by(EVERY).enumerate().map(|(n, mut order)| {
        order.o_custkey = 1;
        // Some that were never ordered.
        order.o_orderkey += if n % 3 == 0 { 100_000_000 } else { 0 };
        OrderCsv::new(order)
    });
    put(dir, "orders-wrong", OrderCsv::header(), wrong);
    let right = lines.iter().step_by(EVERY).map(LineItemCsv::new);
    put(dir, "lineitem-right", LineItemCsv::header(), right);
    let wrong = lines.iter().step_by(EVERY).enumerate().map(|(n, mut line)| {
        line.l_quantity += 7;
        line.l_linenumber += if n % 3 == 0 { 100 } else { 0 };
        LineItemCsv::new(line)
    });
    put(dir, "lineitem-wrong", LineItemCsv::header(), wrong);
}

fn put<R: Display>(dir: &Path, name: &str, header: &str, rows: impl Iterator<Item = R>) {
    let mut out = BufWriter::new(File::create(dir.join(format!("{name}.csv"))).unwrap());
    writeln!(out, "{header}").unwrap();
    rows.for_each(|row| writeln!(out, "{row}").unwrap());
    out.flush().unwrap();
}
