//! What is measured, one module each. Every section prints its tables and its targets.

pub mod contention;
pub mod hit_ratio;
pub mod hits;
pub mod memory;
pub mod pauses;
pub mod stampede;
pub mod working_set;

pub mod compile;
