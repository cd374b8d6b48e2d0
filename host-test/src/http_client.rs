//! The smallest client of HTTP/1.1, for one request on a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// What a server answered: status line and headers as they came, and the body.
pub struct Response {
    /// The status line and the headers, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Response {
    /// The status code.
    ///
    /// # Panics
    ///
    /// The status line has none.
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).expect("a status line has a status")
    }
}

/// Asks for a path, with an API key.
pub async fn get(address: SocketAddr, path: &str, api_key: &str) -> Response {
    let host = "host: localhost\r\n";
    let request = format!("GET {path} HTTP/1.1\r\n{host}authorization: Bearer {api_key}\r\n");
    send(address, &format!("{request}connection: close\r\n\r\n")).await
}

/// Sends a whole request that asks the server to close the connection, and reads until it has.
pub async fn send(address: SocketAddr, request: &str) -> Response {
    let request = request.to_owned();
    let call = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(call).await.expect("the client doesn't panic");
    let answer = answer.expect("the server answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
    Response { head: head.to_ascii_lowercase(), body: body.to_owned() }
}
