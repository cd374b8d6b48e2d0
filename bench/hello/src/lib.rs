//! The ceiling of the load test: what a host's requests cost when the component behind it does nothing. It answers
//! each with 200 and a body that is as long as an account's credentials.

#![warn(missing_docs)]

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// As many bytes as the load test's upstream answers with.
const BODY: [u8; 1024] = [b'.'; 1024];

struct Hello;

wasi::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(_: IncomingRequest, outparam: ResponseOutparam) {
        let headers = Fields::new();
        let length = BODY.len().to_string().into_bytes();
        for (name, value) in [("content-type", b"text/plain".to_vec()), ("content-length", length)] {
            headers.append(name, &value).expect("the header is valid");
        }
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the body is asked for once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is asked for once");
        // A caller that has gone is not an error.
        let _ = stream.blocking_write_and_flush(&BODY);
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
