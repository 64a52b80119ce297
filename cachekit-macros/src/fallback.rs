//! What is emitted instead when there was a mistake: the errors, and the user's item, so that its callers do not fail too.

use proc_macro2::TokenStream;
use quote::quote;

/// The errors, then `item` exactly as it was written.
pub(crate) fn untouched(errors: &TokenStream, item: &TokenStream) -> TokenStream {
    quote!(#errors #item)
}
