fn main() -> std::process::ExitCode {
    lake_writer::run(std::env::args_os())
}
