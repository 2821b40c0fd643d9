//! Turns a struct into a node: its fields are inputs, its documentation is help.
//!
//! The macros only write down what they read; what types mean is decided by the traits of `runtime::node`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Ident, Lit, LitStr, Result, Token, parse_macro_input};

/// Makes a struct a `runtime::Node`. It needs an `impl runtime::Run` beside it.
///
/// # On the struct: `#[node(...)]`
/// - `class = "KSampler"`: the name in workflow files; the struct's name where left out.
/// - `display = "Sampler"`: the title; the class name where left out. `category = "sampling/custom"`: the menu.
/// - `output_node`: running it is a purpose in itself. `input_is_list`: whole lists in one call, as `List<T>` fields.
/// - `not_idempotent`: equal inputs may give different results. `concurrent`: may run on a thread of its own.
/// - `deprecated`, `experimental`: shown in the menu.
/// - `outputs(image, mask = "Where it is transparent.")`: names and tooltips of the first outputs; types' names where left out.
///
/// # On a field: `#[input(...)]`
/// - `name = "type"`: the key in workflow files, where the field cannot have it.
/// - `default = 20`, `min = 1`, `max = 100`, `step = 8`, `round = 0.01`: numbers. Any constant expression, `u64::MAX` for instance.
/// - `multiline`, `dynamic_prompts`: texts.
/// - `options = SAMPLERS`: a choice; anything that iterates over names. `files = "loras"`: a choice of a folder's files.
///   The field is a `String`; for a fixed set of names an enum with `#[derive(Choice)]` needs no attribute.
/// - `upload = image | video | audio`: an upload button beside a choice of files.
/// - `control_after_generate`, or `control_after_generate = "fixed"`: the editor changes it after each run.
/// - `optional`: may be absent, and is then the default. (`Option<T>` is then `None`.)
/// - `socket = "INT,FLOAT"`: another socket type than the field's own. `force_input`: a socket in place of the widget.
/// - `checked_by_node`: `Run::validate` judges it, not the range.
/// - `literal`: any JSON, which an editor of its own draws.
/// - `name = "mode.size", when = ("mode", &["custom"])`: there, and needed, only while the choice `mode` is `custom`. An `Option` field.
///
/// `Lazy<T>`, `List<T>`, `RawLink` and `Extra<T>` fields speak for themselves.
#[proc_macro_derive(Node, attributes(node, input))]
pub fn derive_node(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    node(&parse_macro_input!(item as DeriveInput)).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes an enum of names a choice. A variant `NearestExact` is called `nearest_exact`; `#[choice("nearest-exact")]` calls it otherwise.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    choice(&parse_macro_input!(item as DeriveInput)).unwrap_or_else(Error::into_compile_error).into()
}

/// What stands in `#[node(...)]`.
#[derive(Default)]
struct About {
    class: Option<LitStr>,
    display: Option<LitStr>,
    category: Option<LitStr>,
    flags: Vec<Ident>,
    outputs: Vec<TokenStream>,
}

const FLAGS: &[&str] = &["output_node", "input_is_list", "not_idempotent", "concurrent", "deprecated", "experimental"];

