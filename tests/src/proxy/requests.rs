//! Where one request of a client ends and the next begins.

/// Counts the requests in what a client sends.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pending: Vec<u8>,
}

impl Requests {
    /// How many requests end in these bytes.
    pub(super) fn ended_in(&mut self, bytes: &[u8]) -> usize {
        self.pending.extend(bytes);
        let (mut start, mut count) = (0, 0);
        while let Some(length) = length(&self.pending[start..]) {
            start += length;
            count += 1;
        }
        self.pending.drain(..start);
        count
    }
}

/// The length of the first request, once it is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.first()? {
        b'*' => resp(bytes)?,
        0x80 => {
            let body = bytes.get(8..12)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            24 + body
        }
        // One request of each connection; the value, which follows, is counted with it.
        0x6f => {
            let variables = usize::from(*bytes.get(1)?) | usize::from(*bytes.get(2)?) << 8;
            bytes.len().max(4 + variables)
        }
        // TLS: nobody can tell.
        0x14..=0x18 => bytes.len(),
        _ => line(bytes, 0)?,
    };
    (length <= bytes.len()).then_some(length)
}

/// `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`
fn resp(bytes: &[u8]) -> Option<usize> {
    let mut end = line(bytes, 0)?;
    for _ in 0..number(&bytes[1..end]) {
        let start = end;
        end = line(bytes, start)?;
        end += number(&bytes[start + 1..end]) + 2;
    }
    Some(end)
}

/// Where the line that begins there ends.
fn line(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    rest.iter().position(|byte| *byte == b'\n').map(|end| start + end + 1)
}

fn number(line: &[u8]) -> usize {
    str::from_utf8(line).ok().and_then(|text| text.trim_end().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_when_they_end() {
        let set = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n";
        let noop = [&[0x80, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2][..], &[0; 12], b"k*"].concat();
        let uwsgi = [0x6f, 2, 0, 0x11, 1, 0];
        for (request, what) in
            [(&set[..], "redis"), (&noop, "memcached"), (b"get k\r\n", "text"), (&uwsgi, "uwsgi")]
        {
            let mut requests = Requests::default();
            let (first, last) = request.split_at(request.len() - 1);
            let ended = [first, last].map(|bytes| requests.ended_in(bytes));
            assert_eq!(ended, [0, 1], "{what}");
        }
        let mut requests = Requests::default();
        let pipelined = [&set[..], set, &set[..9]].concat();
        assert_eq!(requests.ended_in(&pipelined), 2);
        assert_eq!(requests.ended_in(&set[9..]), 1);
    }
}
