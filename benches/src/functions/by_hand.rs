//! Memoizing by hand: a static store, a look, and the computation where nothing is found.

/// The function, memoized by hand over each store; `body` is in scope where this is used. Makes `by_hand()`, which lists
/// the functions.
macro_rules! by_hand {
    (($($arg:ident: $ty:ty),*) -> $value:ty, $key:ty = $owned:expr, found by $lookup:expr) => {
        by_hand!(@one locked, Locked, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one read_locked, ReadLocked, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one dash, Dash, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one papaya, Papaya, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one quick, Quick, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one foyer, Foyer, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one moka, Moka, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);
        by_hand!(@one mini_moka, MiniMoka, ($($arg: $ty),*) -> $value, $key = $owned, $lookup);

        fn table($($arg: $ty),*) -> $value {
            type Own = cachekit_backends::Table<$value>;
            static STORE: std::sync::LazyLock<Own> =
                std::sync::LazyLock::new(|| <Own as $crate::stores::Store<$key, $value>>::sized(super::CAPACITY));
            if let Some(value) = $crate::stores::Store::<$key, $value>::find(&*STORE, $lookup) {
                return value;
            }
            let value = body($($arg),*);
            $crate::stores::Store::<$key, $value>::put(&*STORE, $owned, value.clone());
            value
        }

        fn thread_local($($arg: $ty),*) -> $value {
            type Own = std::collections::HashMap<$key, $value, rapidhash::fast::RandomState>;
            thread_local! {
                static STORE: std::cell::RefCell<Own> = std::cell::RefCell::new(Own::default());
            }
            STORE.with_borrow_mut(|store| {
                if let Some(value) = store.get($lookup) {
                    return value.clone();
                }
                let value = body($($arg),*);
                store.insert($owned, value.clone());
                value
            })
        }

        fn by_hand() -> impl Iterator<Item = super::Contestant<fn($($ty),*) -> $value>> {
            use $crate::stores::{Dash, Foyer, Locked, MiniMoka, Moka, Papaya, Quick, ReadLocked, Store};
            let list: [super::Contestant<fn($($ty),*) -> $value>; 10] = [
                (<cachekit_backends::Table<$value> as Store<$key, $value>>::NAME, table),
                (super::names::THREAD, thread_local),
                (Locked::<$key, $value>::NAME, locked),
                (ReadLocked::<$key, $value>::NAME, read_locked),
                (Dash::<$key, $value>::NAME, dash),
                (Papaya::<$key, $value>::NAME, papaya),
                (Quick::<$key, $value>::NAME, quick),
                (Foyer::<$key, $value>::NAME, foyer),
                (Moka::<$key, $value>::NAME, moka),
                (MiniMoka::<$key, $value>::NAME, mini_moka),
            ];
            list.into_iter()
        }
    };
    (@one $name:ident, $store:ident, ($($arg:ident: $ty:ty),*) -> $value:ty, $key:ty = $owned:expr, $lookup:expr) => {
        fn $name($($arg: $ty),*) -> $value {
            use $crate::stores::{Store as _, $store};
            static STORE: std::sync::LazyLock<$store<$key, $value>> =
                std::sync::LazyLock::new(|| <$store<$key, $value>>::sized(super::CAPACITY));
            if let Some(value) = STORE.find($lookup) {
                return value;
            }
            let value = body($($arg),*);
            STORE.put($owned, value.clone());
            value
        }
    };
}

pub(super) use by_hand;
