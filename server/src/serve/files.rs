//! Files that may be read or written from outside: below a few directories, each held open, and never outside of them.
//!
//! Paths are resolved by the operating system relative to the open directory, part by part, so neither `..` nor a symbolic link leads
//! out. The checks of names here come before that, to answer as ComfyUI does and to keep names that only other systems understand away.

use crate::error::Error;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use futures_util::StreamExt;
use runtime::{Folders, Place};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The directories.
pub(crate) struct Places {
    input: Dir,
    output: Dir,
    temp: Dir,
    user: Dir,
}

/// Why a name is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadName;

/// Longer names are no names.
const LONGEST: usize = 1024;
/// How much of a file is in memory at a time.
const PIECE: usize = 256 << 10;

impl Places {
    /// Opens the directories, making those that are not there.
    pub(crate) fn open(folders: &Folders, user: &Path) -> Result<Self, Error> {
        let open = |path: &Path| {
            std::fs::create_dir_all(path)
                .and_then(|()| Dir::open_ambient_dir(path, ambient_authority()))
                .map_err(|it| Error::usage(format!("{}: this directory cannot be used: {it}", path.display())))
        };
        Ok(Self { input: open(&folders.input)?, output: open(&folders.output)?, temp: open(&folders.temp)?, user: open(user)? })
    }

    /// One of the three directories that front ends can read.
    pub(crate) fn place(&self, place: Place) -> &Dir {
        match place {
            Place::Input => &self.input,
            Place::Output => &self.output,
            Place::Temp => &self.temp,
        }
    }

    /// A user's own directory, made if it is not there.
    pub(crate) fn user(&self, id: &str) -> io::Result<Dir> {
        self.user.create_dir_all(id)?;
        self.user.open_dir(id)
    }

    /// What lies beside the users' directories.
    pub(crate) fn users(&self) -> &Dir {
        &self.user
    }
}

/// The place of this name.
pub(crate) fn place(name: &str) -> Option<Place> {
    [Place::Input, Place::Output, Place::Temp].into_iter().find(|it| it.as_str() == name)
}

/// A name as a path below a directory: ordinary parts only, on every system.
pub(crate) fn relative(name: &str) -> Result<PathBuf, BadName> {
    let ordinary = |part: &&str| {
        !matches!(*part, "" | "." | "..") && !part.ends_with(['.', ' ']) && part.bytes().all(|it| it >= 0x20 && it != 0x7f)
    };
    // A colon is a drive or a hidden stream on some systems, a backslash separates there.
    if name.is_empty() || name.len() > LONGEST || name.contains(['\\', ':']) || !name.split('/').all(|it| ordinary(&it)) {
        return Err(BadName);
    }
    Ok(PathBuf::from(name))
}

/// The same, where nothing means the directory itself and slashes around it do not matter.
pub(crate) fn subfolder(name: &str) -> Result<PathBuf, BadName> {
    let name = name.trim_end_matches('/');
    if name.is_empty() { Ok(PathBuf::new()) } else { relative(name) }
}

/// Writes a file so that it is there whole or not at all.
pub(crate) struct Draft<'d> {
    directory: &'d Dir,
    name: PathBuf,
    file: File,
    kept: bool,
}

impl<'d> Draft<'d> {
    /// Begins a file somewhere below a directory. `near` is where it will be kept: the directories on the way are made.
    pub(crate) fn begin(directory: &'d Dir, near: &Path) -> io::Result<Self> {
        let parent = near.parent().unwrap_or(Path::new(""));
        if parent != Path::new("") {
            directory.create_dir_all(parent)?;
        }
        let name = parent.join(format!(".{}.part", Uuid::new_v4().simple()));
        let file = directory.open_with(&name, OpenOptions::new().write(true).create_new(true))?;
        Ok(Self { directory, name, file, kept: false })
    }

