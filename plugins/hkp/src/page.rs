//! The page at `/`.

/// A page with a search form and an upload form. It has no scripts, and nothing of a request gets
/// into it.
pub(crate) fn landing_page(title: &str) -> String {
    PAGE.replace("{title}", &escape(title))
}

const PAGE: &str = include_str!("page.html");

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_searches_and_uploads_where_the_plugin_listens() {
        let page = landing_page("Keys");
        assert!(page.contains("<title>Keys</title>"));
        assert!(page.contains(r#"action="/pks/lookup" method="get""#));
        assert!(page.contains(r#"action="/pks/add" method="post""#));
        assert!(!page.contains("{title}"));
    }

    #[test]
    fn a_title_is_text_not_markup() {
        let page = landing_page("<script>alert('1')</script>");
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"));
    }
}
