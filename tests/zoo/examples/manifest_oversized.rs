//! Has a manifest larger than any that is read.

const LINE: &str =
    "metadata\u{1f}novel\u{1f}It was a dark and stormy night; the rain fell in torrents.\u{1e}";
const LINES: [&str; 16] = [LINE; 16];
const PARAGRAPH: [u8; hotshoe::__private::len(&LINES)] = hotshoe::__private::join(&LINES);
const TEXT: &str = hotshoe::__private::text(&PARAGRAPH);
const NOVEL: [&str; 64] = [TEXT; 64];
static ALL: [u8; hotshoe::__private::len(&NOVEL)] = hotshoe::__private::join(&NOVEL);

zoo::section!(zoo::FORMAT, zoo::BUILD, hotshoe::__private::text(&ALL), "end\u{1e}");
