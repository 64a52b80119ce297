//! `FileSystemCache` against what can happen to files: other processes, kills, damage, links, modes and full disks.
//!
//! What every backend must do is tested by the conformance kit; here is only what is about files.
#![cfg(unix)]

#[path = "filesystem/catalogue.rs"]
mod catalogue;
#[path = "filesystem/damage.rs"]
mod damage;
#[path = "filesystem/foreign.rs"]
mod foreign;
#[path = "filesystem/full.rs"]
mod full;
#[path = "filesystem/helper.rs"]
mod helper;
#[path = "filesystem/model.rs"]
mod model;
#[path = "filesystem/modes.rs"]
mod modes;
#[path = "filesystem/processes.rs"]
mod processes;
#[path = "filesystem/size.rs"]
mod size;
