//! Stores: the contract that each keeps, and what befalls a file on a disk.

#[path = "store/beside.rs"]
mod beside;
#[path = "store/continuity.rs"]
mod continuity;
#[path = "store/contract.rs"]
mod contract;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/faults.rs"]
mod faults;
#[path = "store/golden.rs"]
mod golden;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/salvage.rs"]
mod salvage;
#[path = "store/states.rs"]
mod states;
#[path = "store/support.rs"]
mod support;
#[path = "store/toy.rs"]
mod toy;
