//! Template fragments with askama: a part of a template that is a template of its own, rendered once for each list of
//! values.

use askama::Template;
use cachekit::{delete_fragment, try_fragment};

#[derive(Template)]
#[template(ext = "html", source = "<h1>{{ title }}</h1>\n{{ self.menu()?|safe }}\n")]
struct Page<'a> {
    title: &'a str,
    user: &'a str,
}

impl Page<'_> {
    /// The menu of this user, which the page shows.
    fn menu(&self) -> askama::Result<String> {
        try_fragment("menu", &[&self.user], 60, || {
            println!("    (rendering the menu)");
            Menu { user: self.user }.render()
        })
    }
}

#[derive(Template)]
#[template(ext = "html", source = "<nav>a menu for {{ user }}</nav>")]
struct Menu<'a> {
    user: &'a str,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (title, user) in [("One", "Ada"), ("Two", "Ada"), ("Three", "Bob, the builder")] {
        println!("{}", Page { title, user }.render()?);
    }
    println!("forgotten: {}", delete_fragment("menu", &[&"Ada"])?);
    println!("{}", Page { title: "Four", user: "Ada" }.render()?);
    Ok(())
}
