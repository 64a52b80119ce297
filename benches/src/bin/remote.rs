//! The section `remote`, in a program of its own, because it needs other features of cachekit.

fn main() {
    cachekit_benches::remote::run();
}