    /// Puts the file into its place, over what may be there.
    pub(crate) fn keep(mut self, name: &Path) -> io::Result<()> {
        self.file.flush()?;
        self.directory.rename(&self.name, self.directory, name)?;
        self.kept = true;
        Ok(())
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.directory.remove_file(&self.name).ok();
        }
    }
}

/// A file that is to be sent.
pub(crate) struct Sendable {
    file: File,
    about: Metadata,
    name: String,
}

impl Sendable {
    /// Opens a file below a directory.
    pub(crate) fn open(directory: &Dir, path: &Path) -> io::Result<Self> {
        let file = directory.open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { file, about, name })
    }

    /// The file's content, if it is no longer than this.
    pub(crate) fn read(mut self, most: u64) -> io::Result<Vec<u8>> {
        if self.about.len() > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        Read::take(&mut self.file, most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The answer that carries the file: whole, a part of it, or the news that it has not changed. Must be called where tasks can be spawned.
    pub(crate) fn respond(self, asked: &HeaderMap) -> Response {
        let length = self.about.len();
        let changed = self.about.modified().ok().map(|it| it.into_std());
        let changed = changed.and_then(|it| it.duration_since(UNIX_EPOCH).ok()).map_or(0, |it| it.as_nanos());
        let tag = format!("\"{changed:x}-{length:x}\"");
        let mut headers = content_headers(&self.name);
        for (name, value) in [(header::ETAG, tag.as_str()), (header::ACCEPT_RANGES, "bytes"), (header::CACHE_CONTROL, "no-cache")]
        {
            headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        }
        if asked.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes()) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let range = asked.get(header::RANGE).and_then(|it| it.to_str().ok()).and_then(|it| range(it, length));
        let (status, from, to) = match range {
            None => (StatusCode::OK, 0, length),
            Some(Ok((from, to))) => {
                let text = format!("bytes {from}-{}/{length}", to - 1);
                headers.extend(HeaderValue::from_str(&text).map(|it| (header::CONTENT_RANGE, it)));
                (StatusCode::PARTIAL_CONTENT, from, to)
            }
            Some(Err(())) => {
                let text = format!("bytes */{length}");
                headers.extend(HeaderValue::from_str(&text).map(|it| (header::CONTENT_RANGE, it)));
                return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
            }
        };
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
        (status, headers, stream(self.file, from, to - from)).into_response()
    }
}

/// Type, name and safeguards of content that somebody else may have made: what a browser could run is only ever downloaded.
pub(crate) fn content_headers(name: &str) -> HeaderMap {
    let guessed = mime_guess::from_path(name).first();
    let harmless = guessed.filter(|it| {
        let raster = it.type_() == "image" && it.suffix().is_none();
        raster
            || matches!(it.type_().as_str(), "audio" | "video" | "font" | "model")
            || matches!(it.essence_str(), "application/json" | "text/plain")
    });
    let mut headers = HeaderMap::new();
    let kind = harmless.as_ref().map_or("application/octet-stream", |it| it.essence_str());
    headers.extend(HeaderValue::from_str(kind).map(|it| (header::CONTENT_TYPE, it)));
    let how = if harmless.is_some() { "inline" } else { "attachment" };
    headers.extend(disposition(how, name).map(|it| (header::CONTENT_DISPOSITION, it)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::VARY, HeaderValue::from_static("Sec-Fetch-Dest"));
    headers
}

/// `inline; filename="a.png"`; a name that is not plain ASCII is written in UTF-8 beside it.
fn disposition(how: &str, name: &str) -> Option<HeaderValue> {
    let plain: String =
        name.chars().map(|it| if it.is_ascii_graphic() && !matches!(it, '"' | '\\') || it == ' ' { it } else { '_' }).collect();
    let mut text = format!("{how}; filename=\"{plain}\"");
    if plain != name {
        let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        text.push_str(&format!("; filename*=UTF-8''{encoded}"));
    }
    HeaderValue::from_str(&text).ok()
}

/// `bytes=FROM-TO` as what it means in a file of this length: where it begins and ends. `None` where it is better ignored.
fn range(text: &str, length: u64) -> Option<Result<(u64, u64), ()>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.trim(), to.trim()) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(length)),
    };
    Some(if from < to { Ok((from, to)) } else { Err(()) })
}

