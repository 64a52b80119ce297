//! A call that computes, and on whose behalf.

use cachekit_backends::Age;

use super::one::Call;
use super::settle::Said;
use super::verify::Verification;
use crate::bytes::{Lease, Names, Seen};
use crate::control::Permit;
use crate::flight::Leader;
use crate::store::Birth;
use crate::values::Shared;

/// A call that computes.
pub(crate) struct Computing {
    pub(crate) call: Box<Call>,
    pub(crate) role: Computes,
    /// What the backend held, where the values are bytes there and it answered.
    pub(crate) seen: Option<Box<(Names, Seen)>>,
    /// The right to compute for all processes, where that is asked for.
    pub(crate) lease: Option<Lease>,
    /// How old what was found in a backend is.
    pub(crate) age: Option<Age>,
    /// The place of its body among those that may run while the backend is down.
    pub(crate) permit: Option<Permit>,
    pub(super) said: Said,
}

impl Call {
    pub(super) fn computing(self: Box<Self>, role: Computes) -> Box<Computing> {
        let said = Said::default();
        Box::new(Computing { call: self, role, seen: None, lease: None, age: None, permit: None, said })
    }
}

/// On whose behalf a call computes.
pub(crate) enum Computes {
    /// For all who wait for it.
    Leading(Leader<Shared>, Birth),
    /// For itself, and stores.
    Storing(Birth),
    /// For nobody: what it gives is compared with what was served.
    Verifying(Verification),
    /// For itself only.
    Alone,
}

impl Computes {
    /// When the computation was born, where its result may be stored.
    pub(super) fn birth(&self) -> Option<&Birth> {
        match self {
            Self::Leading(_, birth) | Self::Storing(birth) => Some(birth),
            Self::Verifying(_) | Self::Alone => None,
        }
    }
}
