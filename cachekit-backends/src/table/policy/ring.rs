//! Two rings of entries, linked by id: eight bytes an entry.

/// Where an entry is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Cold,
    Hot,
}

const HOT: u32 = 1 << 31;
const NONE: u32 = u32::MAX;

/// The neighbours of one entry. The top bit of `prev` says that it is hot; `next` is `NONE` when it is in no ring.
#[derive(Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

#[derive(Clone, Copy, Default)]
struct Ring {
    front: u32,
    len: usize,
}

/// A cold and a hot ring over the same ids (below 2^31).
#[derive(Default)]
pub(super) struct Rings {
    /// By id.
    links: Vec<Link>,
    cold: Ring,
    hot: Ring,
}

impl Rings {
    pub(super) fn len(&self, place: Place) -> usize {
        self.ring(place).len
    }

    /// The entry that has been in the ring for the longest since it was put or turned to its back.
    pub(super) fn front(&self, place: Place) -> Option<u32> {
        let ring = self.ring(place);
        (ring.len > 0).then_some(ring.front)
    }

    /// Puts an entry that is in no ring at the back of one.
    pub(super) fn push(&mut self, place: Place, id: u32) {
        debug_assert!(id < HOT, "an id is below 2^31");
        let at = id as usize;
        if at >= self.links.len() {
            if at >= self.links.capacity() {
                // A full shard has one entry more than a power of two: doubling would take half of it for nothing.
                self.links.reserve_exact(at + 1 - self.links.len() + at / 4);
            }
            self.links.resize(at + 1, Link { prev: NONE, next: NONE });
        }
        debug_assert_eq!(self.links[at].next, NONE, "an entry is in one ring at most");
        let Ring { front, len } = *self.ring(place);
        let (prev, next) = if len == 0 { (id, id) } else { (self.prev(front), front) };
        let mark = if place == Place::Hot { HOT } else { 0 };
        self.links[at] = Link { prev: prev | mark, next };
        self.links[prev as usize].next = id;
        self.links[next as usize].prev = id | mark;
        let front = if len == 0 { id } else { front };
        *self.ring_mut(place) = Ring { front, len: len + 1 };
    }

    /// Turns the ring by one: its front becomes its back.
    pub(super) fn turn(&mut self, place: Place) {
        if let Some(front) = self.front(place) {
            self.ring_mut(place).front = self.links[front as usize].next;
        }
    }

    /// Takes an entry out of its ring, if it is in one, and says which that was.
    pub(super) fn remove(&mut self, id: u32) -> Option<Place> {
        let Link { prev, next } = *self.links.get(id as usize).filter(|link| link.next != NONE)?;
        let mark = prev & HOT;
        self.links[(prev & !HOT) as usize].next = next;
        self.links[next as usize].prev = prev;
        self.links[id as usize].next = NONE;
        let place = if mark == HOT { Place::Hot } else { Place::Cold };
        let ring = self.ring_mut(place);
        ring.len -= 1;
        if ring.front == id {
            ring.front = next;
        }
        Some(place)
    }

    fn prev(&self, id: u32) -> u32 {
        self.links[id as usize].prev & !HOT
    }

    fn ring(&self, place: Place) -> &Ring {
        match place {
            Place::Cold => &self.cold,
            Place::Hot => &self.hot,
        }
    }

    fn ring_mut(&mut self, place: Place) -> &mut Ring {
        match place {
            Place::Cold => &mut self.cold,
            Place::Hot => &mut self.hot,
        }
    }
}
