//! The smallest server that a client of HTTP/1.1 can talk to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Answers every request with what `answer` makes of its head, then closes the connection. It returns the server's URL.
/// The server runs until the tests end.
pub(crate) fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("the port is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up early is no failure of the server.
            _ = exchange(stream, &answer);
        }
    });
    format!("http://{address}")
}

fn exchange(stream: TcpStream, answer: impl Fn(&str) -> String) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    (&stream).write_all(answer(&head).as_bytes())
}

/// The value of a header. Clients differ in how they write its name.
pub(crate) fn header<'head>(head: &'head str, name: &str) -> Option<&'head str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
