//! One request and its answer.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::Server;

/// Somebody who asks. `path` is relative to `/api/v1`; [`plain`](Client::plain) paths are not.
pub trait Client {
    fn server(&self) -> &Server;

    /// The `Authorization` value, made now: tokens age when a test moves the clock.
    fn authorization(&self) -> Option<String>;

    fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.plain(method, &format!("/api/v1{path}"))
    }

    fn plain(&self, method: &str, path: &str) -> Call<'_> {
        let headers = self.authorization().map(|value| ("Authorization".to_owned(), value)).into_iter().collect();
        Call { server: self.server(), method: method.to_owned(), path: path.to_owned(), headers, body: None }
    }

    fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    fn post(&self, path: &str, body: Value) -> Call<'_> {
        self.call("POST", path).json(&body)
    }

    fn put(&self, path: &str, body: Value) -> Call<'_> {
        self.call("PUT", path).json(&body)
    }

    fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }
}

/// A request that has not been sent.
#[must_use = "a call is sent by expect, refuse or send"]
#[derive(Debug)]
pub struct Call<'s> {
    server: &'s Server,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    pub fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("Content-Type", content_type)
    }

    /// One file in a multipart form, as `wx.uploadFile` sends it.
    pub fn file(self, name: &str, content_type: &str, content: &[u8]) -> Self {
        let edge = "----jiazai-edge";
        let mut body = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
        self.bytes(&format!("multipart/form-data; boundary={edge}"), body)
    }

    /// Text fields and one file in a multipart form, the fields first.
    pub fn form(self, fields: &[(&str, &str)], content: &[u8]) -> Self {
        let edge = "----jiazai-form";
        let field =
            |(name, value): &(&str, &str)| format!("--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let mut body: String = fields.iter().map(field).collect();
        body.push_str(&format!("--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rows\"\r\n\r\n"));
        let mut body = body.into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
        self.bytes(&format!("multipart/form-data; boundary={edge}"), body)
    }

    /// The parsed body of an answer with that status; any other status fails the test.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        let reply = self.send();
        assert!(reply.status == status, "{status} expected, but {}", reply.describe());
        reply.json
    }

    /// The problem document of a refusal with that status and code.
    #[track_caller]
    pub fn refuse(self, status: u16, code: &str) -> Value {
        let reply = self.send();
        assert!(reply.status == status && reply.json["code"] == code, "{status} {code} expected, but {}", reply.describe());
        reply.json
    }

    /// Sends, and has the answer judged by the OpenAPI document.
    #[track_caller]
    pub fn send(self) -> Reply {
        let server = self.server;
        let reply = self.transmit();
        if let Err(fault) = server.document().judge(&reply) {
            panic!("{} {}: {fault}\n{}", reply.method, reply.path, reply.describe());
        }
        reply
    }

    /// Sends without any judgement: for the document itself, and for servers that are being shot.
    #[track_caller]
    pub fn transmit(self) -> Reply {
        let (method, path) = (self.method.clone(), self.path.clone());
        self.try_transmit().unwrap_or_else(|error| panic!("{method} {path}: no answer: {error}"))
    }

    pub fn try_transmit(self) -> Result<Reply, String> {
        self.server.note_use();
        let mut request = ureq::http::Request::builder().method(self.method.as_str()).uri(format!("{}{}", self.server.base(), self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let agent = self.server.agent();
        let answer = match self.body {
            Some(body) => agent.run(request.body(body).map_err(|e| e.to_string())?),
            // A POST without any body still says so.
            None if matches!(self.method.as_str(), "POST" | "PUT") => agent.run(request.body(Vec::new()).map_err(|e| e.to_string())?),
            None => agent.run(request.body(()).map_err(|e| e.to_string())?),
        };
        let mut answer = answer.map_err(|e| e.to_string())?;
        let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec().map_err(|e| e.to_string())?;
        let mut headers = BTreeMap::new();
        for (name, value) in answer.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.entry(name.as_str().to_owned()).and_modify(|old: &mut String| *old = format!("{old}, {value}")).or_insert(value);
        }
        Ok(Reply::new(self.method, self.path, answer.status().as_u16(), headers, body))
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub method: String,
    pub path: String,
    pub status: u16,
    headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// The body if it is JSON, else null.
    pub json: Value,
}

impl Reply {
    fn new(method: String, path: String, status: u16, headers: BTreeMap<String, String>, body: Vec<u8>) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Self { method, path, status, headers, body, json }
    }

    /// The header's value, several joined by commas; lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The header's value; without it the test fails.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} header in {}", self.describe()))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "{status} expected, but {}", self.describe());
        self
    }

    /// The media type without its parameters.
    pub fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn describe(&self) -> String {
        let text: String = self.text().chars().take(1500).collect();
        format!("{} {} answered {} [{}] {text}", self.method, self.path, self.status, self.content_type())
    }
}

/// Sends bytes as they are and reads to the end of the connection or of the declared length: for requests that no
/// decent client would make.
#[track_caller]
pub fn raw(server: &Server, request: &[u8]) -> Reply {
    server.note_use();
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    // The server may answer and hang up before it has read everything; that is no fault.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut part = [0; 16384];
    while let Ok(read) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..read]);
        if read == 0 || complete(&answer) {
            break;
        }
    }
    let head_end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP answer: {:?}", String::from_utf8_lossy(&answer)));
    let head = String::from_utf8_lossy(&answer[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).expect("a status line");
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned())).collect();
    let first = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Reply::new(method.into(), path.into(), status, headers, answer[head_end + 4..].to_vec())
}

fn complete(answer: &[u8]) -> bool {
    let Some(head_end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..head_end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|value| value.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= head_end + 4 + length)
}