fn node(item: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &item.data else { return Err(Error::new(item.span(), "a node is a struct")) };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(fields) => return Err(Error::new(fields.span(), "inputs need names")),
    };
    let about = about(&item.attrs)?;
    let struct_name = &item.ident;
    let class = about.class.as_ref().map_or_else(|| struct_name.to_string(), LitStr::value);
    let display = about.display.as_ref().map_or_else(|| class.clone(), LitStr::value);
    let category = about.category.as_ref().map_or_else(String::new, LitStr::value);
    let description = documentation(&item.attrs);
    let flag = |name: &str| about.flags.iter().any(|it| it == name);
    let [output_node, input_is_list, not_idempotent, concurrent, deprecated, experimental] =
        std::array::from_fn::<bool, 6, _>(|i| flag(FLAGS[i]));
    let outputs = &about.outputs;
    let (declared, taken): (Vec<_>, Vec<_>) = fields.into_iter().map(input).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::runtime::Node for #struct_name #arguments #bounds {
            const CONCURRENT: bool = #concurrent;

            fn spec() -> ::runtime::declare::NodeSpec {
                let mut spec = ::runtime::declare::NodeSpec {
                    class: #class.to_owned(),
                    display_name: #display.to_owned(),
                    category: #category.to_owned(),
                    description: #description.to_owned(),
                    inputs: ::std::vec::Vec::new(),
                    outputs: <<Self as ::runtime::Run>::Output as ::runtime::Outputs>::describe(),
                    output_node: #output_node,
                    input_is_list: #input_is_list,
                    not_idempotent: #not_idempotent,
                    extra_inputs: false,
                    deprecated: #deprecated,
                    experimental: #experimental,
                };
                #(#declared)*
                ::runtime::declare::finish(spec, &[#(#outputs),*])
            }

            fn read(inputs: &::runtime::Inputs) -> ::std::result::Result<Self, ::runtime::NodeError> {
                let _ = inputs;
                ::std::result::Result::Ok(Self { #(#taken),* })
            }
        }
    })
}

fn about(attributes: &[Attribute]) -> Result<About> {
    let mut about = About::default();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("node")) {
        attribute.parse_nested_meta(|meta| {
            let Some(name) = meta.path.get_ident().cloned() else { return Err(meta.error("unknown option")) };
            match name.to_string().as_str() {
                "class" => about.class = Some(meta.value()?.parse()?),
                "display" => about.display = Some(meta.value()?.parse()?),
                "category" => about.category = Some(meta.value()?.parse()?),
                "outputs" => about.outputs = outputs(&meta)?,
                flag if FLAGS.contains(&flag) => about.flags.push(name),
                _ => {
                    return Err(
                        meta.error(format!("unknown option; there are class, display, category, outputs, {}", FLAGS.join(", ")))
                    );
                }
            }
            Ok(())
        })?;
    }
    Ok(about)
}

