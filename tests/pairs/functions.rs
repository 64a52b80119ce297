//! A function for each option and each pair of options.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use cachekit::memoize;
use tokio::runtime::Runtime;

use crate::model::Options;
use crate::{Answer, How, Source, Trouble};

/// A function, with what tests need of its companions.
pub(crate) struct Function {
    pub(crate) options: Options,
    pub(crate) call: fn(u64, How, Source) -> Answer,
    pub(crate) peek: fn(u64) -> Option<Answer>,
    pub(crate) forget: fn(u64) -> bool,
}

impl Function {
    pub(crate) fn name(&self) -> String {
        self.options.0.join(" + ")
    }
}

/// Pairs that the macro refuses, and what it says of them; the tests in `ui` have the whole messages.
pub(crate) const REFUSED: &[(&str, &str, &str)] = &[
    ("timeout", "until", "`timeout` is given twice"),
    ("idle", "near", "`idle` does not go with `near`"),
    ("hard_timeout", "none_timeout", "cannot say that a call took too long: write `on_timeout`"),
    ("fail_safe_if", "none_timeout", "`Option<u64>` has no error that `fail_safe_if` could be asked about"),
    ("batch", "stale", "`stale` does not go with `batch`"),
    ("batch", "fail_safe", "`fail_safe` does not go with `batch`"),
    ("batch", "fail_safe_if", "`fail_safe_if` does not go with `batch`"),
    ("batch", "throttle", "`throttle` does not go with `batch`"),
    ("batch", "jitter", "`jitter` does not go with `batch`"),
    ("batch", "early", "`early` does not go with `batch`"),
    ("batch", "eager", "`eager` does not go with `batch`"),
    ("batch", "idle", "`idle` does not go with `batch`"),
    ("batch", "refresh_every", "`refresh_every` does not go with `batch`"),
    ("batch", "soft_timeout", "`soft_timeout` does not go with `batch`"),
    ("batch", "hard_timeout", "`hard_timeout` does not go with `batch`"),
    ("batch", "on_timeout", "`on_timeout` does not go with `batch`"),
    ("batch", "lock", "`lock` does not go with `batch`"),
    ("batch", "near", "`near` does not go with `batch`"),
    ("batch", "tags", "`tags` does not go with `batch`"),
    ("batch", "tags_from", "`tags_from` does not go with `batch`"),
    ("batch", "recompute_limit", "`recompute_limit` does not go with `batch`"),
    ("batch", "is_stale", "`is_stale` does not go with `batch`"),
];

/// What a result says of itself, whatever its type is.
pub(crate) trait Said {
    fn key(&self) -> Option<u64>;
}

impl Said for Answer {
    fn key(&self) -> Option<u64> {
        self.ok().map(|value| value / 1000)
    }
}

impl Said for Option<u64> {
    fn key(&self) -> Option<u64> {
        self.map(|value| value / 1000)
    }
}

/// Keys whose values are never kept, or never served, or have a tag.
pub(crate) const UNKEPT: u64 = 900_001;
pub(crate) const UNSERVED: u64 = 900_002;

fn lifetime<R: Said>(_: &R) -> Duration {
    Duration::from_secs(800)
}

fn is_kept<R: Said>(value: &R) -> bool {
    value.key() != Some(UNKEPT)
}

fn is_outdated<R: Said>(value: &R) -> bool {
    value.key() == Some(UNSERVED)
}

fn tag<R: Said>(value: &R) -> Vec<String> {
    value.key().map(|key| format!("value of {key}")).into_iter().collect()
}

