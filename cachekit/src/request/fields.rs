//! The header fields of a request, as a program gave them or as they came.

#[cfg(feature = "http")]
use std::sync::Arc;

/// Header fields.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Fields {
    /// Names in lower case, with their values.
    Given(Vec<(String, String)>),
    /// As they came; with the names that were looked for, unless all were.
    #[cfg(feature = "http")]
    Came(http::HeaderMap, Option<Arc<[String]>>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Given(Vec::new())
    }
}

impl Fields {
    pub(super) fn add(&mut self, name: &str, value: String) {
        match self {
            Self::Given(fields) => fields.push((name.to_ascii_lowercase(), value)),
            #[cfg(feature = "http")]
            Self::Came(fields, _) => {
                if let (Ok(name), Ok(value)) =
                    (http::HeaderName::try_from(name), http::HeaderValue::try_from(value))
                {
                    fields.append(name, value);
                }
            }
        }
    }

    /// Whether it is known what the request says in a field.
    pub(super) fn knows(&self, name: &str) -> bool {
        match self {
            Self::Given(_) => !name.is_empty(),
            #[cfg(feature = "http")]
            Self::Came(_, known) => {
                known.as_ref().is_none_or(|known| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
            }
        }
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        match self {
            Self::Given(fields) => {
                let own = fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
                own.map(|(_, value)| value.as_str())
            }
            #[cfg(feature = "http")]
            Self::Came(fields, _) => fields.get(name)?.to_str().ok(),
        }
    }

    /// All lines of a field as one list, what is no UTF-8 in a form that no text has.
    pub(super) fn joined(&self, name: &str) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        match self {
            Self::Given(fields) => {
                let own = fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
                lines.extend(own.map(|(_, value)| value.clone()));
            }
            #[cfg(feature = "http")]
            Self::Came(fields, _) => {
                let text = |value: &http::HeaderValue| match std::str::from_utf8(value.as_bytes()) {
                    Ok(text) => text.to_owned(),
                    Err(_) => format!("\0{:?}", value.as_bytes()),
                };
                lines.extend(fields.get_all(name).iter().map(text));
            }
        }
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        match self {
            Self::Given(fields) => {
                let mut lines = fields.iter().filter(|(own, _)| own == "cookie");
                lines.find_map(|(_, line)| cookie(line, name))
            }
            #[cfg(feature = "http")]
            Self::Came(fields, _) => {
                let mut lines = fields.get_all("cookie").iter().filter_map(|line| line.to_str().ok());
                lines.find_map(|line| cookie(line, name))
            }
        }
    }
}

/// The value of a cookie in a line of `Cookie`: the first of that name, as servers take it.
fn cookie<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(';').find_map(|pair| {
        let (own, value) = pair.split_once('=')?;
        (own.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let line = "xtheme=a; theme=dark; theme=light;last=1";
        assert_eq!(cookie(line, "theme"), Some("dark"));
        assert_eq!(cookie(line, "last"), Some("1"));
        assert_eq!(cookie(line, "heme"), None);
        assert_eq!(cookie(line, "Theme"), None);
    }

    #[test]
    fn lines_are_one_list() {
        let mut fields = Fields::default();
        fields.add("Accept", "a".to_owned());
        fields.add("accept", "b".to_owned());
        assert_eq!(fields.joined("ACCEPT").as_deref(), Some("a, b"));
        assert_eq!((fields.first("accept"), fields.first("x")), (Some("a"), None));
    }
}