/// A part of a file, read on a thread of its own as fast as it is sent.
fn stream(mut file: File, from: u64, length: u64) -> Body {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(2);
    tokio::task::spawn_blocking(move || {
        let mut left = length;
        let mut failed = file.seek(SeekFrom::Start(from)).err();
        while left > 0 && failed.is_none() {
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => {
                    piece.truncate(read);
                    left -= read as u64;
                    if sender.blocking_send(Ok(piece.into())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            sender.blocking_send(Err(error)).ok();
        }
    });
    let pieces =
        futures_util::stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|piece| (piece, receiver)) });
    // Whoever compresses the body asks once more after its end.
    Body::from_stream(pieces.fuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordinary_names_are_names() {
        for name in ["a.png", "a/b.png", "späť/x", "a b (1).png", ".hidden", "a..b"] {
            assert!(relative(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "../a",
            "a/..",
            "a\\b",
            "C:a",
            "a:b",
            "a\0",
            "a\n",
            "a.",
            "a ",
            "./a",
            &"a".repeat(2000),
        ] {
            assert_eq!(relative(name), Err(BadName), "{name}");
        }
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        assert_eq!(range("bytes=0-3", 10), Some(Ok((0, 4))));
        assert_eq!(range("bytes=4-", 10), Some(Ok((4, 10))));
        assert_eq!(range("bytes=-3", 10), Some(Ok((7, 10))));
        assert_eq!(range("bytes=-30", 10), Some(Ok((0, 10))));
        assert_eq!(range("bytes=0-99999999999999999999", 10), None);
        assert_eq!(range("bytes=0-18446744073709551615", 10), Some(Ok((0, 10))));
        for refused in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
            assert_eq!(range(refused, 10), Some(Err(())), "{refused}");
        }
        for ignored in ["", "bytes=", "lines=1-2", "bytes=1-2,4-5", "bytes=a-b"] {
            assert_eq!(range(ignored, 10), None, "{ignored}");
        }
    }

    #[test]
    fn what_a_browser_could_run_is_downloaded() {
        for name in ["a.html", "a.xhtml", "a.svg", "a.xml", "a.js", "a.pdf", "a.css", "a.htm", "a", "a.mjs", "a.swf", "a.HTML"] {
            let headers = content_headers(name);
            assert_eq!(headers[header::CONTENT_TYPE], "application/octet-stream", "{name}");
            assert!(headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"), "{name}");
        }
        for (name, kind) in [("a.png", "image/png"), ("a.webp", "image/webp"), ("a.mp4", "video/mp4"), ("a.flac", "audio/flac")] {
            let headers = content_headers(name);
            assert_eq!(headers[header::CONTENT_TYPE], kind);
            assert_eq!(headers[header::CONTENT_DISPOSITION], format!("inline; filename=\"{name}\""));
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let value = disposition("inline", "a\"\r\nX: 1; é.png").unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            "inline; filename=\"a___X: 1; _.png\"; filename*=UTF-8''a%22%0D%0AX%3A%201%3B%20%C3%A9%2Epng"
        );
    }

    #[test]
    fn a_draft_that_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        drop(Draft::begin(&directory, Path::new("sub/a.txt")).unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("sub")).unwrap().count(), 0);
        let mut draft = Draft::begin(&directory, Path::new("sub/a.txt")).unwrap();
        draft.write_all(b"x").unwrap();
        draft.keep(Path::new("sub/a.txt")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("sub/a.txt")).unwrap(), b"x");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
        let directory = Dir::open_ambient_dir(folder.path().join("in"), ambient_authority()).unwrap();
        assert!(Sendable::open(&directory, Path::new("link")).is_err());
    }
}
