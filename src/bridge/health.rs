//! Health, both ways.

use hotshoe_abi::{AbiHealth, health_status};

use crate::contract::{Health, HealthStatus};

pub(crate) fn export_health(health: Health) -> AbiHealth {
    let status = match health.status {
        HealthStatus::Healthy => health_status::HEALTHY,
        HealthStatus::Degraded => health_status::DEGRADED,
        HealthStatus::Unhealthy => health_status::UNHEALTHY,
    };
    AbiHealth { status, message: health.message.into(), reserved: [0; 2] }
}

pub(crate) fn import_health(health: AbiHealth) -> Health {
    let message = health.message.into_string();
    match health.status {
        health_status::HEALTHY => Health { message, ..Health::healthy() },
        health_status::DEGRADED => Health::degraded(message),
        // A status of a later version is not one to trust.
        _ => Health::unhealthy(message),
    }
}
