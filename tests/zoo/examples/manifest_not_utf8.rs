//! Has a manifest that is no text.

#[used]
#[unsafe(link_section = ".hotshoe")]
static SECTION: [u8; 37] = *b"hotshoe-manifest\x1f1\x1eid\x1f\xff\xfe\xfd\x1eversion\x1f1.0";
