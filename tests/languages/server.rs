//! A minimal HTTP/1.1 server, whose responses a test makes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Starts a server and returns its URL. `respond` makes the whole response from the head of the request. The
/// server closes each connection after one response, and runs until the tests end.
pub(crate) fn serve(respond: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("the port is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up early is no failure of the server.
            _ = serve_request(stream, &respond);
        }
    });
    format!("http://{address}")
}

fn serve_request(stream: TcpStream, respond: impl Fn(&str) -> String) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    (&stream).write_all(respond(&head).as_bytes())
}

/// The value of a header. Clients write the name in different cases.
pub(crate) fn header<'head>(head: &'head str, name: &str) -> Option<&'head str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
