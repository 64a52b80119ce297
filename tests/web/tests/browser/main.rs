//! The page of statistics in a real browser. In a process of its own: its caches are nobody else's.

mod driver;
mod operator;
