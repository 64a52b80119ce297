//! What a proxy can do to what passes.

use std::borrow::Cow;
use std::time::Duration;

/// What a [`Proxy`](super::Proxy) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    Pass,
    /// Passes each piece of a reply on so much later.
    Delay(Duration),
    /// Passes replies on byte by byte, so long between two.
    Dribble(Duration),
    /// Passes so many bytes of replies on, of each connection, and then nothing; what was cut stays so whatever is set
    /// later, until the connection is closed.
    CutAndHang(usize),
    /// Passes so many bytes of replies on, of each connection, and then closes it.
    CutAndClose(usize),
    /// Answers each request with 64 bytes of noise; the server is not asked.
    Garbage,
    /// Answers each request with this; the server is not asked.
    Answer(Cow<'static, [u8]>),
    /// Resets a connection (RST) when a byte comes from the client, or from the server.
    Reset,
    /// Refuses new connections; open ones pass.
    Refuse,
    /// Accepts, and never answers; what the client sends is gone, and what the server was about to answer, too.
    BlackHole,
}

impl Fault {
    /// [`Answer`](Self::Answer) with a text, such as `-LOADING Redis is loading the dataset in memory\r\n`.
    pub fn answer(text: &'static str) -> Self {
        Self::Answer(text.as_bytes().into())
    }
}

/// The noise: the same each time, and the beginning of no answer of any server here.
pub(super) fn noise() -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(0x00C0_FFEE), next)
        .take(64)
        .map(|state| state.to_be_bytes()[0] | 0x01)
        .collect()
}
