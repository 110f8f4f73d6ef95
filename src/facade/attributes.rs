//! Attributes that a program compiled by `cargo gordian` finds in the place of the original's.
//!
//! The root of a crate of its own, of procedural macros.

extern crate proc_macro;

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// `#[global_allocator]`: over the program's allocator goes one that keeps what the tool allocates from it.
#[proc_macro_attribute]
pub fn global_allocator(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let Some(mut watched) = watched(&item).filter(|_| attribute.is_empty()) else {
        // Nothing that the original would take, either: it says so.
        let mut original = parse("#[::core::__gordian::global_allocator]");
        original.extend(item);
        return original;
    };
    watched.extend(item);
    watched
}

/// The allocator over that of `static NAME: TYPE = …;`.
fn watched(item: &TokenStream) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let is = |token: &TokenTree, text: &str| token.to_string() == text;
    let start = tokens.iter().position(|token| is(token, "static"))?;
    let end = start + tokens[start..].iter().position(|token| is(token, "="))?;
    let [name, colon, ty @ ..] = &tokens[start + 1..end] else { return None };
    if !is(colon, ":") || ty.is_empty() {
        return None;
    }
    let whole = |tokens: &[TokenTree]| TokenTree::Group(Group::new(Delimiter::None, tokens.iter().cloned().collect()));
    let template = parse(
        "const _: () = {
            #[::core::__gordian::global_allocator]
            static WATCHED: ::core::__gordian::Allocator<TYPE> = ::core::__gordian::Allocator::new(&NAME);
        };",
    );
    let mut watched: TokenStream = conditions(&tokens[..start]).collect();
    watched.extend(fill(template, &[("TYPE", whole(ty)), ("NAME", name.clone())]));
    Some(watched)
}

/// The `#[cfg(…)]` before an item: what depends on the item stands and falls with it.
fn conditions(tokens: &[TokenTree]) -> impl Iterator<Item = TokenTree> {
    let attributes = tokens.windows(2).filter(|pair| {
        matches!(&pair[1], TokenTree::Group(group) if group.stream().to_string().starts_with("cfg"))
            && pair[0].to_string() == "#"
    });
    attributes.flat_map(|pair| pair.to_vec())
}

/// A text of this file as tokens.
fn parse(text: &str) -> TokenStream {
    text.parse().unwrap_or_default()
}

/// The template with other tokens in the place of words.
fn fill(template: TokenStream, words: &[(&str, TokenTree)]) -> TokenStream {
    let filled = template.into_iter().map(|token| match token {
        TokenTree::Group(group) => TokenTree::Group(Group::new(group.delimiter(), fill(group.stream(), words))),
        token => words.iter().find(|(word, _)| token.to_string() == *word).map_or(token, |(_, other)| other.clone()),
    });
    filled.collect()
}
