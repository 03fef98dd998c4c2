//! Stored states that were damaged: refused or read as another state, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::world::{State, history};

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_state_comes_back_from_its_bytes(history in history()) {
        let mut state = State::default();
        history.iter().for_each(|event| state.apply(event));
        prop_assert_eq!(State::restore(&state.bytes()), Ok(state));
    }

    #[test]
    fn a_damaged_state_is_refused_or_is_the_only_form_of_another(
        history in history(),
        damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..4),
        length in any::<Index>(),
    ) {
        let mut state = State::default();
        history.iter().for_each(|event| state.apply(event));
        let mut bytes = state.bytes();
        for (at, byte, small) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = if small { bytes[at].wrapping_add(1) } else { byte };
            }
        }
        if length.index(4) == 0 {
            bytes.truncate(length.index(bytes.len() + 1));
        }
        if let Ok(other) = State::restore(&bytes) {
            prop_assert_eq!(other.bytes(), bytes);
            let mut state = other;
            history.iter().for_each(|event| state.apply(event));
        }
    }
}
