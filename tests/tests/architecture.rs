//! The rules of the house that a machine can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/derive.rs"]
mod derive;
#[path = "architecture/names.rs"]
mod names;

/// The modules in the order in which `lib.rs` declares them: each uses only those above it.
const FLOW: [&str; 41] = [
    "id",
    "key",
    "chain",
    "clock",
    "vector",
    "wire",
    "event",
    "envelope",
    "block",
    "branch",
    "ruling",
    "filter",
    "policy",
    "log",
    "conflict",
    "merge",
    "aggregate",
    "serde_forms",
    "schema",
    "registry",
    "sync",
    "replica_core",
    "locks",
    "platform",
    "failure",
    "metrics",
    "traces",
    "store",
    "transport",
    "error",
    "lease",
    "budget",
    "gate",
    "driver",
    "replica",
    "hub",
    "backup",
    "show",
    "page",
    "testing",
    "docs",
];
/// The modules that decide and do nothing else.
const PURE: usize = 21;

#[test]
fn modules_are_declared_in_the_order_of_the_flow() {
    assert_eq!(declared_in(&root().join("synckit/src/lib.rs")), FLOW);
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let mut wrong = Vec::new();
    for (place, module) in FLOW.iter().enumerate() {
        for file in files_of(module) {
            for used in uses(&file) {
                if FLOW[place + 1..].contains(&used.as_str()) {
                    wrong.push(format!("{} uses crate::{used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_modules_name_no_runtime_no_store_no_transport_no_clock_and_no_system() {
    let forbidden = [
        "tokio",
        "redb",
        "tonic",
        "async ",
        "Instant::now",
        "SystemTime::now",
        "getrandom",
        "println!",
        "std::env",
        "std::fs",
        "std::net",
        "std::thread",
    ];
    let mut wrong = Vec::new();
    for file in FLOW[..PURE].iter().flat_map(|module| files_of(module)) {
        let code = ungrouped(&code_of(&file));
        for word in forbidden.iter().filter(|word| code.contains(**word)) {
            wrong.push(format!("{} names {word}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_libraries_of_grpc_are_named_only_where_grpc_or_a_browser_is_served() {
    let libraries = ["tonic", "h2::", "hyper", "prost::", "tokio_stream"];
    let mut wrong = Vec::new();
    for file in sources(&root().join("synckit/src")) {
        let transport = root().join("synckit/src/transport");
        let of_http = file.starts_with(transport.join("grpc")) || file == transport.join("http.rs");
        let tests = file.components().any(|part| part.as_os_str() == "tests");
        let code = if of_http || tests { String::new() } else { code_of(&file) };
        // The exporter of traces is told so to send them by gRPC.
        let code = code.replace(".with_tonic()", "");
        for name in libraries.iter().filter(|name| code.contains(**name)) {
            wrong.push(format!("{} names {name}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The seam is as small as it looks: a store needs no more than this, tests included.
#[test]
fn a_store_of_ones_own_takes_at_most_300_lines() {
    let lines = read(&root().join("tests/tests/store/toy.rs")).lines().count();
    assert!(lines <= 300, "{lines}");
}

/// The seam is as small as it looks: a transport needs no more than this, tests included.
#[test]
fn a_transport_of_ones_own_takes_at_most_150_lines() {
    let lines = read(&root().join("tests/tests/transport/toy.rs")).lines().count();
    assert!(lines <= 150, "{lines}");
}

#[test]
fn tasks_time_and_randomness_of_the_runtime_stand_behind_the_platform_module() {
    let of_tokio = ["tokio::spawn", "tokio::time", "tokio::task", "JoinSet", "Instant::now"];
    let of_the_system = ["getrandom::fill", "SystemTime::now"];
    let mut wrong = Vec::new();
    for file in FLOW[PURE..].iter().flat_map(|module| files_of(module)) {
        let of_grpc = file.starts_with(root().join("synckit/src/transport/grpc"));
        let tests = file.starts_with(root().join("synckit/src/testing"));
        if file.ends_with("platform.rs") || tests {
            continue;
        }
        let code = code_of(&file);
        let forbidden: &[&str] = if of_grpc { &[] } else { &of_tokio };
        for word in forbidden.iter().chain(&of_the_system).filter(|word| code.contains(**word)) {
            wrong.push(format!("{} names {word}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hash_maps_stand_only_where_nothing_is_iterated() {
    // Packing looks places up and iterates the vectors beside them; parsing asks whether a replica
    // was there already. The cache of states lists them by an ordered map. States on top
    // of which edits are made are looked up.
    let allowed =
        ["block/pack.rs", "block/parse.rs", "replica_core/cache.rs", "replica_core/edits.rs"];
    let with_hash_map: Vec<_> = sources(&root().join("synckit/src"))
        .into_iter()
        .filter(|file| {
            ["HashMap", "HashSet"].iter().any(|name| code_of(file).contains(&format!("{name}<")))
        })
        .filter(|file| !allowed.iter().any(|allowed| file.ends_with(allowed)))
        .collect();
    assert!(with_hash_map.is_empty(), "{with_hash_map:#?}");
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long: Vec<_> = all_sources()
        .into_iter()
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn nothing_is_left_open_or_switched_off() {
    let forbidden = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "unsafe {"];
    let open: Vec<_> = all_sources()
        .into_iter()
        .filter(|file| !file.ends_with("architecture.rs"))
        .filter(|file| forbidden.iter().any(|word| read(file).contains(word)))
        .collect();
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn channels_are_bounded() {
    let unbounded: Vec<_> = all_sources()
        .into_iter()
        .filter(|file| code_of(file).contains(&["unbounded", "_channel"].concat()))
        .collect();
    assert!(unbounded.is_empty(), "{unbounded:#?}");
}

#[test]
fn features_are_switched_only_where_back_ends_are_declared() {
    let types = ["wire/foreign.rs", "wire/json.rs", "docs/types.rs"];
    let declaring = [
        "lib.rs",
        "store.rs",
        "transport.rs",
        "transport/grpc.rs",
        "hub.rs",
        "testing.rs",
        "platform.rs",
        "bin/synckit/otlp.rs",
    ];
    let declaring = [declaring.as_slice(), &types].concat();
    let within_replica = "replica/builder.rs";
    let within_hub = "hub/builder.rs";
    let elsewhere: Vec<_> = sources(&root().join("synckit/src"))
        .into_iter()
        .filter(|file| code_of(file).contains("cfg(feature"))
        .filter(|file| !declaring.iter().any(|name| *file == root().join("synckit/src").join(name)))
        .filter(|file| !file.ends_with(within_replica) && !file.ends_with(within_hub))
        .filter(|file| {
            !file.starts_with(root().join("synckit/src/store/redb"))
                && !file.ends_with("store/redb.rs")
        })
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

/// Counts the files that a reader of the two main routes has to open, and to open again.
#[test]
fn the_routes_lead_through_few_files() {
    let page = read(&root().join("synckit/docs/architecture.md"));
    let (_, routes) = page.split_once("## Two routes through the files").unwrap();
    let (routes, _) = routes.split_once("\n## ").unwrap();
    let routes: Vec<Vec<&str>> = routes.split("\n### ").skip(1).map(stations).collect();
    assert_eq!(routes.len(), 2);
    for route in routes {
        let files: BTreeSet<_> = route.iter().collect();
        let missing: Vec<_> =
            files.iter().filter(|file| !root().join("synckit/src").join(file).exists()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!((5..=15).contains(&files.len()), "{} files: {route:#?}", files.len());
        let again = route.len() - files.len();
        assert!(again <= 6, "{again} files are opened again: {route:#?}");
    }
}

/// The file that each item of a numbered list begins with.
fn stations(list: &str) -> Vec<&str> {
    let items = list.lines().filter_map(|line| line.split_once(". `"));
    let items = items.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    items.filter_map(|(_, item)| item.split('`').next()).collect()
}

#[test]
fn the_readme_names_the_two_commands_that_integration_runs() {
    let (readme, ci) = (read(&root().join("README.md")), read(&root().join(".ci/run")));
    for command in ["cargo run --release --example strikes", "cargo test --workspace"] {
        assert!(readme.contains(command) && ci.contains(command), "{command}");
    }
}

/// Names that begin with a dot belong to editors and services.
#[test]
fn the_root_holds_what_the_layout_names() {
    let layout = [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "SECURITY.md",
        "clippy.toml",
        "deny.toml",
        "examples",
        "fuzz",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "synckit",
        "synckit-derive",
        "target",
        "tests",
        "ui-tests",
    ];
    let other: Vec<_> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !layout.contains(&name.as_str()))
        .collect();
    assert!(other.is_empty(), "{other:?}");
}

/// A packed crate holds nothing from outside its folder.
#[test]
fn crates_to_publish_hold_their_readme_and_licences() {
    for package in manifests().iter().filter(|manifest| !read(manifest).contains("publish = false"))
    {
        let folder = package.parent().unwrap();
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let (ours, theirs) = (read(&root().join(licence)), read(&folder.join(licence)));
            assert_eq!(ours, theirs, "{} has another {licence}", folder.display());
        }
        assert!(read(&folder.join("README.md")).starts_with("# synckit"), "{}", folder.display());
        assert!(read(package).contains("[package.metadata.docs.rs]"), "{}", package.display());
    }
    assert_eq!(read(&root().join("README.md")), read(&root().join("synckit/README.md")));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A module's file and those in its folder, tests left out.
fn files_of(module: &str) -> Vec<PathBuf> {
    files_within(&root().join("synckit/src"), module)
}

fn files_within(src: &Path, module: &str) -> Vec<PathBuf> {
    let mut files = sources(&src.join(module));
    files.extend(Some(src.join(format!("{module}.rs"))).filter(|file| file.exists()));
    files.retain(|file| {
        !file.components().any(|part| part.as_os_str() == "tests") && !file.ends_with("tests.rs")
    });
    files
}

fn all_sources() -> Vec<PathBuf> {
    ["synckit", "synckit-derive", "examples", "tests", "ui-tests"]
        .iter()
        .flat_map(|package| sources(&root().join(package)))
        .collect()
}

/// The manifests of the workspace's packages.
fn manifests() -> Vec<PathBuf> {
    let workspace = read(&root().join("Cargo.toml"));
    let members = workspace.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let names = members.split('"').skip(1).step_by(2);
    names.map(|name| root().join(name).join("Cargo.toml")).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file's code: comments and what only tests compile left out.
fn code_of(file: &Path) -> String {
    let text = read(file);
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim_start() != "#[cfg(test)]" {
            code.push(line);
            continue;
        }
        // The item ends where its first line does, or with what closes it at the same depth.
        let depth = line.len() - line.trim_start().len();
        let closes = |line: &str| {
            let at_depth = line.len() - line.trim_start().len() == depth;
            at_depth && (line.ends_with([';', ',']) || line.trim_start().starts_with('}'))
        };
        lines.by_ref().find(|line| closes(line));
    }
    code.join("\n")
}

/// The modules that a `lib.rs` declares.
fn declared_in(lib: &Path) -> Vec<String> {
    let text = read(lib);
    let declared =
        text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    declared.map(|line| line.trim_end_matches([';', ' ', '{']).to_owned()).collect()
}

/// The modules of its crate that a file names.
fn uses(file: &Path) -> Vec<String> {
    let code = ungrouped(&code_of(file));
    code.split("crate::").skip(1).filter_map(first_word).map(str::to_owned).collect()
}

/// Code in which `std::{env, fs}` stands as `std::env std::fs` as well.
fn ungrouped(code: &str) -> String {
    let mut out = code.to_owned();
    for root in ["std::", "crate::"] {
        for group in code.split(&format!("{root}{{")).skip(1) {
            let mut depth = 0;
            let top: String = group
                .chars()
                .take_while(|c| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth >= 0
                })
                .collect();
            top.split([',', '{']).for_each(|item| out += &format!(" {root}{}", item.trim()));
        }
    }
    out
}

fn first_word(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}
