//! What is stored: whole responses, what a path varies by, and that it is not stored.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cachekit_backends::Lifetimes;
use http::{HeaderMap, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cached_response::{from_fields, to_fields};

/// What is under the key of a path and query, or of a variant of it.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// A response.
    Page(Arc<Page>),
    /// What the response varies by: look again, under the key that has the values.
    Varies(Arc<Varies>),
    /// The response is not stored, so nobody should wait for one.
    Pass,
}

/// A response as it is stored: without what belongs to a connection, and without `Age` and `Content-Length`.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// When it was made, by the clock of whoever made it.
    pub(crate) born: SystemTime,
    pub(crate) lifetimes: Lifetimes,
}

/// What a response varies by.
#[derive(Debug)]
pub(crate) struct Varies {
    pub(crate) names: Vec<String>,
    /// Part of the keys of its variants.
    pub(crate) stamp: u64,
}

impl Page {
    /// How old it is.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.born).unwrap_or_default()
    }
}

/// Records as bytes: kind, status, headers, body, birth and lifetimes in milliseconds, names, stamp.
type Form = (u8, u16, Vec<(String, Bytes)>, Bytes, u64, (Option<u64>, u64, u64), Vec<String>, u64);

const PAGE: u8 = 1;
const VARIES: u8 = 2;
const PASS: u8 = 3;

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let empty = |kind| (kind, 0, Vec::new(), Bytes::new(), 0, (None, 0, 0), Vec::new(), 0);
        let form: Form = match self {
            Self::Page(page) => {
                let times = &page.lifetimes;
                (
                    PAGE,
                    page.status.as_u16(),
                    to_fields(&page.headers),
                    page.body.clone(),
                    millis(page.born.duration_since(UNIX_EPOCH).unwrap_or_default()),
                    (times.fresh.map(millis), millis(times.stale), millis(times.grace)),
                    Vec::new(),
                    0,
                )
            }
            Self::Varies(varies) => {
                (VARIES, 0, Vec::new(), Bytes::new(), 0, (None, 0, 0), varies.names.clone(), varies.stamp)
            }
            Self::Pass => empty(PASS),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (kind, status, fields, body, born, (fresh, stale, grace), names, stamp) =
            Form::deserialize(deserializer)?;
        match kind {
            PAGE => {
                let headers = from_fields(fields).map_err(D::Error::custom)?;
                Ok(Self::Page(Arc::new(Page {
                    status: StatusCode::from_u16(status).map_err(D::Error::custom)?,
                    headers,
                    body,
                    born: UNIX_EPOCH.checked_add(Duration::from_millis(born)).unwrap_or(UNIX_EPOCH),
                    lifetimes: Lifetimes {
                        fresh: fresh.map(Duration::from_millis),
                        stale: Duration::from_millis(stale),
                        grace: Duration::from_millis(grace),
                        ..Lifetimes::default()
                    },
                })))
            }
            VARIES => Ok(Self::Varies(Arc::new(Varies { names, stamp }))),
            PASS => Ok(Self::Pass),
            other => Err(D::Error::custom(format!("expected a record of kind 1 to 3, found {other}"))),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
