//! The figures of all instances, told to the `metrics` facade.
//!
//! Labels are instances, their contributions, kinds of errors and of refusals: none of them comes with
//! input.

use metrics::{counter, gauge};

use super::core::Core;
use super::plugin_metrics::PluginMetrics;
use crate::lifecycle::Status;
use crate::monitor::BreakerState;

impl Core {
    /// Tells the recorder of this program, if it has one.
    pub(super) fn record_metrics(&self) {
        self.plugin_metrics().iter().for_each(record);
    }
}

fn record(of: &PluginMetrics) {
    let id = &of.plugin_id;
    gauge!("hotshoe_up", "instance" => id.clone()).set(f64::from(of.status == Status::Active));
    counter!("hotshoe_restarts_total", "instance" => id.clone()).absolute(of.restarts);
    if let Some(breaker) = of.calls.breaker {
        let state = match breaker {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        gauge!("hotshoe_breaker_state", "instance" => id.clone()).set(state);
    }
    if let Some(heap) = of.heap {
        gauge!("hotshoe_heap_bytes", "instance" => id.clone()).set(heap.in_use as f64);
    }
    if let Some(cpu) = of.calls.cpu_time {
        gauge!("hotshoe_cpu_seconds", "instance" => id.clone()).set(cpu.as_secs_f64());
    }
    for one in &of.calls.contributions {
        let labels = [("instance", id.clone()), ("contribution", one.name.clone())];
        let more = |name: &'static str, value: &'static str| {
            let [instance, contribution] = labels.clone();
            [instance, contribution, (name, value.to_owned())]
        };
        counter!("hotshoe_calls_total", &labels).absolute(one.calls);
        gauge!("hotshoe_calls_in_flight", &labels).set(one.in_flight as f64);
        counter!("hotshoe_calls_dropped_total", &labels).absolute(one.dropped);
        for (kind, count) in &one.errors {
            counter!("hotshoe_errors_total", &more("kind", kind)).absolute(*count);
        }
        for (by, count) in &one.refused {
            counter!("hotshoe_refused_total", &more("by", by.as_str())).absolute(*count);
        }
        for (direction, bytes) in [("received", one.bytes_received), ("sent", one.bytes_sent)] {
            if bytes > 0 {
                counter!("hotshoe_bytes_total", &more("direction", direction)).absolute(bytes);
            }
        }
        if one.latency.samples > 0 {
            let latency = one.latency;
            for (quantile, time) in
                [("0.5", latency.p50), ("0.9", latency.p90), ("0.99", latency.p99)]
            {
                let labels = more("quantile", quantile);
                gauge!("hotshoe_latency_seconds", &labels).set(time.as_secs_f64());
            }
        }
    }
}
