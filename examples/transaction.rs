//! Deletions that wait for the commit of a transaction: a rollback keeps what is cached, and nobody is served what was
//! never committed.

use std::sync::{Mutex, PoisonError};

use cachekit::{AfterCommit, delete_memoized, memoize};

/// A database with one row; what is written shows at once to whoever wrote it.
static NAME: Mutex<String> = Mutex::new(String::new());

#[memoize]
fn name_of(user: u64) -> String {
    let name = NAME.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("    the database is asked for user {user}");
    name
}

fn write(name: &str) {
    name.clone_into(&mut NAME.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Renames the user in a transaction, which is committed if the name is one.
fn rename(name: &str) -> cachekit::Result<()> {
    let old = name_of(7);
    let transaction = AfterCommit::new();
    transaction.run(|| {
        write(name);
        delete_memoized!(name_of, 7)?; // waits
        println!("  inside the transaction: {}", name_of(7));
        Ok::<(), cachekit::Error>(())
    })?;
    println!("  for others meanwhile: {:?}", name_of::peek(7));
    if name.is_empty() {
        write(&old); // the database rolls back, and dropping `transaction` drops the deletion
        println!("  rolled back");
    } else {
        transaction.commit()?; // everything is tried, and what failed is returned
        println!("  committed");
    }
    Ok(())
}

fn main() -> cachekit::Result<()> {
    write("Ada");
    for name in ["Grace", ""] {
        println!("renaming {} to {name:?}", name_of(7));
        rename(name)?;
    }
    println!("at last {}", name_of(7));
    Ok(())
}
