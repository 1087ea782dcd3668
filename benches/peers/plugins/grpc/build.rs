//! Writes the stubs of the service, without a protocol compiler.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(input)
            .output_type(output)
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let service = Service::builder()
        .name("Contract")
        .package("peers")
        .method(method("add", "Add", "crate::Numbers", "crate::Sum"))
        .method(method("echo", "Echo", "crate::Bytes", "crate::Bytes"))
        .method(method("json", "Json", "crate::Bytes", "crate::Bytes"))
        .build();
    Builder::new().compile(&[service]);
}
