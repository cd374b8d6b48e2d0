//! The hello component, a component without logic: the ceiling of the load test. It shows the cost of a
//! request in the host alone. It answers every request with 200 and a body as long as an account's
//! credentials.

#![warn(missing_docs)]

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// The response's body, as long as that of the load test's upstream.
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
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        // A caller that has disconnected is no error.
        let _ = stream.blocking_write_and_flush(&BODY);
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
