//! The byte form of entries: its layout, compression and seals, golden files of it, and 10^6 mutations of it.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

#[path = "envelope/compression.rs"]
mod compression;
#[path = "envelope/configuration.rs"]
mod configuration;
#[path = "envelope/golden.rs"]
mod golden;
#[path = "envelope/helper.rs"]
mod helper;
#[path = "envelope/layout.rs"]
mod layout;
#[path = "envelope/memory.rs"]
mod memory;
#[path = "envelope/mutations.rs"]
mod mutations;
#[path = "envelope/refused.rs"]
mod refused;
#[path = "envelope/seals.rs"]
mod seals;
