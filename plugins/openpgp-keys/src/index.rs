//! Search results: the machine-readable index of HKP, and a simple page for people.

use std::fmt::Write as _;

use crate::certificate::Certificate;

/// The machine-readable index (`options=mr`) of draft-gallagher-openpgp-hkp.
///
/// `now` (seconds since 1970) decides which flags say expired. Flags are `r` revoked and `e`
/// expired; `d` (disabled) is never set, as there is no such state here. Unknown or absent times
/// are empty. User ids without a valid self-signature are left out
/// ([`Certificate::shown_user_ids`]). Serve it as `text/plain`.
#[must_use]
pub fn index_mr(certificates: &[Certificate], now: u64) -> String {
    let mut out = format!("info:1:{}\n", certificates.len());
    for certificate in certificates {
        let _ = writeln!(
            out,
            "pub:{}:{}:{}:{}:{}:{}",
            certificate.fingerprint(),
            certificate.key().algorithm(),
            certificate.key().bits(),
            certificate.created(),
            optional(certificate.expires()),
            flags(certificate.is_revoked(), certificate.is_expired(now)),
        );
        for id in certificate.shown_user_ids() {
            let _ = writeln!(
                out,
                "uid:{}:{}:{}:{}",
                percent_escape(id.text()),
                optional(id.created()),
                optional(id.expires()),
                flags(id.is_revoked(), id.is_expired(now)),
            );
        }
    }
    out
}

/// An HTML page of search results, for `op=index` and `op=vindex` without `options=mr`.
///
/// Everything that comes from a key is escaped; the page has no scripts and no styles. Links
/// are relative to the lookup address that served it (`?op=get&search=0x...`).
#[must_use]
pub fn index_html(certificates: &[Certificate], now: u64) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Search results</title>\n</head>\n<body>\n<h1>Search results</h1>\n",
    );
    let _ = writeln!(
        out,
        "<p>{} {}</p>",
        certificates.len(),
        if certificates.len() == 1 { "key" } else { "keys" }
    );
    for certificate in certificates {
        let fingerprint = certificate.fingerprint();
        let _ = writeln!(
            out,
            "<section>\n<h2><a href=\"?op=get&amp;search=0x{fingerprint}\"><code>{fingerprint}</code></a></h2>"
        );
        let _ = writeln!(
            out,
            "<p>{}, created {}{}{}</p>",
            algorithm_name(certificate.key().algorithm(), certificate.key().bits()),
            date(certificate.created()),
            expiry(certificate.expires(), now),
            if certificate.is_revoked() { ", <strong>revoked</strong>" } else { "" },
        );
        out.push_str("<ul>\n");
        for id in certificate.shown_user_ids() {
            let _ = writeln!(
                out,
                "<li>{}{}{}</li>",
                html_escape(id.text()),
                expiry(id.expires(), now),
                if id.is_revoked() { ", <strong>revoked</strong>" } else { "" },
            );
        }
        out.push_str("</ul>\n");
        let subkeys: Vec<_> = certificate.keys().skip(1).collect();
        if !subkeys.is_empty() {
            out.push_str("<p>Subkeys:</p>\n<ul>\n");
            for key in subkeys {
                let _ = writeln!(
                    out,
                    "<li><code>{}</code> {}, created {}</li>",
                    key.fingerprint(),
                    algorithm_name(key.algorithm(), key.bits()),
                    date(key.created()),
                );
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</section>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn optional(time: Option<u64>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

fn flags(revoked: bool, expired: bool) -> &'static str {
    match (revoked, expired) {
        (true, true) => "re",
        (true, false) => "r",
        (false, true) => "e",
        (false, false) => "",
    }
}

/// Escapes `:`, `%`, control characters and everything that is not ASCII.
fn percent_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b':' && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Escapes markup; control and bidirectional formatting characters, which could make the page
/// read differently from what it says, become U+FFFD.
fn html_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn expiry(expires: Option<u64>, now: u64) -> String {
    match expires {
        Some(time) if time <= now => format!(", <strong>expired {}</strong>", date(time)),
        Some(time) => format!(", expires {}", date(time)),
        None => String::new(),
    }
}

fn algorithm_name(algorithm: u8, bits: u32) -> String {
    let name = match algorithm {
        1..=3 => "RSA",
        16 | 20 => "Elgamal",
        17 => "DSA",
        18 => "ECDH",
        19 => "ECDSA",
        22 => "EdDSA",
        25 => "X25519",
        26 => "X448",
        27 => "Ed25519",
        28 => "Ed448",
        other => return format!("algorithm {other}"),
    };
    format!("{name} {bits}")
}

/// `YYYY-MM-DD` in UTC (days to civil date after Howard Hinnant's public domain algorithm).
fn date(time: u64) -> String {
    let days = time / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_709_294_400), "2024-03-01");
        assert_eq!(date(u64::from(u32::MAX)), "2106-02-07");
    }

    #[test]
    fn escapes() {
        assert_eq!(percent_escape("a:b%c\né~ "), "a%3Ab%25c%0A%C3%A9~ ");
        assert_eq!(
            html_escape("<a b='\"'>&\u{202e}\0"),
            "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}"
        );
    }
}
