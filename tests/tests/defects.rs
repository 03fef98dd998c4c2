//! Defects of the library that synckit replaces, each with the test that would fail if it came
//! back.

mod defects {
    mod agreement;
    mod delivery;
    mod limits;
    mod support;
}
