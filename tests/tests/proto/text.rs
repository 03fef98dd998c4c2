//! The text: what it says, and that a compiler of protobuf takes it.

use synckit::event::SyncEvent;
use synckit::{Aggregate, registry};

use crate::domain::Ship;
use crate::{assert_golden, compiled};

#[test]
fn the_text_is_as_it_was() {
    assert_golden("events.proto", &registry![Ship].proto());
}

#[test]
fn every_event_and_field_has_its_number_in_what_a_compiler_makes_of_it() {
    let (pool, _) = compiled(&registry![Ship].proto());
    let messages: Vec<_> = pool.all_messages().map(|message| message.name().to_owned()).collect();
    for kind in <Ship as Aggregate>::Event::KINDS {
        let said = format!("The event `{}`, version {}.", kind.name, kind.version);
        let text = registry![Ship].proto();
        let name = text.split(&said).nth(1).and_then(|rest| rest.split_whitespace().nth(1));
        let name = name.unwrap_or_else(|| panic!("{} has no message", kind.name));
        assert!(messages.iter().any(|message| message == name), "{name} is not among {messages:?}");
        let message = pool.get_message_by_name(&format!("events.{name}")).unwrap();
        let numbers: Vec<_> = message.fields().map(|field| field.number()).collect();
        let expected: Vec<_> = kind.fields.iter().map(|field| field.number).collect();
        assert_eq!(numbers, expected, "{name}");
    }
}

#[test]
fn what_was_removed_is_reserved() {
    let (pool, _) = compiled(&registry![Ship].proto());
    let shrunk = pool.get_message_by_name("events.ShipShrunk").unwrap();
    let numbers: Vec<_> = shrunk.reserved_ranges().map(|range| range.start).collect();
    assert_eq!(numbers, [2, 4, 7]);
    assert_eq!(shrunk.reserved_names().collect::<Vec<_>>(), ["cargo", "crew"]);
}

#[test]
fn an_empty_registry_has_a_text_too() {
    let (pool, _) = compiled(&registry![].proto());
    assert_eq!(pool.all_messages().count(), 0);
}
