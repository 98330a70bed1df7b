//! A POST over plain HTTP, for what listens on this machine or beside it. What needs
//! more (TLS, proxies, tokens) is a command's business.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use lake_store::Deadline;

/// Of the answer only the first line is read.
const LONGEST_LINE: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// As it stands in the header.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Url, String> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii()) {
            return Err("an address has no blanks and is ASCII".into());
        }
        if text.starts_with("https://") {
            return Err(format!("{text} takes TLS, which the web hook does not speak"));
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(format!("{text} does not begin with http://"));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let tail = tail.split('#').next().unwrap_or_default();
        let path = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        if authority.contains('@') {
            return Err("names and passwords do not belong in an address".into());
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|six| six.split_once(']')) {
            Some((six, port)) => (six, port),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => Some(80),
            digits => digits.and_then(|digits| digits.parse().ok()),
        };
        match port {
            Some(port) if !host.is_empty() => {
                let (authority, host) = (authority.to_owned(), host.to_owned());
                Ok(Url { authority, host, port, path })
            }
            _ => Err(format!("{text} is no address such as http://host:8080/path")),
        }
    }
}

/// Done when the answer is a success. Looking the host's name up cannot be limited in
/// time, and so it is left behind in its thread when the time is up.
pub(super) fn post(url: &Url, body: &str, timeout: Duration) -> Result<(), String> {
    let (send, done) = channel();
    let (url, body) = (url.clone(), body.to_owned());
    let post = move || {
        let _ = send.send(exchange(&url, &body, &Deadline::after(timeout)));
    };
    thread::Builder::new().name("webhook".into()).spawn(post).map_err(|e| e.to_string())?;
    let late = |_| format!("no answer within {timeout:?}");
    done.recv_timeout(timeout).map_err(late)?
}

fn exchange(url: &Url, body: &str, deadline: &Deadline) -> Result<(), String> {
    let mut stream = connect(url, deadline)?;
    let text = |e: std::io::Error| e.to_string();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: lake-writer\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority,
        body.len()
    );
    stream.set_write_timeout(left(deadline)?).map_err(text)?;
    stream.write_all(format!("{head}{body}").as_bytes()).map_err(text)?;
    judge(&first_line(&mut stream, deadline)?)
}

fn connect(url: &Url, deadline: &Deadline) -> Result<TcpStream, String> {
    let addresses = (url.host.as_str(), url.port).to_socket_addrs();
    let mut why = format!("{} has no address", url.host);
    for address in addresses.map_err(|e| format!("{}: {e}", url.host))? {
        match TcpStream::connect_timeout(&address, left(deadline)?.unwrap_or(Duration::MAX)) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = format!("{address}: {error}"),
        }
    }
    Err(why)
}

fn left(deadline: &Deadline) -> Result<Option<Duration>, String> {
    match deadline.left() {
        left if left.is_zero() => Err("the time is up".into()),
        left => Ok(Some(left)),
    }
}

fn first_line(stream: &mut TcpStream, deadline: &Deadline) -> Result<String, String> {
    let mut line = Vec::new();
    let mut part = [0; 256];
    while !line.contains(&b'\n') && line.len() < LONGEST_LINE {
        stream.set_read_timeout(left(deadline)?).map_err(|e| e.to_string())?;
        match stream.read(&mut part).map_err(|e| e.to_string())? {
            0 => break,
            n => line.extend_from_slice(&part[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&line).lines().next().unwrap_or_default().to_owned())
}

/// `HTTP/1.1 204 No Content` is a success, `HTTP/1.1 500 ...` is none.
fn judge(line: &str) -> Result<(), String> {
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|code| code.parse::<u16>().ok()).filter(|_| is_http) {
        Some(200..=299) => Ok(()),
        Some(_) => Err(format!("the answer was {line}")),
        None => Err("the answer was no HTTP".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn addresses() {
        let url = |text: &str| Url::parse(text).map(|url| (url.host, url.port, url.path));
        let is = |host: &str, port, path: &str| Ok((host.into(), port, path.into()));
        assert_eq!(url("http://a"), is("a", 80, "/"));
        assert_eq!(url("http://a.b:8080/c/d?e=f#g"), is("a.b", 8080, "/c/d?e=f"));
        assert_eq!(url("http://a?b"), is("a", 80, "/?b"));
        assert_eq!(url("http://[::1]:9/x"), is("::1", 9, "/x"));
        assert_eq!(url("http://[::1]"), is("::1", 80, "/"));
        for bad in [
            "",
            "a",
            "https://a",
            "http://",
            "http://:80",
            "http://a:",
            "http://a:x",
            "http://a:99999",
            "http://u:p@a",
            "http://a b",
            "http://a/\r\nX: y",
            "http://[::1",
            "http://[::1]x",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    /// Answers one request, and says what it was.
    fn posted(answer: &'static str) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut text, mut length) = (String::new(), 0);
            while !text.ends_with("\r\n\r\n") {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
                text += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.into_inner().write_all(answer.as_bytes()).unwrap();
            text + &String::from_utf8(body).unwrap()
        });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/lake?x=1")).unwrap();
        (post(&url, "{\"a\":1}", LONG), server.join().unwrap())
    }

    #[test]
    fn a_success_is_two_hundred_and_something() {
        let (outcome, heard) = posted("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(outcome, Ok(()));
        assert!(heard.starts_with("POST /lake?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{heard}");
        assert!(heard.contains("Content-Type: application/json\r\n"), "{heard}");
        assert!(heard.ends_with("\r\n\r\n{\"a\":1}"), "{heard}");
        for (answer, part) in [
            ("HTTP/1.1 500 Oh\r\n\r\n", "500 Oh"),
            ("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302"),
            ("SSH-2.0-OpenSSH\r\n", "no HTTP"),
            ("", "no HTTP"),
        ] {
            let why = posted(answer).0.unwrap_err();
            assert!(why.contains(part), "{answer}: {why}");
        }
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        // It accepts, by its backlog, and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        assert!(post(&url, "{}", Duration::from_millis(200)).is_err());
        drop(listener);
        assert!(post(&url, "{}", LONG).is_err(), "nobody listens");
    }
}
