//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // At a fixed address: DataFusion has some 200,000 addresses that would else have to
    // be written anew at each start, which takes longer than to store a row.
    if cfg!(target_os = "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
