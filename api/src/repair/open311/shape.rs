//! The two shapes of an Open311 answer: one tree, written as JSON or as XML.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use serde_json::{Map, Value};

use crate::bulk::escape;
use crate::error::{ApiError, Language};
use crate::manners::OwnShape;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }
}

/// What is said.
#[derive(Debug, Clone)]
pub enum Node {
    Nothing,
    Text(String),
    Number(f64),
    Flag(bool),
    Fields(Vec<(&'static str, Node)>),
    /// Things of one sort; in XML each in an element of that name.
    Each(&'static str, Vec<Node>),
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Node>> From<Option<T>> for Node {
    fn from(perhaps: Option<T>) -> Self {
        perhaps.map_or(Self::Nothing, Into::into)
    }
}

impl From<f64> for Node {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl Node {
    fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Fields(fields) => fields.iter().map(|(name, node)| ((*name).to_owned(), node.json())).collect::<Map<_, _>>().into(),
            Self::Each(_, nodes) => nodes.iter().map(Self::json).collect::<Vec<_>>().into(),
        }
    }

    fn xml(&self, out: &mut String) {
        match self {
            Self::Nothing => {}
            Self::Text(text) => escape(out, text.chars()),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Fields(fields) => fields.iter().for_each(|(name, node)| element(out, name, node)),
            Self::Each(name, nodes) => nodes.iter().for_each(|node| element(out, name, node)),
        }
    }
}

fn element(out: &mut String, name: &str, node: &Node) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    node.xml(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// An answer: a tree under its root, which JSON leaves out.
pub struct Answer {
    pub status: u16,
    pub root: &'static str,
    pub node: Node,
    pub location: Option<String>,
}

impl Answer {
    pub fn ok(root: &'static str, node: Node) -> Self {
        Self { status: 200, root, node, location: None }
    }

    pub fn written(&self, format: Format) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        if let Some(location) = &self.location {
            response.insert_header((LOCATION, location.as_str()));
        }
        match format {
            Format::Json => response.insert_header((CONTENT_TYPE, "application/json")).body(self.node.json().to_string()),
            Format::Xml => {
                let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
                element(&mut out, self.root, &self.node);
                response.insert_header((CONTENT_TYPE, "text/xml; charset=utf-8")).body(out)
            }
        }
    }
}

/// A refusal, in the standard's words: 400 for whatever is wrong with a request, 403 for whatever is wrong with a key.
pub fn refusal(error: &ApiError, format: Format, language: Language) -> HttpResponse {
    let status = match error.code().status {
        401 => 403,
        409 | 412 | 415 | 422 => 400,
        other => other,
    };
    let fields = Node::Fields(vec![("code", status.to_string().into()), ("description", error.sentence(language).into())]);
    let answer = Answer { status, root: "errors", node: Node::Each("error", vec![fields]), location: None };
    let mut response = answer.written(format);
    if let Some(seconds) = error.wait_s()
        && let Ok(value) = seconds.to_string().parse()
    {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response.extensions_mut().insert(OwnShape);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tree_is_json_and_xml() {
        let fields = vec![("service_code", "a<b".into()), ("lat", Node::from(None::<f64>)), ("metadata", false.into())];
        let node = Node::Each("service", vec![Node::Fields(fields)]);
        assert_eq!(node.json().to_string(), r#"[{"lat":null,"metadata":false,"service_code":"a<b"}]"#);
        let mut out = String::new();
        element(&mut out, "services", &node);
        assert_eq!(out, "<services><service><service_code>a&lt;b</service_code><lat></lat><metadata>false</metadata></service></services>");
    }

    proptest::proptest! {
        /// Whatever a resident typed, the only tags are ours, and what stands between them is what was typed, less what XML cannot say.
        #[test]
        fn nobody_writes_a_tag_of_their_own(text in "[\\PC<>&\"'\r\n\t\u{0}-\u{8}]{0,40}") {
            let mut out = String::new();
            element(&mut out, "description", &Node::Text(text.clone()));
            let inner = out.strip_prefix("<description>").and_then(|rest| rest.strip_suffix("</description>")).expect("our tags");
            assert!(!inner.contains(['<', '>', '"', '\'', '\r']));
            let back = ["&lt;<", "&gt;>", "&quot;\"", "&#39;'", "&#13;\r", "&amp;&"]
                .iter()
                .fold(inner.to_owned(), |text, pair| text.replace(&pair[..pair.find(';').expect("a name") + 1], &pair[pair.find(';').expect("a name") + 1..]));
            let sayable: String = text.chars().filter(|c| !matches!(c, '\u{0}'..='\u{8}')).collect();
            assert_eq!(back, sayable);
        }
    }
}
