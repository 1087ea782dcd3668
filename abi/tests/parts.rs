//! Parts come back out only as the type that went in.

use hotshoe_abi::{Body, Call, HeaderPair, Request, RequestParts};

macro_rules! parts {
    ($Parts:ident($Content:ty)) => {
        #[allow(dead_code, reason = "only its type matters")]
        struct $Parts($Content, Call);

        impl RequestParts for $Parts {
            fn method(&self) -> &str {
                "GET"
            }
            fn set_method(&mut self, _: &str) {}
            fn path(&self) -> &str {
                "/"
            }
            fn query(&self) -> Option<&str> {
                None
            }
            fn set_target(&mut self, _: &str, _: Option<&str>) {}
            fn header(&self, _: &str) -> Option<&[u8]> {
                None
            }
            fn header_at(&self, _: usize) -> Option<HeaderPair<'_>> {
                None
            }
            fn remove_header(&mut self, _: &str) {}
            fn append_header(&mut self, _: &str, _: &[u8]) {}
            fn param_at(&self, _: usize) -> Option<(&str, &str)> {
                None
            }
            fn add_param(&mut self, _: &str, _: &str) {}
            fn call(&self) -> &Call {
                &self.1
            }
            fn set_call(&mut self, call: Call) {
                self.1 = call;
            }
            fn body_len(&self) -> Option<u64> {
                Some(0)
            }
            fn take_body(&mut self) -> Body {
                Body::empty()
            }
            fn set_body(&mut self, _: Body) {}
        }
    };
}

parts!(Bytes(Vec<u8>));
parts!(Text(String));

/// With optimisation, functions that do the same become one function: here those that drop a
/// `Bytes` and a `Text`. (Debug builds keep them apart.)
#[test]
fn parts_of_another_type_stay_where_they_are_however_much_alike_they_look() {
    let request = Request::from_parts(Bytes(vec![0xff; 4], Call::none()));
    let Err(request) = request.into_parts::<Text>() else {
        panic!("bytes that are no text came out as text");
    };
    let Ok(Bytes(bytes, _)) = request.into_parts::<Bytes>() else { panic!("the type is the same") };
    assert_eq!(bytes, [0xff; 4]);
}
