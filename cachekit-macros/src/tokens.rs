//! Questions about raw tokens: which names they mention, whether they stand in an impl, what their fingerprint is.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream, TokenTree};

use crate::attr::template::REQUEST;

/// Every name in `tokens`, those in the placeholders of format strings included.
pub(crate) fn names(tokens: TokenStream) -> HashSet<String> {
    let mut found = HashSet::new();
    collect_names(tokens, &mut found);
    found
}

fn collect_names(tokens: TokenStream, found: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect_names(group.stream(), found),
            TokenTree::Ident(ident) => {
                found.insert(ident.to_string());
            }
            TokenTree::Literal(literal) => found.extend(placeholders(&literal.to_string())),
            TokenTree::Punct(_) => {}
        }
    }
}

/// The names between `{` and `}` in a format string: `{id}`, `{id:>width$}`; not those of the request.
pub(crate) fn placeholders(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(escaped) = rest.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let end = rest.find('}').unwrap_or(rest.len());
        let inside = &rest[..end];
        if inside.trim_start().starts_with(REQUEST) {
            rest = &rest[end..];
            continue;
        }
        found.extend(
            inside
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
                .map(str::to_owned),
        );
        rest = &rest[end..];
    }
    found
}

/// The first literal with a text in it.
pub(crate) fn literal_with(tokens: TokenStream, text: &str) -> Option<Literal> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => literal_with(group.stream(), text),
        TokenTree::Literal(literal) => literal.to_string().contains(text).then_some(literal),
        TokenTree::Ident(_) | TokenTree::Punct(_) => None,
    })
}

/// Whether `Self` is named outside the items nested in `tokens`: only possible inside an impl or a trait.
pub(crate) fn mention_self_type(tokens: TokenStream) -> bool {
    let mut in_item = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => match ident.to_string().as_str() {
                "impl" | "trait" | "struct" | "enum" | "union" => in_item = true,
                "Self" if !in_item => return true,
                _ => {}
            },
            TokenTree::Group(group) if in_item && group.delimiter() == Delimiter::Brace => in_item = false,
            TokenTree::Group(group) if !in_item && mention_self_type(group.stream()) => return true,
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',' | '>') => in_item = false,
            _ => {}
        }
    }
    false
}

/// The tokens with another name for `self`, except in items nested in them, which have their own.
pub(crate) fn rename_self(tokens: TokenStream, name: &Ident) -> TokenStream {
    let mut renamed = TokenStream::new();
    let mut in_item = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let token = match token {
            TokenTree::Ident(ident) if ident == "self" && !in_item => {
                TokenTree::Ident(Ident::new(&name.to_string(), name.span().located_at(ident.span())))
            }
            TokenTree::Ident(ident) => {
                // A function's name follows, or else it is the type of a pointer to one.
                let is_function = ident == "fn" && matches!(tokens.peek(), Some(TokenTree::Ident(_)));
                in_item |= is_function || ident == "impl" || ident == "trait";
                TokenTree::Ident(ident)
            }
            TokenTree::Group(group) if in_item => {
                in_item = group.delimiter() != Delimiter::Brace;
                TokenTree::Group(group)
            }
            TokenTree::Group(group) => TokenTree::Group(inside(&group, |tokens| rename_self(tokens, name))),
            other => other,
        };
        renamed.extend([token]);
    }
    renamed
}

/// The tokens without these words.
pub(crate) fn without(tokens: TokenStream, words: &[&str]) -> TokenStream {
    let tokens = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Ident(ident) if words.iter().any(|word| ident == word) => None,
        TokenTree::Group(group) => Some(TokenTree::Group(inside(&group, |tokens| without(tokens, words)))),
        other => Some(other),
    });
    tokens.collect()
}

/// The tokens with a longer name for `Self` in `Self::Name`, for the names that `is_own` holds for.
pub(crate) fn qualify_self(
    tokens: TokenStream,
    is_own: &dyn Fn(&Ident) -> bool,
    longer: &TokenStream,
) -> TokenStream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is_colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let mut qualified = TokenStream::new();
    for (index, token) in tokens.iter().enumerate() {
        let next = |further: usize| tokens.get(index + further);
        match token {
            TokenTree::Ident(ident)
                if ident == "Self"
                    && is_colon(next(1))
                    && is_colon(next(2))
                    && matches!(next(3), Some(TokenTree::Ident(name)) if is_own(name)) =>
            {
                qualified.extend(longer.clone());
            }
            TokenTree::Group(group) => {
                let group = inside(group, |tokens| qualify_self(tokens, is_own, longer));
                qualified.extend([TokenTree::Group(group)]);
            }
            other => qualified.extend([other.clone()]),
        }
    }
    qualified
}

/// A group of other tokens, at the same place.
fn inside(group: &Group, change: impl FnOnce(TokenStream) -> TokenStream) -> Group {
    let mut changed = Group::new(group.delimiter(), change(group.stream()));
    changed.set_span(group.span());
    changed
}

/// A fingerprint of what `tokens` say, the same in every build: FNV-1a over their texts.
pub(crate) fn fingerprint(tokens: TokenStream) -> u128 {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    feed(tokens, &mut hash);
    hash
}

fn feed(tokens: TokenStream, hash: &mut u128) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                eat(open, hash);
                feed(group.stream(), hash);
                eat(close, hash);
            }
            TokenTree::Ident(ident) => eat(&ident.to_string(), hash),
            TokenTree::Literal(literal) => eat(&literal.to_string(), hash),
            TokenTree::Punct(punct) => eat(punct.as_char().encode_utf8(&mut [0; 4]), hash),
        }
    }
}

fn eat(text: &str, hash: &mut u128) {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    for byte in text.bytes().chain([0]) {
        *hash = (*hash ^ u128::from(byte)).wrapping_mul(PRIME);
    }
}
