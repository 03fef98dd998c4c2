//! The same stories once with a process for each replica and hub, and with files that are copied,
//! put back, moved and deleted while nobody has them open.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::station::Station;

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

#[test]
fn a_device_put_back_to_an_older_copy_gets_back_what_it_had_synced() {
    let place = Place::new();
    let (_hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    sync(&url, &mut [&mut ann]);
    ann.ends();
    fs::copy(place.file("ann"), place.file("backup")).unwrap();
    let mut ann = Station::replica(&place.file("ann"));
    ann.does("visit a2");
    sync(&url, &mut [&mut ann, &mut bob]);
    bob.does("visit b1");
    // Killed, and restored.
    drop(ann);
    fs::copy(place.file("backup"), place.file("ann")).unwrap();
    let mut ann = Station::replica(&place.file("ann"));
    ann.does("visit a2 again");
    let told = agree(&url, &mut [&mut ann, &mut bob]);
    assert!(told.starts_with("4 visits: a1, a2, a2 again, b1; "), "{told}");
    assert!(told.contains("; 0 forks; "), "it was told from the file before it wrote: {told}");
}

#[test]
fn a_device_cloned_to_another_machine_goes_on_in_both_places() {
    let place = Place::new();
    let (_hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    ann.ends();
    // Another folder stands for the other machine.
    let elsewhere = Place::new();
    fs::copy(place.file("ann"), elsewhere.file("ann")).unwrap();
    let mut ann = Station::replica(&place.file("ann"));
    let mut clone = Station::replica(&elsewhere.file("ann"));
    for round in 0..3 {
        ann.does(&format!("visit a {round}"));
        clone.does(&format!("visit clone {round}"));
        bob.does(&format!("visit b {round}"));
        sync(&url, &mut [&mut ann, &mut bob, &mut clone]);
    }
    let told = agree(&url, &mut [&mut ann, &mut clone, &mut bob]);
    assert!(told.starts_with("10 visits: "), "{told}");
    assert!(told.contains("; 0 forks; "), "{told}");
}

#[test]
fn a_hub_that_is_killed_and_loses_its_file_is_filled_again() {
    let place = Place::new();
    let (hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    sync(&url, &mut [&mut ann, &mut bob]);
    bob.does("visit b1 has seen a1");
    // Ann's device is lost as well.
    drop(ann);
    drop(hub);
    fs::remove_file(place.file("hub")).unwrap();
    let listen = url.strip_prefix("http://").unwrap();
    let (_hub, again) = Station::hub(&place.file("hub"), listen);
    assert_eq!(again, url);
    let mut cleo = Station::replica(&place.file("cleo"));
    cleo.does("visit c1");
    let told = agree(&url, &mut [&mut bob, &mut cleo]);
    assert!(told.starts_with("3 visits: a1, b1 has seen a1, c1; "), "{told}");
}

#[test]
fn a_hub_moved_to_another_address_and_copied_to_a_second_server_serves_from_both() {
    let place = Place::new();
    let (hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    sync(&url, &mut [&mut ann, &mut bob]);
    hub.ends();
    let elsewhere = Place::new();
    fs::copy(place.file("hub"), elsewhere.file("hub")).unwrap();
    fs::rename(place.file("hub"), place.file("moved")).unwrap();
    let (_one, one) = Station::hub(&place.file("moved"), "127.0.0.1:0");
    let (_two, two) = Station::hub(&elsewhere.file("hub"), "127.0.0.1:0");
    // Each meets another one, then somebody both.
    ann.does("visit a2");
    sync(&one, &mut [&mut ann]);
    bob.does("visit b1");
    sync(&two, &mut [&mut bob]);
    sync(&one, &mut [&mut bob]);
    sync(&two, &mut [&mut bob]);
    let told = agree(&one, &mut [&mut ann, &mut bob]);
    assert!(told.starts_with("3 visits: a1, a2, b1; "), "{told}");
    let mut newcomer = Station::replica(&place.file("cleo"));
    newcomer.does(&format!("sync {two}"));
    assert_eq!(newcomer.does("show"), told);
}

#[test]
fn a_hub_put_back_to_an_older_copy_gets_back_what_it_lost() {
    let place = Place::new();
    let (hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    sync(&url, &mut [&mut ann]);
    hub.ends();
    fs::copy(place.file("hub"), place.file("backup")).unwrap();
    let listen = url.strip_prefix("http://").unwrap();
    let (hub, _) = Station::hub(&place.file("hub"), listen);
    ann.does("visit a2");
    ann.does("visit spam");
    sync(&url, &mut [&mut ann, &mut bob]);
    drop(hub);
    fs::copy(place.file("backup"), place.file("hub")).unwrap();
    let (_hub, _) = Station::hub(&place.file("hub"), listen);
    bob.does("visit b1");
    let told = agree(&url, &mut [&mut bob, &mut ann]);
    assert!(told.starts_with("3 visits: a1, a2, b1; "), "{told}");
}

#[test]
fn a_clock_that_steps_a_year_ahead_and_back_refuses_nothing_and_wins_nothing() {
    let place = Place::new();
    let (_hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does(&format!("step {YEAR_MS}"));
    ann.does("visit a year ahead");
    ann.does("step 0");
    ann.does("visit right again");
    ann.does(&format!("step -{YEAR_MS}"));
    ann.does("visit a year behind");
    sync(&url, &mut [&mut ann]);
    bob.does("visit later");
    let told = agree(&url, &mut [&mut ann, &mut bob]);
    let visits = "4 visits: a year ahead, a year behind, later, right again; ";
    assert!(told.starts_with(visits), "{told}");
    assert!(told.contains("; last later; "), "the hub re-dated what was dated ahead: {told}");
}

#[test]
fn what_a_hub_refuses_is_told_to_its_author_and_has_no_effect_even_after_all_were_killed() {
    let place = Place::new();
    let (hub, url) = Station::hub(&place.file("hub"), "127.0.0.1:0");
    let (mut ann, mut bob) = place.replicas();
    ann.does("visit a1");
    ann.does("visit spam");
    ann.does("visit a2");
    sync(&url, &mut [&mut ann, &mut bob]);
    assert_eq!(ann.does("rejected"), "visit.spam");
    drop((hub, ann, bob));
    let listen = url.strip_prefix("http://").unwrap();
    let (_hub, _) = Station::hub(&place.file("hub"), listen);
    let (mut ann, mut bob) = place.replicas();
    let told = agree(&url, &mut [&mut ann, &mut bob]);
    assert!(told.starts_with("2 visits: a1, a2; "), "{told}");
    for station in [&mut ann, &mut bob] {
        assert_eq!(station.does("rejected"), "visit.spam");
    }
}

/// Syncs each with a hub, which must succeed.
fn sync(url: &str, stations: &mut [&mut Station]) {
    for station in stations {
        station.does(&format!("sync {url}"));
    }
}

/// After two rounds of syncs all tell the same, which is returned.
fn agree(url: &str, stations: &mut [&mut Station]) -> String {
    sync(url, stations);
    sync(url, stations);
    let mut told = stations.iter_mut().map(|station| station.does("show"));
    let first = told.next().unwrap();
    told.for_each(|told| assert_eq!(told, first));
    first
}

/// A folder with files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.redb"))
    }

    /// Ann and Bob.
    fn replicas(&self) -> (Station, Station) {
        (Station::replica(&self.file("ann")), Station::replica(&self.file("bob")))
    }
}
