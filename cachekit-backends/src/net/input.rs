//! Bytes that have arrived and were not taken yet.

/// So much room there is at first, and again once much is taken.
const FIRST: usize = 16 << 10;
/// Reads get at least so much room.
const LEAST: usize = 4 << 10;
/// What is kept of the room that a long reply needed.
const KEPT: usize = 1 << 20;

/// A buffer that grows with what really comes, whatever lengths a server speaks of.
#[derive(Debug)]
pub(crate) struct Input {
    room: Vec<u8>,
    start: usize,
    end: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { room: vec![0; FIRST], start: 0, end: 0 }
    }
}

impl Input {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes so many of the bytes that are there.
    pub(crate) fn take(&mut self, count: usize) {
        self.start += count.min(self.end - self.start);
    }

    /// Where what comes next is to be put; [`arrived`](Self::arrived) says how much that is.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.room.len() > KEPT {
                self.room = vec![0; FIRST];
            }
        }
        if self.room.len() - self.end < LEAST {
            if self.start >= self.room.len() / 2 {
                self.room.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                // Zeros that the allocator has are free, which those of `resize` are not.
                let mut room = vec![0; 2 * self.room.len()];
                room[..self.end].copy_from_slice(&self.room[..self.end]);
                self.room = room;
            }
        }
        &mut self.room[self.end..]
    }

    /// Says that so many bytes were put into the room.
    pub(crate) fn arrived(&mut self, count: usize) {
        self.end += count.min(self.room.len() - self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_in_pieces_is_taken_in_order() {
        let (mut input, mut sent, mut taken) = (Input::default(), 0_u64, 0_u64);
        for piece in (1..4000).chain([100_000, 1, 3_000_000, 5]) {
            let mut left = piece;
            while left > 0 {
                let room = input.room();
                assert!(room.len() >= LEAST);
                let count = left.min(room.len());
                for byte in &mut room[..count] {
                    *byte = u8::try_from(sent % 251).unwrap();
                    sent += 1;
                }
                input.arrived(count);
                left -= count;
            }
            let count = if piece % 3 == 0 { input.bytes().len() } else { input.bytes().len() / 2 };
            for byte in &input.bytes()[..count] {
                assert_eq!(u64::from(*byte), taken % 251);
                taken += 1;
            }
            input.take(count);
        }
        input.take(usize::MAX);
        assert!(input.is_empty() && input.room().len() == FIRST, "the room for a long reply is given back");
    }
}
