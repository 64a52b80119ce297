//! Header fields, wherever they come from.

/// Header fields by name. A name may have several lines.
pub(crate) trait Fields {
    /// Shows each line of a name, in order.
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8]));

    /// Whether there is a line of this name.
    fn has(&self, name: &str) -> bool {
        let mut found = false;
        self.each(name, &mut |_| found = true);
        found
    }

    /// All lines of a name as one list, as RFC 9110 joins them; `None` without a line.
    fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let mut all: Option<Vec<u8>> = None;
        self.each(name, &mut |line| match &mut all {
            None => all = Some(line.to_vec()),
            Some(all) => {
                all.extend_from_slice(b", ");
                all.extend_from_slice(line);
            }
        });
        all
    }

    /// The value of a field that may be there once; `None` without it, or if there are several that differ.
    fn single(&self, name: &str) -> Option<Vec<u8>> {
        let (mut first, mut differs): (Option<Vec<u8>>, bool) = (None, false);
        self.each(name, &mut |line| match &first {
            None => first = Some(line.to_vec()),
            Some(first) => differs |= first != line,
        });
        first.filter(|_| !differs)
    }
}

impl Fields for http::HeaderMap {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| see(value.as_bytes()));
    }

    fn has(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Fields;

    /// Lines for the tests of the rules, as they stand in a message.
    pub(crate) struct Lines<'a>(pub(crate) &'a [(&'a str, &'a str)]);

    impl Fields for Lines<'_> {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            let own = self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            own.for_each(|(_, value)| see(value.as_bytes()));
        }
    }

    #[test]
    fn lines_of_a_name_are_one_list() {
        let lines = Lines(&[("Vary", "a"), ("x", "y"), ("vary", "b, c")]);
        assert_eq!(lines.joined("vary").as_deref(), Some(&b"a, b, c"[..]));
        assert_eq!(lines.joined("age"), None);
        assert!(lines.has("x") && !lines.has("y"));
    }

    #[test]
    fn a_single_field_that_is_there_twice_must_agree() {
        assert_eq!(Lines(&[("date", "a"), ("date", "a")]).single("date").as_deref(), Some(&b"a"[..]));
        assert_eq!(Lines(&[("date", "a"), ("date", "b")]).single("date"), None);
    }
}
