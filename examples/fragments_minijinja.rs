//! Template fragments with minijinja: a block of a template that is rendered once for each list of values.

use std::fmt::Display;

use cachekit::{delete_fragment, try_fragment};
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, State, Value, context};

const PAGE: &str = r#"<h1>{{ title }}</h1>
{% call fragment("menu", 60, user) %}<nav>{{ expensive() }} for {{ user }}</nav>{% endcall %}
"#;

/// `{% call fragment(name, timeout, value, ..) %} .. {% endcall %}`.
#[allow(clippy::needless_pass_by_value, reason = "the engine hands them over")]
fn cached(
    state: &State<'_, '_>,
    name: &str,
    timeout: u64,
    vary: Rest<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let caller: Value = kwargs.get("caller")?;
    let vary: Vec<&dyn Display> = vary.iter().map(|value| value as &dyn Display).collect();
    let text = try_fragment(name, &vary, timeout, || caller.call(state, &[]).map(|text| text.to_string()))?;
    Ok(Value::from_safe_string(text))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut templates = Environment::new();
    templates.add_template("page.html", PAGE)?;
    templates.add_function("fragment", cached);
    templates.add_function("expensive", || {
        println!("    (rendering the menu)");
        "a menu"
    });
    let page = templates.get_template("page.html")?;
    for (title, user) in [("One", "Ada"), ("Two", "Ada"), ("Three", "Bob, the builder")] {
        println!("{}", page.render(context! { title, user })?);
    }
    println!("forgotten: {}", delete_fragment("menu", &[&"Ada"])?);
    println!("{}", page.render(context! { title => "Four", user => "Ada" })?);
    Ok(())
}
