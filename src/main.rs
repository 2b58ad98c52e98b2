fn main() -> std::process::ExitCode {
    sasayaki::cli::run()
}
