//! Nothing yet: the benchmarks come with their own issue.
