//! The wire writer: long names, one blank behind the colon, CRLF, `Content-Length` always and always right.

use std::io::Write;

use super::headers::Headers;
use super::{Message, Request, Response};

impl Message {
    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// The request as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.uri.as_bytes());
        out.extend_from_slice(b" SIP/2.0\r\n");
        finish(&mut out, &self.headers, &self.body);
        out
    }
}

impl Response {
    /// The response as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        // Writing into a Vec cannot fail.
        let _ = write!(out, "SIP/2.0 {} ", self.status);
        out.extend(self.reason.iter().map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            byte => *byte,
        }));
        out.extend_from_slice(b"\r\n");
        finish(&mut out, &self.headers, &self.body);
        out
    }
}

fn finish(out: &mut Vec<u8>, headers: &Headers, body: &[u8]) {
    for header in headers.iter() {
        out.extend_from_slice(header.name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(&header.value);
        out.extend_from_slice(b"\r\n");
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
}
