//! A minimal HTTP/1.1 client, with one connection for each request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A server's response.
pub struct Response {
    /// The status line and the headers, converted to lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Response {
    /// The status code.
    ///
    /// # Panics
    ///
    /// The status line has no status code.
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).expect("a status line has a status")
    }
}

/// Sends a `GET` request for a path, with a bearer token.
///
/// # Panics
///
/// As for [`send`].
pub async fn get(address: SocketAddr, path: &str, token: &str) -> Response {
    let host = "host: localhost\r\n";
    let request = format!("GET {path} HTTP/1.1\r\n{host}authorization: Bearer {token}\r\n");
    send(address, &format!("{request}connection: close\r\n\r\n")).await
}

/// Sends a request's text and reads until the server closes the connection. The request has to contain the
/// header `connection: close`.
///
/// # Panics
///
/// The server can't be reached or sends no complete head.
pub async fn send(address: SocketAddr, request: &str) -> Response {
    let request = request.to_owned();
    let call = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    };
    let response = tokio::task::spawn_blocking(call).await.expect("the client doesn't panic");
    let response = response.expect("the server answers");
    let (head, body) = response.split_once("\r\n\r\n").expect("the response has a head");
    Response { head: head.to_ascii_lowercase(), body: body.to_owned() }
}
