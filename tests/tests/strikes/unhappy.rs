//! Runs that cannot be: each ends with one clear line.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::channel;

use super::crash::{Running, hub_on};
use super::program::{first_reports, run, strikes, write};

#[test]
fn a_file_that_is_missing_or_something_else_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.csv");
    let missing = missing.to_str().unwrap();
    let said = run(&["--json", "--data", missing]);
    assert!(said.failed().starts_with(&format!("cannot read {missing}: ")), "{said:?}");

    let other = write(dir.path(), "a,b\n1,2\n");
    let said = run(&["--json", "--data", &other]);
    assert_eq!(
        said.failed(),
        format!(r#"cannot use {other}: column 1 is "a", not "Airport Name""#)
    );
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), first_reports(10));
    let said = run(&["--json", "--data", &data, "--dir", &data]);
    assert!(said.failed().starts_with(&format!("cannot make the folder {data}: ")), "{said:?}");
}

#[test]
fn a_folder_that_another_run_has_open_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), first_reports(10));
    let (said, lines) = channel();
    let _hub = Running::start(&hub_on(dir.path(), "127.0.0.1:0"), 0, &said);
    lines.recv().expect("the hub has its file open once it says where it listens");
    let said = run(&["--json", "--data", &data, "--dir", dir.path().to_str().unwrap()]);
    assert!(said.failed().contains("another process has it open"), "{said:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), first_reports(10));
    let said = run(&["--json", "--data", &data, "--listen", &address]);
    let expected = format!("the hub: listen on {address}: the address cannot be listened on");
    assert!(said.failed().starts_with(&expected), "{said:?}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), first_reports(10));
    let mut program = strikes(&["--json", "--data", &data]);
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = program.spawn().unwrap();
    drop(running.stdout.take());
    let mut err = String::new();
    running.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((running.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn a_mistake_on_the_command_line_is_no_skipped_row() {
    for args in [["--offices", "0"], ["--offices", "many"], ["--no-such", "thing"]] {
        assert_eq!(run(&args).code, Some(1));
    }
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("Exit codes:"), "{}", help.out);
}
