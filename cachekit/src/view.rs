//! `View`: results that are cached in another form than they are returned in.

#![allow(missing_docs, reason = "most of it is for the macros only")]

use std::marker::PhantomData;

use cachekit_backends::Timeout;

use crate::value::{CacheValue, Carrier, OkAndErr, OkOnly, Policy, SomeOnly, Split, Verdict, Whole};

/// A result that cannot be stored as it is, but in another form: a web framework's `Html` or `Json`, a response.
///
/// `#[cached]` and `#[memoize]` functions may return it, alone, in an `Option` or in a `Result`.
///
/// ```
/// use cachekit::{View, memoize};
///
/// struct Page { html: String, served: std::time::Instant }
///
/// impl View for Page {
///     type Form = String;
///     fn to_form(&self) -> Option<String> { Some(self.html.clone()) }
///     fn from_form(html: String) -> Self { Self { html, served: std::time::Instant::now() } }
/// }
///
/// #[memoize]
/// fn about() -> Page { Page::from_form("<h1>About</h1>".to_owned()) }
///
/// about();
/// assert_eq!(about().html, "<h1>About</h1>");
/// assert_eq!(about::stats().hits, 1);
/// ```
pub trait View: Sized {
    /// What is stored.
    type Form: CacheValue;

    /// What is stored of it; `None` if it is its caller's alone.
    fn to_form(&self) -> Option<Self::Form>;

    /// The result that was stored.
    fn from_form(form: Self::Form) -> Self;

    /// How long it lives, if it says so itself.
    fn timeout(&self) -> Option<Timeout> {
        None
    }
}

/// The policy `P`, for results that are stored in another form.
#[derive(Debug)]
pub struct Formed<P>(PhantomData<fn() -> P>);

/// Second choice of how results are kept, for those that no cache can keep as they are.
pub trait ViaView: Sized {
    fn portable(self) -> Formed<Self>;
}

impl<P> ViaView for P
where
    Formed<P>: Policy,
{
    fn portable(self) -> Formed<Self> {
        Formed(PhantomData)
    }
}

impl<R: View> Policy for Formed<Whole<R>> {
    type Ret = R;
    type Stored = R::Form;

    fn split(ret: &R) -> Split<R::Form> {
        split(ret)
    }
    fn join(stored: R::Form) -> R {
        R::from_form(stored)
    }
    fn timeout(ret: &R) -> Option<Timeout> {
        ret.timeout()
    }
    fn carrier() -> Option<Carrier> {
        Some(Carrier::of::<Self::Stored>())
    }
}

impl<T: View, E> Policy for Formed<OkOnly<T, E>> {
    type Ret = Result<T, E>;
    type Stored = T::Form;

    fn split(ret: &Self::Ret) -> Split<T::Form> {
        ret.as_ref().map_or(Split::Refuse, split)
    }
    fn join(stored: T::Form) -> Self::Ret {
        Ok(T::from_form(stored))
    }
    fn timeout(ret: &Self::Ret) -> Option<Timeout> {
        ret.as_ref().ok()?.timeout()
    }
    fn carrier() -> Option<Carrier> {
        Some(Carrier::of::<Self::Stored>())
    }
}

impl<T: View, E: CacheValue> Policy for Formed<OkAndErr<T, E>> {
    type Ret = Result<T, E>;
    type Stored = Result<T::Form, E>;

    fn split(ret: &Self::Ret) -> Split<Self::Stored> {
        match ret {
            Ok(value) => value.to_form().map_or(Split::Refuse, |form| Split::Store(Ok(form), Verdict::Plain)),
            Err(error) => Split::Store(Err(error.clone()), Verdict::Err),
        }
    }
    fn join(stored: Self::Stored) -> Self::Ret {
        stored.map(T::from_form)
    }
    fn timeout(ret: &Self::Ret) -> Option<Timeout> {
        ret.as_ref().ok()?.timeout()
    }
    fn carrier() -> Option<Carrier> {
        Some(Carrier::of::<Self::Stored>())
    }
}

impl<T: View> Policy for Formed<SomeOnly<T>> {
    type Ret = Option<T>;
    type Stored = T::Form;

    fn split(ret: &Option<T>) -> Split<T::Form> {
        ret.as_ref().map_or(Split::Share, split)
    }
    fn join(stored: T::Form) -> Option<T> {
        Some(T::from_form(stored))
    }
    fn shared() -> Option<Option<T>> {
        Some(None)
    }
    fn timeout(ret: &Option<T>) -> Option<Timeout> {
        ret.as_ref()?.timeout()
    }
    fn carrier() -> Option<Carrier> {
        Some(Carrier::of::<Self::Stored>())
    }
}

fn split<T: View>(value: &T) -> Split<T::Form> {
    value.to_form().map_or(Split::Refuse, |form| Split::Store(form, Verdict::Plain))
}