/// The function of two options, or of one. Options that say nothing without another one bring it along, once.
macro_rules! function {
    ($of:tt [timeout $a:tt] [until $b:tt]) => { None };
    ($of:tt [idle $a:tt] [near $b:tt]) => { None };
    ($of:tt [refresh_every $a:tt] [refresh_every $b:tt]) => { function!(@result $of [refresh_every] $a {}) };
    ($of:tt [hard_timeout $a:tt] [none_timeout $b:tt]) => { None };
    ($of:tt [fail_safe $a:tt] [fail_safe_if $b:tt]) => { function!(@result $of [fail_safe fail_safe_if] {} $b) };
    ($of:tt [fail_safe $a:tt] [throttle $b:tt]) => { function!(@result $of [fail_safe throttle] {} $b) };
    ($of:tt [fail_safe $a:tt] [soft_timeout $b:tt]) => { function!(@result $of [fail_safe soft_timeout] {} $b) };
    ($of:tt [fail_safe_if $a:tt] [throttle $b:tt]) => { function!(@result $of [fail_safe_if throttle] $a { throttle = 20, }) };
    ($of:tt [fail_safe_if $a:tt] [soft_timeout $b:tt]) => { function!(@result $of [fail_safe_if soft_timeout] $a { soft_timeout = "1s", }) };
    ($of:tt [throttle $a:tt] [soft_timeout $b:tt]) => { function!(@result $of [throttle soft_timeout] $a { soft_timeout = "1s", }) };
    ($of:tt [hard_timeout $a:tt] [on_timeout $b:tt]) => { function!(@result $of [hard_timeout on_timeout] {} $b) };
    ($of:tt [fail_safe_if $a:tt] [none_timeout $b:tt]) => { None };
    ($of:tt [on_timeout $a:tt] [none_timeout $b:tt]) => { function!(@option $of [on_timeout none_timeout] { hard_timeout = "1s", on_timeout = None, } $b) };
    ($of:tt [$name:ident $a:tt] [none_timeout $b:tt]) => { function!(@option $of [$name none_timeout] $a $b) };
    ($of:tt [none_timeout $a:tt] [batch $b:tt]) => { None };
    ($of:tt [none_timeout $a:tt] [$name:ident $b:tt]) => { function!(@option $of [none_timeout $name] $a $b) };
    ($of:tt [none_timeout $a:tt]) => { function!(@option $of [none_timeout] $a {}) };
    ($of:tt [$name:ident $a:tt] [batch $b:tt]) => { None };
    ($of:tt [batch $a:tt]) => { function!(@batch $of [batch] {}) };
    ($of:tt [$first:ident $a:tt] [$second:ident $b:tt]) => { function!(@result $of [$first $second] $a $b) };
    ($of:tt [$name:ident $a:tt]) => { function!(@result $of [$name] $a {}) };
    (@result ($key:ident $how:ident) [$($name:ident)+] { $($a:tt)* } { $($b:tt)* }) => {{
        #[memoize($($a)* $($b)* args_to_ignore = [$how, source], make_name = |_| stringify!($($name)+).to_owned())]
        fn f($key: u64, $how: How, source: Source) -> Answer {
            source.compute($key, $how)
        }
        Some(Function {
            options: Options(vec![$(stringify!($name)),+]),
            call: f,
            peek: |key| f::peek(key),
            forget: |key| f::delete_memoized_with(key).unwrap(),
        })
    }};
    (@option ($key:ident $how:ident) [$($name:ident)+] { $($a:tt)* } { $($b:tt)* }) => {{
        #[memoize($($a)* $($b)* args_to_ignore = [$how, source], make_name = |_| stringify!($($name)+).to_owned())]
        fn f($key: u64, $how: How, source: Source) -> Option<u64> {
            source.find($key, $how)
        }
        Some(Function {
            options: Options(vec![$(stringify!($name)),+]),
            call: |key, how, source| f(key, how, source).ok_or(Trouble::Nothing),
            peek: |key| f::peek(key).map(|found| found.ok_or(Trouble::Nothing)),
            forget: |key| f::delete_memoized_with(key).unwrap(),
        })
    }};
    (@batch ($key:ident $how:ident) [$($name:ident)+] { $($a:tt)* }) => {{
        #[memoize(batch = keys, $($a)* args_to_ignore = [$how, source], make_name = |_| stringify!($($name)+).to_owned())]
        fn f(keys: &[u64], $how: How, source: Source) -> HashMap<u64, Answer> {
            keys.iter().map(|key| (*key, source.compute(*key, $how))).collect()
        }
        Some(Function {
            options: Options(vec![$(stringify!($name)),+]),
            call: |key, how, source| f(&[key], how, source)[&key],
            peek: |key| f::peek(key),
            forget: |key| f::delete_memoized_with(key).unwrap(),
        })
    }};
    (@result ($key:ident $how:ident async) [$($name:ident)+] { $($a:tt)* } { $($b:tt)* }) => {{
        #[memoize($($a)* $($b)* args_to_ignore = [$how, source], make_name = |_| stringify!(async $($name)+).to_owned())]
        async fn f($key: u64, $how: How, source: Source) -> Answer {
            tokio::task::yield_now().await;
            source.compute($key, $how)
        }
        Some(Function {
            options: Options(vec![$(stringify!($name)),+]),
            call: |key, how, source| RUNTIME.block_on(f(key, how, source)),
            peek: |key| RUNTIME.block_on(f::peek(key)),
            forget: |key| RUNTIME.block_on(f::delete_memoized_with(key)).unwrap(),
        })
    }};
    (@option ($key:ident $how:ident async) [$($name:ident)+] { $($a:tt)* } { $($b:tt)* }) => {{
        #[memoize($($a)* $($b)* args_to_ignore = [$how, source], make_name = |_| stringify!(async $($name)+).to_owned())]
        async fn f($key: u64, $how: How, source: Source) -> Option<u64> {
            tokio::task::yield_now().await;
            source.find($key, $how)
        }
        Some(Function {
            options: Options(vec![$(stringify!($name)),+]),
            call: |key, how, source| RUNTIME.block_on(f(key, how, source)).ok_or(Trouble::Nothing),
            peek: |key| RUNTIME.block_on(f::peek(key)).map(|found| found.ok_or(Trouble::Nothing)),
            forget: |key| RUNTIME.block_on(f::delete_memoized_with(key)).unwrap(),
        })
    }};
    (@batch ($key:ident $how:ident async) $names:tt $a:tt) => { None };
}