/// `(image, "other name", mask = "tooltip")` as pairs of name and tooltip.
fn outputs(meta: &ParseNestedMeta) -> Result<Vec<TokenStream>> {
    let content;
    syn::parenthesized!(content in meta.input);
    let mut pairs = Vec::new();
    while !content.is_empty() {
        let name = if content.peek(LitStr) { content.parse::<LitStr>()?.value() } else { word(&content.parse::<Ident>()?) };
        let tooltip =
            if content.parse::<Option<Token![=]>>()?.is_some() { content.parse::<LitStr>()?.value() } else { String::new() };
        pairs.push(quote!((#name, #tooltip)));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(pairs)
}

/// A field's declaration and how it is read.
fn input(field: &Field) -> Result<(TokenStream, TokenStream)> {
    let (ident, kind) = (field.ident.as_ref().expect("the fields are named ones"), &field.ty);
    let mut name = word(ident);
    let mut calls = TokenStream::new();
    for attribute in field.attrs.iter().filter(|it| it.path().is_ident("input")) {
        attribute.parse_nested_meta(|meta| {
            let Some(option) = meta.path.get_ident().cloned() else { return Err(meta.error("unknown option")) };
            let call = match option.to_string().as_str() {
                "name" => {
                    name = meta.value()?.parse::<LitStr>()?.value();
                    return Ok(());
                }
                "default" | "min" | "max" | "step" | "round" | "options" | "files" | "socket" | "when" => {
                    let value: Expr = meta.value()?.parse()?;
                    quote!(.#option(#value))
                }
                "multiline" | "dynamic_prompts" | "optional" | "force_input" | "checked_by_node" | "literal" => {
                    quote!(.#option())
                }
                "upload" => {
                    let kind = variant(&meta.value()?.parse::<Ident>()?, &["image", "video", "audio"])?;
                    quote!(.upload(::runtime::declare::Upload::#kind))
                }
                "control_after_generate" => {
                    let mode = if meta.input.peek(Token![=]) {
                        let text: LitStr = meta.value()?.parse()?;
                        variant(&Ident::new(&text.value(), text.span()), &["fixed", "increment", "decrement", "randomize"])?
                    } else {
                        Ident::new("Randomize", option.span())
                    };
                    quote!(.control_after_generate(::runtime::declare::Control::#mode))
                }
                _ => {
                    return Err(meta.error(
                        "unknown option; there are name, default, min, max, step, round, options, files, upload, socket, when, \
                         multiline, dynamic_prompts, optional, force_input, checked_by_node, literal, control_after_generate",
                    ));
                }
            };
            // The order in which options are written must not matter: what makes it a choice comes before what describes the choice.
            calls = if matches!(option.to_string().as_str(), "options" | "files" | "literal") {
                quote!(#call #calls)
            } else {
                quote!(#calls #call)
            };
            Ok(())
        })?;
    }
    let tooltip = documentation(&field.attrs);
    let declared = quote!(::runtime::declare::declare::<#kind>(&mut spec, #name, #tooltip, |it| it #calls););
    let taken = quote!(#ident: <#kind as ::runtime::node::Field>::take(inputs, #name)?);
    Ok((declared, taken))
}

fn choice(item: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &item.data else { return Err(Error::new(item.span(), "a choice is an enum")) };
    let enum_name = &item.ident;
    let mut names = Vec::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(variant.span(), "a choice has no fields"));
        }
        let given = variant.attrs.iter().find(|it| it.path().is_ident("choice"));
        names.push(
            given.map_or_else(|| Ok(snake(&variant.ident.to_string())), |it| it.parse_args::<LitStr>().map(|it| it.value()))?,
        );
        variants.push(&variant.ident);
    }
    Ok(quote! {
        impl #enum_name {
            /// Every choice under its name in workflow files.
            const CHOICES: &'static [(&'static str, Self)] = &[#((#names, Self::#variants)),*];
        }

        impl ::runtime::Socket for #enum_name {
            const TYPE: ::runtime::declare::SocketType = ::runtime::declare::SocketType::named("COMBO");

            fn widget() -> ::std::option::Option<::runtime::declare::Widget> {
                ::std::option::Option::Some(::runtime::declare::choice(Self::CHOICES.iter().map(|it| it.0)))
            }

            fn into_value(self) -> ::runtime::Value {
                ::runtime::Value::String(match self { #(Self::#variants => #names),* }.into())
            }

            fn from_value(value: &::runtime::Value) -> ::std::result::Result<Self, ::std::string::String> {
                ::runtime::node::choose(Self::CHOICES, value)
            }
        }
    })
}

/// The variant of an enum that a lower-case word names.
fn variant(word: &Ident, known: &[&str]) -> Result<Ident> {
    let text = word.to_string();
    if !known.contains(&text.as_str()) {
        return Err(Error::new(word.span(), format!("one of {}", known.join(", "))));
    }
    let (first, rest) = text.split_at(1);
    Ok(Ident::new(&format!("{}{rest}", first.to_uppercase()), word.span()))
}

/// An identifier as users see it: `r#type` is `type`.
fn word(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// `NearestExact` as `nearest_exact`.
fn snake(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// A documentation comment as running text: lines joined, an empty line between paragraphs.
fn documentation(attributes: &[Attribute]) -> String {
    let mut out = String::new();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("doc")) {
        let Ok(pair) = attribute.meta.require_name_value() else { continue };
        let Expr::Lit(literal) = &pair.value else { continue };
        let Lit::Str(text) = &literal.lit else { continue };
        let line = text.value();
        match line.trim() {
            "" => out.push_str("\n\n"),
            line => {
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push(' ');
                }
                out.push_str(line);
            }
        }
    }
    out.trim().to_owned()
}
