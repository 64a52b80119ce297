//! Every way to forget what was cached: one call, one instance, one function, a version, a whole cache.

use std::cell::Cell;

use cachekit::{Result, delete_memoized, delete_memoized_verhash, memoize};

thread_local! {
    static COMPUTED: Cell<u32> = const { Cell::new(0) };
}

#[memoize(timeout = "10m")]
fn price(article: u32) -> u32 {
    COMPUTED.set(COMPUTED.get() + 1);
    article * 3
}

#[derive(Hash)]
struct Shop {
    id: u32,
}

impl Shop {
    #[memoize]
    fn discounted(&self, article: u32) -> u32 {
        COMPUTED.set(COMPUTED.get() + 1);
        article * 3 - self.id
    }
}

/// How many bodies run when everything is asked for once: three where nothing is cached.
fn computed(shops: &[Shop; 2]) -> u32 {
    COMPUTED.set(0);
    price(7);
    for shop in shops {
        shop.discounted(7);
    }
    COMPUTED.get()
}

fn main() -> Result<()> {
    let shops = [Shop { id: 1 }, Shop { id: 2 }];
    let [shop, _] = &shops;
    println!("at first                                 {} computed", computed(&shops));
    println!("again                                    {} computed", computed(&shops));

    delete_memoized!(price, 7)?; // or price::delete_memoized_with(7)
    println!("delete_memoized!(price, 7)               {} computed", computed(&shops));
    delete_memoized!(price)?; // or price::delete_memoized()
    println!("delete_memoized!(price)                  {} computed", computed(&shops));
    delete_memoized!(shop.discounted, 7)?; // or shop.discounted_delete_memoized_with(7)
    println!("delete_memoized!(shop.discounted, 7)     {} computed", computed(&shops));
    delete_memoized!(shop.discounted)?; // or shop.discounted_delete_memoized()
    println!("delete_memoized!(shop.discounted)        {} computed", computed(&shops));
    delete_memoized!(Shop::discounted)?; // or Shop::discounted_delete_memoized_all()
    println!("delete_memoized!(Shop::discounted)       {} computed", computed(&shops));
    delete_memoized_verhash!(price)?; // or price::delete_memoized_verhash()
    println!("delete_memoized_verhash!(price)          {} computed", computed(&shops));
    cachekit::current().delete(&price::make_cache_key(7))?;
    println!("cache.delete(&price::make_cache_key(7))  {} computed", computed(&shops));
    cachekit::current().clear()?;
    println!("cache.clear()                            {} computed", computed(&shops));
    Ok(())
}
