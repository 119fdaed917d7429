//! Writing HTML: everything from the document is text until it was escaped here.

/// Text as it may stand between tags and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The little of Markdown that descriptions use: paragraphs, lists, code in backticks.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let bullets: Vec<&str> =
            block.lines().filter_map(|line| line.trim_start().strip_prefix("- ")).collect();
        if !bullets.is_empty() && bullets.len() == block.lines().count() {
            let items: String = bullets.iter().map(|item| format!("<li>{}</li>", inline(item))).collect();
            html.push_str(&format!("<ul>{items}</ul>"));
        } else {
            html.push_str(&format!("<p>{}</p>", inline(block)));
        }
    }
    html
}

/// Text with code in backticks.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        // An odd number of backticks leaves the last one open: then it is a character like others.
        let closes = text.matches('`').count() > index || text.matches('`').count().is_multiple_of(2);
        match index % 2 {
            1 if closes => html.push_str(&format!("<code>{}</code>", escape(part))),
            1 => html.push_str(&format!("`{}", escape(part))),
            _ => html.push_str(&escape(part)),
        }
    }
    html
}

/// A name as it may stand behind `#` and in `id`.
pub(super) fn anchor(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_document_becomes_markup() {
        assert_eq!(escape("<b a='1'>\"&"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
        assert_eq!(
            prose("a `<b>` c\n\n- one\n- `two`"),
            "<p>a <code>&lt;b&gt;</code> c</p><ul><li>one</li><li><code>two</code></li></ul>"
        );
        assert_eq!(inline("an `open one"), "an `open one");
        assert_eq!(anchor("Page_Client x\"y"), "Page_Client-x-y");
    }
}
