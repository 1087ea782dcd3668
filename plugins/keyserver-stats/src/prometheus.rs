//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use hotshoe::Response;
use keyserver_api::{KEYS_ADDED, KEYS_CHANGED, Stats};

use crate::counters::Counters;
use crate::histogram::BOUNDS;

pub(crate) fn answer(counters: &Counters, stats: Option<&Stats>) -> Response {
    Response::new(200)
        .with_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
        .with_header("cache-control", "no-store")
        .with_body(text(counters, stats))
}

fn text(counters: &Counters, stats: Option<&Stats>) -> String {
    let mut out = Page(String::new());

    out.head("keyserver_requests_total", "counter", "Requests that were answered.");
    for (method, path, code, count) in counters.requests() {
        let code = code.to_string();
        let labels = [("method", method), ("path", path), ("code", &code)];
        out.sample("keyserver_requests_total", &labels, count);
    }

    let name = "keyserver_request_duration_seconds";
    out.head(name, "histogram", "Time until the response was ready.");
    for (path, histogram) in counters.durations() {
        let counts = histogram.cumulative();
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, count) in bounds.zip(&counts) {
            out.sample(&format!("{name}_bucket"), &[("path", path), ("le", bound)], count);
        }
        out.sample(&format!("{name}_sum"), &[("path", path)], histogram.seconds());
        let count = counts.last().copied().unwrap_or_default();
        out.sample(&format!("{name}_count"), &[("path", path)], count);
    }

    out.head("keyserver_requests_in_flight", "gauge", "Requests that are not answered yet.");
    out.sample("keyserver_requests_in_flight", &[], counters.in_flight());

    out.head("keyserver_key_events_total", "counter", "Changes of certificates, as published.");
    for (topic, count) in [(KEYS_ADDED, counters.added()), (KEYS_CHANGED, counters.changed())] {
        out.sample("keyserver_key_events_total", &[("topic", topic)], count);
    }

    if let Some(stats) = stats {
        out.head("keyserver_certificates", "gauge", "Certificates that are stored.");
        out.sample("keyserver_certificates", &[], stats.certificates);
        let name = "keyserver_submissions_total";
        out.head(name, "counter", "Certificates that were sent, by what became of them.");
        for (outcome, count) in [
            ("added", stats.added),
            ("updated", stats.updated),
            ("unchanged", stats.unchanged),
            ("refused", stats.refused),
        ] {
            out.sample(name, &[("outcome", outcome)], count);
        }
        out.head("keyserver_lookups_total", "counter", "Lookups in the key database.");
        out.sample("keyserver_lookups_total", &[], stats.lookups);
    }

    out.head("keyserver_uptime_seconds", "gauge", "Time since the plugin started.");
    out.sample("keyserver_uptime_seconds", &[], counters.uptime().as_secs());
    out.0
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escape(text));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::counters::Code;

    #[test]
    fn every_figure_has_its_line() {
        let counters = Counters::new(&["/pks/lookup".into()]);
        counters.begin();
        counters.begin();
        let took = Duration::from_millis(3);
        counters.end(Counters::method("GET"), 0, Code::Status(200), took);
        counters.event(KEYS_ADDED);
        let mut stats = Stats::default();
        stats.certificates = 7;
        stats.lookups = 3;
        let text = text(&counters, Some(&stats));
        for line in [
            r#"keyserver_requests_total{method="GET",path="/pks/lookup",code="200"} 1"#,
            r#"keyserver_request_duration_seconds_bucket{path="/pks/lookup",le="0.0025"} 0"#,
            r#"keyserver_request_duration_seconds_bucket{path="/pks/lookup",le="0.005"} 1"#,
            r#"keyserver_request_duration_seconds_bucket{path="/pks/lookup",le="+Inf"} 1"#,
            r#"keyserver_request_duration_seconds_sum{path="/pks/lookup"} 0.003"#,
            r#"keyserver_request_duration_seconds_count{path="/pks/lookup"} 1"#,
            r#"keyserver_requests_in_flight 1"#,
            r#"keyserver_key_events_total{topic="keys.added"} 1"#,
            r#"keyserver_key_events_total{topic="keys.changed"} 0"#,
            r#"keyserver_certificates 7"#,
            r#"keyserver_lookups_total 3"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nnot in\n{text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_metric_is_described_once_before_its_samples() {
        let text = text(&Counters::new(&["/a".into(), "/b".into()]), Some(&Stats::default()));
        let mut described = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = rest.split(' ').next().unwrap();
                assert!(!described.contains(&name), "{name} twice");
                described.push(name);
            } else if !line.starts_with('#') {
                assert!(line.starts_with(described.last().unwrap()), "{line}");
            }
        }
    }

    #[test]
    fn without_a_key_database_its_figures_are_left_out() {
        let text = text(&Counters::new(&[]), None);
        assert!(!text.contains("keyserver_certificates"));
        assert!(text.contains("keyserver_uptime_seconds 0"));
    }

    #[test]
    fn a_label_cannot_end_early() {
        assert_eq!(escape("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
