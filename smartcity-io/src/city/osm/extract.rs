//! OpenStreetMap extracts, element by element: PBF, and XML plain or gzipped.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use osmpbf::ElementReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use smartcity_dataflow::model::Point;

use super::ImportError;

/// A node or way of an extract.
#[derive(Debug)]
pub(super) enum Element<'a> {
    /// A place.
    Node {
        /// Its number.
        id: i64,
        /// Where it is.
        place: Point,
    },
    /// A line through nodes.
    Way {
        /// Its number.
        id: i64,
        /// The numbers of its nodes, in order.
        nodes: &'a [i64],
        /// What is said of it.
        tags: Tags<'a>,
    },
}

/// Keys and values of a way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl<'a> Tags<'a> {
    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

/// A file with an extract.
#[derive(Debug)]
pub(super) struct Extract {
    path: PathBuf,
    format: Format,
    /// Its size in bytes.
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Pbf,
    Xml,
    GzippedXml,
}

impl Extract {
    /// Looks at the beginning of the file for its format.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        const LONGEST_MARK: u64 = 64;
        let unreadable = |source| ImportError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut start = Vec::new();
        file.take(LONGEST_MARK).read_to_end(&mut start).map_err(unreadable)?;
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
        let format = if start.starts_with(b"\x1f\x8b") {
            Format::GzippedXml
        } else if start.windows(9).any(|mark| mark == b"OSMHeader") {
            Format::Pbf
        } else if text.starts_with(b"<") {
            Format::Xml
        } else {
            return Err(ImportError::UnknownFormat { path: path.to_owned() });
        };
        Ok(Self { path: path.to_owned(), format, size })
    }

    /// Visits every node and way, and tells `on_bytes` now and then how much of the file is read.
    pub(super) fn each(
        &self,
        on_bytes: &mut dyn FnMut(u64),
        visit: &mut dyn FnMut(Element<'_>),
    ) -> Result<(), ImportError> {
        let file =
            File::open(&self.path).map_err(|source| ImportError::Unreadable { path: self.path.clone(), source })?;
        let read = Arc::new(AtomicU64::new(0));
        let file = BufReader::with_capacity(1 << 16, Counted { inner: file, read: read.clone() });
        let step = self.size / 100;
        let mut told = 0;
        let mut visit = |element: Element<'_>| {
            visit(element);
            let bytes = read.load(Ordering::Relaxed);
            if bytes > told + step {
                told = bytes;
                on_bytes(bytes);
            }
        };
        match self.format {
            Format::Pbf => each_of_pbf(file, &mut visit),
            Format::Xml => each_of_xml(file, &mut visit),
            Format::GzippedXml => each_of_xml(BufReader::new(MultiGzDecoder::new(file)), &mut visit),
        }
        .map_err(|cause| ImportError::Damaged { path: self.path.clone(), cause })
    }
}

type Cause = Box<dyn Error + Send + Sync>;

fn each_of_pbf(file: impl Read + Send, visit: &mut dyn FnMut(Element<'_>)) -> Result<(), Cause> {
    let place = |lat, lon| Point { lat, lon };
    ElementReader::new(file).for_each(|element| match element {
        osmpbf::Element::DenseNode(node) => {
            visit(Element::Node { id: node.id(), place: place(node.decimicro_lat(), node.decimicro_lon()) });
        }
        osmpbf::Element::Node(node) => {
            visit(Element::Node { id: node.id(), place: place(node.decimicro_lat(), node.decimicro_lon()) });
        }
        osmpbf::Element::Way(way) => {
            let (nodes, tags): (Vec<_>, Vec<_>) = (way.refs().collect(), way.tags().collect());
            visit(Element::Way { id: way.id(), nodes: &nodes, tags: Tags(&tags) });
        }
        osmpbf::Element::Relation(_) => {}
    })?;
    Ok(())
}

/// A way whose end tag is still to come.
#[derive(Debug, Default)]
struct OpenWay {
    id: i64,
    nodes: Vec<i64>,
    tags: Vec<(String, String)>,
}

fn each_of_xml(file: impl BufRead, visit: &mut dyn FnMut(Element<'_>)) -> Result<(), Cause> {
    let mut reader = Reader::from_reader(file);
    reader.config_mut().expand_empty_elements = true; // <way/> is <way></way>
    let mut buffer = Vec::new();
    let mut open: Option<OpenWay> = None;
    let mut is_osm = false;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer)? {
            Event::Start(tag) => match (tag.name().as_ref(), &mut open) {
                ("osm", _) => is_osm = true,
                ("node", _) => visit(Element::Node { id: number(&tag, "id")?, place: place(&tag)? }),
                ("way", _) => open = Some(OpenWay { id: number(&tag, "id")?, ..OpenWay::default() }),
                ("nd", Some(way)) => way.nodes.push(number(&tag, "ref")?),
                ("tag", Some(way)) => way.tags.push((attribute(&tag, "k")?, attribute(&tag, "v")?)),
                _ => {}
            },
            Event::End(tag) if tag.name().as_ref() == "way" => {
                if let Some(OpenWay { id, nodes, tags }) = open.take() {
                    let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                    visit(Element::Way { id, nodes: &nodes, tags: Tags(&tags) });
                }
            }
            Event::Eof if is_osm => return Ok(()),
            Event::Eof => return Err("there is no <osm> in it".into()),
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, key: &str) -> Result<String, Cause> {
    let attribute = tag.try_get_attribute(key)?;
    let attribute = attribute.ok_or_else(|| format!("<{}> has no {key}", tag.name().as_ref()))?;
    Ok(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned())
}

fn number(tag: &BytesStart<'_>, key: &str) -> Result<i64, Cause> {
    let text = attribute(tag, key)?;
    text.parse().map_err(|_| format!("<{}> has {key} {text:?}", tag.name().as_ref()).into())
}

fn place(tag: &BytesStart<'_>) -> Result<Point, Cause> {
    let (lat, lon) = (attribute(tag, "lat")?, attribute(tag, "lon")?);
    let point = lat.parse().ok().zip(lon.parse().ok()).and_then(|(lat, lon)| Point::from_degrees(lat, lon));
    point.ok_or_else(|| format!("there is a node at {lat:?}, {lon:?}").into())
}

/// Counts the bytes that are read.
#[derive(Debug)]
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
