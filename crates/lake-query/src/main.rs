fn main() -> std::process::ExitCode {
    lake_query::run(std::env::args_os())
}