/// Each option with each of those that follow, and alone.
macro_rules! functions {
    ($of:tt) => { Vec::new() };
    ($of:tt [$($first:tt)+] $([$($second:tt)+])*) => {{
        let mut all: Vec<Option<Function>> = vec![function!($of [$($first)+])];
        functions!(@with $of [$($first)+]; all; $([$($second)+])*);
        all.extend(functions!($of $([$($second)+])*));
        all
    }};
    (@with $of:tt $first:tt; $all:ident; $($second:tt)*) => {
        $($all.push(function!($of $first $second));)*
    };
}

/// The options, for a macro to make functions of.
macro_rules! with_options {
    ($make:ident $($flavour:ident)?) => {
        $make! { (key how $($flavour)?)
            [timeout { timeout = 1000, }]
            [until { timeout = how.end, }]
            [timeout_from { timeout_from = lifetime, }]
            [stale { stale = 2000, }]
            [fail_safe { fail_safe = 4000, }]
            [fail_safe_if { fail_safe = 4000, fail_safe_if = |error| *error == Trouble::Down, }]
            [throttle { fail_safe = 4000, throttle = 20, }]
            [jitter { jitter = 0.1, }]
            [early { early = 1000000000000.0, }]
            [eager { eager = 0.5, }]
            [idle { idle = 600, }]
            [refresh_every { refresh_every = "1d", }]
            [soft_timeout { fail_safe = 4000, soft_timeout = "1s", }]
            [hard_timeout { hard_timeout = "1s", }]
            [on_timeout { hard_timeout = "1s", on_timeout = Err(Trouble::Late), }]
            [lock { lock = "50s", }]
            [near { near = "1d", }]
            [tags { tags = ["key {key}"], }]
            [tags_from { tags_from = tag, }]
            [none_timeout { none_timeout = 300, }]
            [err_timeout { err_timeout = 300, }]
            [recompute_limit { recompute_limit = 2, }]
            [unless { unless = how.unless, }]
            [forced_update { forced_update = how.forced, }]
            [is_stale { is_stale = is_outdated, }]
            [response_filter { response_filter = is_kept, }]
            [batch {}]
        }
    };
}

/// Each option with the one that has values computed again and again.
macro_rules! recurring {
    ($of:tt $($option:tt)*) => {
        [$(function!($of [refresh_every { refresh_every = "250ms", }] $option)),*]
    };
}

/// All that the macro accepts.
pub(crate) fn all() -> Vec<Function> {
    let mut all: Vec<Option<Function>> = with_options!(functions);
    all.extend([
        function!(@batch (key how) [batch timeout] { timeout = 1000, }),
        function!(@batch (key how) [batch until] { timeout = how.end, }),
        function!(@batch (key how) [batch timeout_from] { timeout_from = lifetime, }),
        function!(@batch (key how) [batch err_timeout] { err_timeout = 300, }),
        function!(@batch (key how) [batch unless] { unless = how.unless, }),
        function!(@batch (key how) [batch forced_update] { forced_update = how.forced, }),
        function!(@batch (key how) [batch response_filter] { response_filter = is_kept, }),
    ]);
    all.into_iter().flatten().collect()
}

/// Their async flavour, where the callers are not in a batch.
pub(crate) fn all_async() -> Vec<Function> {
    let all: Vec<Option<Function>> = with_options!(functions async);
    all.into_iter().flatten().collect()
}

/// Where async functions run, and their refreshes.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Those whose values are computed again and again, whether anybody calls or not.
pub(crate) fn recurring() -> Vec<Function> {
    with_options!(recurring).into_iter().flatten().collect()
}
