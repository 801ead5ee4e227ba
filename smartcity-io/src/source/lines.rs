//! The lines of a file, plain or compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Reads a file line by line, in bounded memory.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

/// A longer line is cut here, so that a file without line ends does not fill the memory; its decoder rejects what is left.
const LONGEST_LINE_BYTES: usize = 16 << 20;
const BUFFER_BYTES: usize = 64 << 10;

/// Tells how many bytes of the file were read.
struct Counted<F> {
    file: File,
    count: F,
}

impl<F: FnMut(u64)> Read for Counted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        (self.count)(read as u64);
        Ok(read)
    }
}

impl Lines {
    /// Opens a file; its name says how it is compressed: `.gz` (any number of members), `.zst`, or not at all. `count`
    /// hears how many bytes of the file are read each time.
    pub(super) fn open(path: &Path, count: impl FnMut(u64) + Send + 'static) -> io::Result<Self> {
        let file = Counted { file: File::open(path)?, count };
        let reader: Box<dyn BufRead + Send> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => {
                let members = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file));
                Box::new(BufReader::with_capacity(BUFFER_BYTES, members))
            }
            Some("zst") => Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::new(file)?)),
            _ => Box::new(BufReader::with_capacity(BUFFER_BYTES, file)),
        };
        Ok(Self { reader, number: 0 })
    }

    /// Number of the line read last, from 1; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line into `line`, without its end; `false` after the last one.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let mut is_at_end = true;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            is_at_end = false;
            let end = available.iter().position(|&byte| byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let room = LONGEST_LINE_BYTES.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(available.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if is_at_end {
            return Ok(false);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.number += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    fn lines_of(name: &str, bytes: &[u8]) -> io::Result<Vec<String>> {
        let folder = tempfile::tempdir()?;
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        let (mut lines, mut line, mut found) = (Lines::open(&path, |_| ())?, Vec::new(), Vec::new());
        while lines.next(&mut line)? {
            found.push(String::from_utf8_lossy(&line).into_owned());
        }
        assert_eq!(lines.number(), found.len() as u64);
        Ok(found)
    }

    fn gzipped(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_line_ends_with_a_line_feed_or_with_the_file() {
        assert_eq!(lines_of("a", b"one\r\n\ntwo").unwrap(), ["one", "", "two"]);
        assert_eq!(lines_of("a", b"one\n").unwrap(), ["one"]);
        assert!(lines_of("a", b"").unwrap().is_empty());
    }

    #[test]
    fn compressed_files_read_as_plain_ones() {
        let members = [gzipped("one\ntw"), gzipped("o\nthree\n")].concat();
        assert_eq!(lines_of("a.gz", &members).unwrap(), ["one", "two", "three"]);
        let frames = ["one\ntw", "o\nthree\n"].map(|text| zstd::encode_all(text.as_bytes(), 1).unwrap()).concat();
        assert_eq!(lines_of("a.zst", &frames).unwrap(), ["one", "two", "three"]);
    }

    #[test]
    fn a_compressed_file_that_is_cut_off_is_an_error() {
        let text: String = (0..10_000).map(|number| format!("{number}\n")).collect();
        let gzip = gzipped(&text);
        assert!(lines_of("a.gz", &gzip[..gzip.len() / 2]).is_err());
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        assert!(lines_of("a.zst", &zstd[..zstd.len() / 2]).is_err());
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut bytes = vec![b'x'; LONGEST_LINE_BYTES + 100_000];
        bytes.extend_from_slice(b"\nnext\n");
        let lines = lines_of("a", &bytes).unwrap();
        assert_eq!((lines[0].len(), lines[1].as_str()), (LONGEST_LINE_BYTES, "next"));
    }
}
