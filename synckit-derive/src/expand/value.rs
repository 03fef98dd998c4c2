//! `Value` and `Message` for value types.

use proc_macro2::TokenStream;
use quote::quote;

use super::history::{self, OF_VALUE, Subject};
use super::{fields, number, result, text};
use crate::ast::Field;
use crate::ast::value::{Body, Value, Variant};

pub(crate) fn value(value: &Value) -> TokenStream {
    let (codec, named) = (codec(value), named(value));
    quote!(#codec #named)
}

/// The type's name, version and schema, and what its lock leaves.
fn named(value: &Value) -> TokenStream {
    let Value { ident, krate, name, history, .. } = value;
    let (of_fields, variants): (&[Field], &[Variant]) = match &value.body {
        Body::Struct(of_struct) => (of_struct, &[]),
        Body::Plain(variants) | Body::OneOf(variants) => (&[], variants),
        Body::Union => return TokenStream::new(),
    };
    let parts = match &value.body {
        Body::Plain(_) => {
            let each = sorted(variants).into_iter().map(|variant| {
                let (number, name) = (number(variant.number), text(&variant.ident));
                quote!((#number, #name))
            });
            quote!(Numbers(&[#(#each),*]))
        }
        Body::OneOf(_) => {
            let each = sorted(variants).into_iter().map(|variant| {
                let (number, name) = (number(variant.number), text(&variant.ident));
                let schema = fields::schema(krate, &variant.fields);
                quote!((#number, #name, #schema))
            });
            quote!(OneOf(&[#(#each),*]))
        }
        Body::Struct(_) | Body::Union => {
            let schema = fields::schema(krate, of_fields);
            quote!(Fields(#schema))
        }
    };
    let all = || of_fields.iter().chain(variants.iter().flat_map(|variant| &variant.fields));
    let schema_function = all().next().map(|_| fields::schema_function(krate));
    let version = number(history.version);
    let lineage = history::lineage(krate, history);
    let other = value.other.as_ref().map(text).map(|other| quote!(.other(#other)));
    let tracking = history::tracking(name, history);
    let subject = Subject { krate, ident, name, history, instead: OF_VALUE };
    let checks = subject.checks(all());
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::wire::Named for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const PARTS: #krate::wire::Parts = { #schema_function #krate::wire::Parts::#parts };
            const LINEAGE: #krate::wire::Lineage = #lineage #other;
        }
        #tracking
        #checks
    }
}

fn sorted(variants: &[Variant]) -> Vec<&Variant> {
    let mut sorted: Vec<_> = variants.iter().collect();
    sorted.sort_by_key(|variant| variant.number);
    sorted
}

fn codec(value: &Value) -> TokenStream {
    match &value.body {
        Body::Plain(variants) => plain(value, variants),
        Body::Struct(of_struct) => {
            let krate = &value.krate;
            let read = fields::read(krate, of_struct);
            let read = quote!(::core::result::Result::Ok(Self #read));
            message(value, &fields::write_own(krate, of_struct), &read)
        }
        Body::Union => TokenStream::new(),
        Body::OneOf(variants) => {
            message(value, &write_one(&value.krate, variants), &read_one(&value.krate, variants))
        }
    }
}

fn message(value: &Value, write: &TokenStream, read: &TokenStream) -> TokenStream {
    let Value { ident, krate, .. } = value;
    let result = result(krate);
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
fn write_one(krate: &TokenStream, variants: &[Variant]) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (ident, number) = (&variant.ident, number(variant.number));
        let pattern = fields::pattern(&variant.fields);
        let write = fields::write_bound(krate, &variant.fields);
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
fn read_one(krate: &TokenStream, variants: &[Variant]) -> TokenStream {
    let sorted = sorted(variants);
    let first = number(sorted.first().map_or(1, |variant| variant.number));
    let each = sorted.into_iter().map(|variant| {
        let (ident, number) = (&variant.ident, number(variant.number));
        let read = fields::read(krate, &variant.fields);
        quote! {
            if input.take(#number, #krate::wire::WireType::Len)? {
                return input.nested(|input| ::core::result::Result::Ok(Self::#ident #read));
            }
        }
    });
    quote! {
        #(#each)*
        ::core::result::Result::Err(#krate::wire::WireError::Missing { number: #first })
    }
}

/// An enum without data: one number.
fn plain(value: &Value, variants: &[Variant]) -> TokenStream {
    let Value { ident, krate, .. } = value;
    let result = result(krate);
    let name = text(ident);
    let variant: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let number: Vec<_> = variants.iter().map(|variant| number(variant.number)).collect();
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
