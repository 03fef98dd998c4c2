//! `Value` and `Message` for value types.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use synckit_lock::Family;

use super::history::{self, OF_VALUE, Subject};
use super::{fields, number, result, text};
use crate::ast::value::{Body, Value, Variant};
use crate::lock::resolved::{Member, Resolved};

pub(crate) fn value(value: &Value<'_>, resolved: &Resolved) -> TokenStream {
    let members = &resolved.members;
    let Value { krate, .. } = value;
    let (codec, parts, checks) = match &value.body {
        Body::Union => return TokenStream::new(),
        Body::Struct(of_struct) => {
            let numbered = fields::numbered(of_struct, members);
            let read = fields::read(krate, &numbered);
            let read = quote!(::core::result::Result::Ok(Self #read));
            let schema = fields::schema(krate, &fields::declared(of_struct, members));
            (
                message(value, resolved, &fields::write_own(krate, &numbered), &read),
                quote!(Fields(#schema)),
                subject(value, resolved).checks(of_struct, members),
            )
        }
        Body::Plain(of_enum) => {
            let numbered = numbered(of_enum, members);
            let each = of_enum.iter().zip(members).map(|(variant, member)| {
                let (number, name) = (number(member.number), text(variant.ident));
                quote!((#number, #name))
            });
            let parts = quote!(Numbers(&[#(#each),*]));
            (plain(value, resolved, &numbered), parts, TokenStream::new())
        }
        Body::OneOf(of_enum) => {
            let numbered = numbered(of_enum, members);
            let each = of_enum.iter().zip(members).map(|(variant, member)| {
                let (number, name) = (number(member.number), text(variant.ident));
                let fields = fields::declared(&variant.fields, &member.fields);
                let schema = fields::schema(krate, &fields);
                quote!((#number, #name, #schema))
            });
            let parts = quote!(OneOf(&[#(#each),*]));
            let subject = subject(value, resolved);
            let checks = of_enum.iter().zip(members);
            let checks =
                checks.map(|(variant, member)| subject.checks(&variant.fields, &member.fields));
            let (write, read) = (write_one(krate, &numbered), read_one(krate, &numbered));
            let codec = message(value, resolved, &write, &read);
            (codec, parts, checks.collect())
        }
    };
    let named = named(value, resolved, &parts);
    quote!(#codec #named #checks)
}

/// The type's name, version and schema, and what its lock leaves.
fn named(value: &Value<'_>, resolved: &Resolved, parts: &TokenStream) -> TokenStream {
    let Value { ident, krate, name, .. } = value;
    let schema_function = value.has_fields().then(|| fields::schema_function(krate));
    let version = number(resolved.version);
    let lineage = history::lineage(krate, resolved);
    let other = value.other.map(text).map(|other| quote!(.other(#other)));
    let default = value.default(&resolved.members).map(number);
    let default = default.map(|default| quote!(.default_variant(#default)));
    let former = (!resolved.former.is_empty()).then(|| {
        let former = &resolved.former;
        quote!(.former(&[#(#former),*]))
    });
    let tracking = history::tracking(Family::Value, name, resolved);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::wire::Named for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const PARTS: #krate::wire::Parts = { #schema_function #krate::wire::Parts::#parts };
            const LINEAGE: #krate::wire::Lineage = #lineage #other #default #former;
        }
        #tracking
    }
}

fn subject<'a>(value: &'a Value<'_>, resolved: &'a Resolved) -> Subject<'a> {
    let Value { ident, krate, name, .. } = value;
    Subject { krate, ident, name, resolved, unless: None, instead: OF_VALUE }
}

impl Value<'_> {
    /// The number of the variant that is the default.
    fn default(&self, members: &[Member]) -> Option<u32> {
        let (Body::Plain(variants) | Body::OneOf(variants)) = &self.body else { return None };
        let mut each = variants.iter().zip(members);
        each.find(|(variant, _)| variant.default).map(|(_, member)| member.number)
    }
}

/// A variant with the numbers that it and its fields have.
struct NumberedVariant<'a> {
    variant: &'a Variant<'a>,
    number: Literal,
    fields: Vec<fields::NumberedField<'a>>,
}

/// The variants, ascending by number.
fn numbered<'a>(variants: &'a [Variant<'a>], members: &[Member]) -> Vec<NumberedVariant<'a>> {
    let mut each: Vec<_> = variants.iter().zip(members).collect();
    each.sort_by_key(|(_, member)| member.number);
    let numbered = each.into_iter().map(|(variant, member)| NumberedVariant {
        variant,
        number: number(member.number),
        fields: fields::numbered(&variant.fields, &member.fields),
    });
    numbered.collect()
}

/// The error of a draft in the place of a published type with the same fields.
fn former(value: &Value<'_>, resolved: &Resolved) -> Option<TokenStream> {
    let ident = value.ident;
    let first = resolved.former.first()?;
    let names: Vec<_> = resolved.former.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "`{}` stands where {} is locked, which has the same fields; a type that was only renamed keeps its name in \
         schemas: #[value(name = \"{first}\")]",
        text(ident),
        names.join(" or ")
    );
    Some(quote_spanned! {ident.span()=>
        const FORMER: () = ::core::panic!("{}", #message);
    })
}

fn message(
    value: &Value<'_>,
    resolved: &Resolved,
    write: &TokenStream,
    read: &TokenStream,
) -> TokenStream {
    let Value { ident, krate, .. } = value;
    let (result, former) = (result(krate), former(value, resolved));
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::wire::Message for #ident {
            fn write_fields(&self, out: &mut #krate::wire::Writer) { #write }
            fn read_fields(input: &mut #krate::wire::Reader<'_>) -> #result { #read }
        }
        #[automatically_derived]
        impl #krate::wire::Value for #ident {
            const WIRE: #krate::wire::WireType = #krate::wire::WireType::Len;
            const SHAPE: #krate::wire::Shape =
                #krate::wire::Shape::Message(#krate::wire::ValueRef::of::<Self>());
            #former
            fn write(&self, out: &mut #krate::wire::Writer) {
                out.nested(|out| #krate::wire::Message::write_fields(self, out));
            }
            fn read(input: &mut #krate::wire::Reader<'_>) -> #result {
                input.nested(#krate::wire::Message::read_fields)
            }
        }
    }
}

/// Writes the variant as the one field that is there.
fn write_one(krate: &TokenStream, variants: &[NumberedVariant<'_>]) -> TokenStream {
    let arms = variants.iter().map(|NumberedVariant { variant, number, fields }| {
        let ident = variant.ident;
        let (pattern, write) = (fields::pattern(fields), fields::write_bound(krate, fields));
        quote! {
            Self::#ident #pattern => {
                out.tag(#number, #krate::wire::WireType::Len);
                out.nested(|out| { #write });
            }
        }
    });
    quote!(match self { #(#arms)* })
}

/// Reads the variant whose field is there. A second one is left over, which the caller refuses.
fn read_one(krate: &TokenStream, variants: &[NumberedVariant<'_>]) -> TokenStream {
    let first = variants.first().map(|variant| &variant.number).into_iter();
    let each = variants.iter().map(|NumberedVariant { variant, number, fields }| {
        let (ident, read) = (variant.ident, fields::read(krate, fields));
        quote! {
            if input.take(#number, #krate::wire::WireType::Len)? {
                return input.nested(|input| ::core::result::Result::Ok(Self::#ident #read));
            }
        }
    });
    quote! {
        #(#each)*
        ::core::result::Result::Err(#krate::wire::WireError::Missing { number: #(#first)* })
    }
}

/// An enum without data: one number.
fn plain(value: &Value<'_>, resolved: &Resolved, variants: &[NumberedVariant<'_>]) -> TokenStream {
    let Value { ident, krate, .. } = value;
    let (result, former) = (result(krate), former(value, resolved));
    let name = text(ident);
    let variant: Vec<_> = variants.iter().map(|numbered| numbered.variant.ident).collect();
    let number: Vec<_> = variants.iter().map(|numbered| &numbered.number).collect();
    let write = value
        .other
        .as_ref()
        .map(|other| quote!(Self::#other(number) => ::core::convert::Into::<u64>::into(*number),));
    let unknown = match &value.other {
        Some(other) => quote!(#krate::wire::unknown_variant(number, #name).map(Self::#other)),
        None => quote! {
            ::core::result::Result::Err(
                #krate::wire::WireError::UnknownVariant { number, target: #name },
            )
        },
    };
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::wire::Value for #ident {
            const WIRE: #krate::wire::WireType = #krate::wire::WireType::Varint;
            const SHAPE: #krate::wire::Shape =
                #krate::wire::Shape::Enum(#krate::wire::ValueRef::of::<Self>());
            #former
            fn write(&self, out: &mut #krate::wire::Writer) {
                out.varint(match self { #(Self::#variant => #number,)* #write });
            }
            fn read(input: &mut #krate::wire::Reader<'_>) -> #result {
                match input.varint()? {
                    #(#number => ::core::result::Result::Ok(Self::#variant),)*
                    number => #unknown,
                }
            }
        }
    }
}
