//! Paths to leave out.

/// Exact paths and prefixes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    exact: Vec<String>,
    prefixes: Vec<String>,
}

impl Paths {
    pub(crate) fn new(patterns: &[String]) -> Self {
        let mut paths = Self::default();
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(prefix) => paths.prefixes.push(prefix.to_owned()),
                None => paths.exact.push(pattern.clone()),
            }
        }
        paths
    }

    pub(crate) fn contain(&self, path: &str) -> bool {
        self.exact.iter().any(|exact| exact == path)
            || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_left_out_exactly_or_by_its_beginning() {
        let paths = Paths::new(&["/health".into(), "/static/*".into()]);
        for (path, contained) in [
            ("/health", true),
            ("/health/x", false),
            ("/static/a/b", true),
            ("/statics", false),
            ("/", false),
        ] {
            assert_eq!(paths.contain(path), contained, "{path}");
        }
    }
}
