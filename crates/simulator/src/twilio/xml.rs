//! XML as a small tree: just what TwiML needs, and nothing that is not well formed.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element with what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
}

/// What can be inside an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// All text inside, that of nested elements too, with runs of white space made one space.
    pub(crate) fn flat_text(&self) -> String {
        fn collect(element: &Element, into: &mut String) {
            for node in &element.children {
                match node {
                    Node::Text(text) => into.push_str(text),
                    Node::Element(inner) => {
                        into.push(' ');
                        collect(inner, into);
                        into.push(' ');
                    }
                }
            }
        }
        let mut text = String::new();
        collect(self, &mut text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Text directly inside that is more than white space.
    pub(crate) fn stray_text(&self) -> Option<&str> {
        self.children.iter().find_map(|node| match node {
            Node::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        })
    }
}

/// Reads a document with one root element. The error says what is wrong with it.
pub(crate) fn parse(document: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(tag) => open.push(element_of(&tag)?),
            Event::Empty(tag) => {
                let element = element_of(&tag)?;
                close(element, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or("a closing tag without its opening tag")?;
                close(element, &mut open, &mut root)?;
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|error| error.to_string())?;
                push_text(&text, &mut open)?;
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|error| error.to_string())?;
                push_text(&text, &mut open)?;
            }
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => character.to_string(),
                    None => {
                        let name = reference.decode().map_err(|error| error.to_string())?;
                        quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(|| format!("the entity &{name}; is not defined"))?
                            .to_owned()
                    }
                };
                push_text(&text, &mut open)?;
            }
            Event::DocType(_) => return Err("a DOCTYPE is not allowed".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(element) = open.last() {
        return Err(format!("<{}> is never closed", element.name));
    }
    root.ok_or_else(|| "the document is empty".to_owned())
}

fn element_of(tag: &BytesStart<'_>) -> Result<Element, String> {
    let name = String::from_utf8(tag.name().as_ref().to_vec()).map_err(|error| error.to_string())?;
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| format!("<{name}>: {error}"))?;
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| format!("<{name} {key}>: {error}"))?;
        attributes.push((key, value.into_owned()));
    }
    Ok(Element { name, attributes, children: Vec::new() })
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(Node::Element(element)),
        None if root.is_none() => *root = Some(element),
        None => return Err(format!("<{}> is a second root element", element.name)),
    }
    Ok(())
}

fn push_text(text: &str, open: &mut [Element]) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => match parent.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => parent.children.push(Node::Text(text.to_owned())),
        },
        None if text.trim().is_empty() || text.trim() == "\u{feff}" => {}
        None => return Err(format!("text outside the root element: {:?}", text.trim())),
    }
    Ok(())
}
