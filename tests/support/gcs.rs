//! As much of Google's storage (its XML interface) as object_store speaks, in the process: no emulator of it installs by package name.
//! A stand-in for the contract's generations and conditions, not for the service.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Objects by bucket and name: bytes and generation.
type Objects = Arc<Mutex<(BTreeMap<String, (Vec<u8>, u64)>, u64)>>;

/// Starts a server; it ends with the process. Returns its address.
pub fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let objects = Objects::default();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let objects = objects.clone();
            std::thread::spawn(move || answer(socket, &objects));
        }
    });
    address
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn read(socket: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request { method, path: decoded(path.trim_start_matches('/')), query: decoded(query), headers, body })
}

/// A URL's text without its percent escapes: object_store escapes the slashes of a name too.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().as_bytes().to_vec();
    let bytes = parts.fold(first, |mut bytes, part| {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hex digits"));
        bytes.extend(&part.as_bytes()[2..]);
        bytes
    });
    String::from_utf8(bytes).expect("UTF-8")
}

fn answer(mut socket: TcpStream, objects: &Objects) {
    let Some(request) = read(&socket) else { return };
    let (status, headers, body) = respond(&request, objects);
    let length = if request.method == "HEAD" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("HTTP/1.1 {status}\r\n{headers}{length}Connection: close\r\n\r\n");
    let _ = socket.write_all(head.as_bytes());
    if request.method != "HEAD" {
        let _ = socket.write_all(&body);
    }
}

fn respond(request: &Request, objects: &Objects) -> (String, String, Vec<u8>) {
    let plain = |status: &str| (status.to_owned(), String::new(), Vec::new());
    let mut held = objects.lock().expect("no thread dies here");
    let (objects, last) = &mut *held;
    let described = |bytes: &[u8], generation: u64| {
        let length = if request.method == "HEAD" { format!("Content-Length: {}\r\n", bytes.len()) } else { String::new() };
        format!("ETag: \"{generation}\"\r\nx-goog-generation: {generation}\r\nLast-Modified: Tue, 30 Jun 2026 12:00:00 GMT\r\n{length}")
    };
    match request.method.as_str() {
        "GET" if request.query.contains("list-type=2") => ("200 OK".into(), String::new(), list(&request.path, &request.query, objects).into_bytes()),
        "GET" | "HEAD" => {
            let Some((bytes, generation)) = objects.get(&request.path) else { return plain("404 Not Found") };
            let headers = described(bytes, *generation);
            match request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
                Some((start, end)) => {
                    let (start, end): (usize, usize) = (start.parse().expect("a number"), end.parse().unwrap_or(bytes.len() - 1));
                    let part = bytes[start..(end + 1).min(bytes.len())].to_vec();
                    ("206 Partial Content".into(), format!("{headers}Content-Range: bytes {start}-{}/{}\r\n", start + part.len() - 1, bytes.len()), part)
                }
                None => ("200 OK".into(), headers, bytes.clone()),
            }
        }
        "PUT" => {
            let now = objects.get(&request.path).map_or(0, |(_, generation)| *generation);
            let expected = request.headers.get("x-goog-if-generation-match").map(|generation| generation.parse().unwrap_or(u64::MAX));
            if expected.is_some_and(|expected: u64| expected != now) {
                return plain("412 Precondition Failed");
            }
            *last += 1;
            objects.insert(request.path.clone(), (request.body.clone(), *last));
            ("200 OK".into(), described(&request.body, *last), Vec::new())
        }
        "DELETE" if objects.remove(&request.path).is_some() => plain("204 No Content"),
        "DELETE" => plain("404 Not Found"),
        _ => plain("501 Not Implemented"),
    }
}

fn list(bucket: &str, query: &str, objects: &BTreeMap<String, (Vec<u8>, u64)>) -> String {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let start = format!("{}/{prefix}", bucket.trim_end_matches('/'));
    let mut text = String::from("<ListBucketResult>");
    for (name, (bytes, generation)) in objects.iter().filter(|(name, _)| name.starts_with(&start)) {
        let key = &name[bucket.trim_end_matches('/').len() + 1..];
        let size = bytes.len();
        text.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>2026-06-30T12:00:00.000Z</LastModified><ETag>\"{generation}\"</ETag><Size>{size}</Size></Contents>"
        ));
    }
    text + "<IsTruncated>false</IsTruncated></ListBucketResult>"
}
