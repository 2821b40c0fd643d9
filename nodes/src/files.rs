//! Pictures and latents in files: decoding what users bring, saving without ever leaving half a file.

use crate::pixels::Block;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use runtime::{FolderError, Folders, Place};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};

/// The largest picture that is decoded: 16384 x 16384. Larger ones are refused before memory is taken for them.
const MAX_PIXELS: u64 = 16384 * 16384;
/// The longest beginning of a file name, bytes: with its number and ending it has to fit the 255 that file systems allow.
const LONGEST_STEM: usize = 200;
/// The most memory that the frames of one file may take.
const MAX_BYTES: u64 = 4 << 30;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name leads out of its folder, or is no name.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The system said no.
    #[error("{path}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The bytes are no picture that can be decoded within limits.
    #[error("{path}: cannot be read as a picture: {reason}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are no latent.
    #[error("{path}: cannot be read as a latent: {reason}")]
    Latent {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The frames of a picture file that have the first one's size: colour `[frames, h, w, 3]`, and `1 - alpha` where there is alpha.
///
/// The orientation in its EXIF data is applied.
///
/// # Errors
/// [`FileError::Picture`] when it is no picture, or too large.
pub(crate) fn decode(path: &Path) -> Result<(Block, Option<Block>), FileError> {
    let system = |source| FileError::System { path: path.to_owned(), source };
    let picture = |reason: String| FileError::Picture { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(system)?;
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().map_err(system)?;
    let format =
        reader.format().ok_or_else(|| picture("its format is not known; use PNG, JPEG, WebP, GIF, BMP or TIFF".into()))?;
    let (width, height) = reader.into_dimensions().map_err(|it| picture(it.to_string()))?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS || width == 0 || height == 0 {
        return Err(picture(format!("{width} x {height} pixels are outside 1 to {MAX_PIXELS}")));
    }
    let frames = frames(&bytes, format, width, height).map_err(|it| picture(it.to_string()))?;
    let (mut colour, mut alpha) = (Vec::new(), Vec::new());
    let first = frames.first().ok_or_else(|| picture("it has no frames".into()))?;
    let (width, height) = (first.width(), first.height());
    let mut count = 0;
    for frame in frames.iter().filter(|it| (it.width(), it.height()) == (width, height)) {
        count += 1;
        let with_alpha = frame.color().has_alpha();
        for [red, green, blue, opacity] in eight_bit(frame) {
            colour.extend([red, green, blue].map(|it| f32::from(it) / 255.0));
            if with_alpha {
                alpha.push(1.0 - f32::from(opacity) / 255.0);
            }
        }
    }
    let (height, width) = (height as usize, width as usize);
    let colour = Block { outer: count, height, width, inner: 3, data: colour };
    // A GIF has no alpha channel: its decoder adds one, which says something only where a pixel is transparent.
    let says = format != ImageFormat::Gif || alpha.iter().any(|it| *it != 0.0);
    let alpha =
        (says && alpha.len() == count * height * width).then_some(Block { outer: count, height, width, inner: 1, data: alpha });
    Ok((colour, alpha))
}

fn frames(bytes: &[u8], format: ImageFormat, width: u32, height: u32) -> image::ImageResult<Vec<DynamicImage>> {
    let limits = || {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_BYTES);
        limits
    };
    let most = (MAX_BYTES / (u64::from(width) * u64::from(height) * 16)).max(1) as usize;
    let collect =
        |frames: image::Frames<'_>| frames.take(most).map(|it| it.map(|it| DynamicImage::from(it.into_buffer()))).collect();
    match format {
        ImageFormat::Gif => {
            let mut decoder = image::codecs::gif::GifDecoder::new(Cursor::new(bytes))?;
            decoder.set_limits(limits())?;
            return collect(decoder.into_frames());
        }
        ImageFormat::WebP => {
            let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(bytes))?;
            decoder.set_limits(limits())?;
            if decoder.has_animation() {
                return collect(decoder.into_frames());
            }
        }
        ImageFormat::Png => {
            let decoder = image::codecs::png::PngDecoder::with_limits(Cursor::new(bytes), limits())?;
            if decoder.is_apng()? {
                return collect(decoder.apng()?.into_frames());
            }
        }
        _ => {}
    }
    let mut reader = ImageReader::with_format(BufReader::new(Cursor::new(bytes)), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(vec![picture])
}

/// Red, green, blue, alpha of every pixel in 8 bits; 16-bit colour keeps its high byte, as Pillow does.
fn eight_bit(picture: &DynamicImage) -> Vec<[u8; 4]> {
    let high = |it: u16| (it >> 8) as u8;
    match picture {
        DynamicImage::ImageRgb16(it) => it.pixels().map(|p| [high(p[0]), high(p[1]), high(p[2]), 255]).collect(),
        DynamicImage::ImageRgba16(it) => it.pixels().map(|p| [high(p[0]), high(p[1]), high(p[2]), high(p[3])]).collect(),
        DynamicImage::ImageLuma16(it) => {
            it.pixels().map(|p| [(p[0] / 255).min(255) as u8; 3]).map(|[r, g, b]| [r, g, b, 255]).collect()
        }
        other => other.to_rgba8().pixels().map(|p| p.0).collect(),
    }
}

/// A picture of a block as PNG: `trunc(255·x)`, with text chunks.
///
/// # Errors
/// When a chunk's keyword is not allowed in PNG.
pub(crate) fn encode_png(block: &Block, item: usize, texts: &[(String, String)]) -> io::Result<Vec<u8>> {
    let colour = match block.inner {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        4 => png::ColorType::Rgba,
        other => return Err(io::Error::other(format!("a picture has 1, 3 or 4 channels, not {other}"))),
    };
    let side = |it: usize| u32::try_from(it).map_err(io::Error::other);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(block.width)?, side(block.height)?);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    for (keyword, text) in texts {
        if text.is_ascii() {
            encoder.add_text_chunk(keyword.clone(), text.clone())?;
        } else {
            encoder.add_itxt_chunk(keyword.clone(), text.clone())?;
        }
    }
    let mut writer = encoder.write_header()?;
    let pixels: Vec<u8> = block.item(item).iter().map(|it| (255.0 * it).clamp(0.0, 255.0) as u8).collect();
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Where the next files of a prefix go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    folder: PathBuf,
    /// The folder below the root, `/` between parts.
    pub(crate) subfolder: String,
    stem: String,
    next: u32,
}

impl Series {
    /// Reads a prefix such as `portraits/%year%-%month%/cat`: its folder is made, and numbering goes on after the largest number there.
    ///
    /// `size` is width and height for `%width%` and `%height%`.
    ///
    /// # Errors
    /// When the prefix leaves the folder, or the folder cannot be made.
    pub(crate) fn start(
        folders: &Folders,
        place: Place,
        prefix: &str,
        size: (usize, usize),
        now: &jiff::Zoned,
    ) -> Result<Self, FileError> {
        let name = with_variables(prefix, size, now).replace('\\', "/");
        let (subfolder, stem) = name.rsplit_once('/').unwrap_or(("", &name));
        // Before anything is made: a name that leads out by way of a link is refused too.
        let folder = if subfolder.is_empty() { folders.place(place).to_owned() } else { folders.within(place, subfolder)? };
        // `/cat` has an empty folder before its slash, which is not the same as none.
        if name.starts_with('/') || stem == ".." || stem.contains('\0') || stem.len() > LONGEST_STEM {
            return Err(FolderError::Outside(prefix.to_owned()).into());
        }
        let system = |source| FileError::System { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(system)?;
        let lead = format!("{stem}_").to_lowercase();
        let mut next = 1;
        for entry in fs::read_dir(&folder).map_err(system)? {
            let name = entry.map_err(system)?.file_name().to_string_lossy().to_lowercase();
            let number = name.strip_prefix(&lead).and_then(|it| it.split('_').next()).and_then(|it| it.parse::<u32>().ok());
            next = next.max(number.map_or(1, |it| it.saturating_add(1)));
        }
        Ok(Self { folder, subfolder: subfolder.to_owned(), stem: stem.to_owned(), next })
    }

    /// Saves the next file; `batch` fills `%batch_num%`. Another process that took the number meanwhile only makes it the one after.
    ///
    /// # Errors
    /// When the system says no; then nothing is left behind.
    pub(crate) fn save(&mut self, batch: usize, ending: &str, bytes: &[u8]) -> Result<String, FileError> {
        let stem = self.stem.replace("%batch_num%", &batch.to_string());
        let path = self.folder.join(format!("{stem}_{:05}_.{ending}", self.next));
        self.save_by(batch, ending, |draft| {
            let write = || {
                let mut out = BufWriter::new(File::create(draft)?);
                out.write_all(bytes)?;
                out.into_inner().map_err(io::IntoInnerError::into_error).map(drop)
            };
            write().map_err(|source| FileError::System { path, source })
        })
    }

    /// The same for a file that `write` makes where it is told.
    ///
    /// # Errors
    /// What `write` says, and when the system says no; then nothing is left behind.
    pub(crate) fn save_by<E: From<FileError>>(
        &mut self,
        batch: usize,
        ending: &str,
        write: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<String, E> {
        let stem = self.stem.replace("%batch_num%", &batch.to_string());
        let draft = self.folder.join(format!(".{stem}_{:05}_.{ending}.{}.part", self.next, std::process::id()));
        let placed = write(&draft).and_then(|()| Ok(self.place(&draft, &stem, ending)?));
        match (placed, fs::remove_file(&draft)) {
            (Ok(_), Err(source)) if source.kind() != io::ErrorKind::NotFound => {
                Err(FileError::System { path: draft, source }.into())
            }
            (placed, _) => placed,
        }
    }

    /// Gives a written file the next name that is free.
    fn place(&mut self, draft: &Path, stem: &str, ending: &str) -> Result<String, FileError> {
        let synced = File::open(draft).and_then(|it| it.sync_data());
        synced.map_err(|source| FileError::System { path: draft.to_owned(), source })?;
        loop {
            let name = format!("{stem}_{:05}_.{ending}", self.next);
            let path = self.folder.join(&name);
            self.next = self.next.saturating_add(1);
            // A link, not a rename: it fails where the name is taken, on every file system that has links.
            let linked = match fs::hard_link(draft, &path) {
                Err(it) if it.kind() != io::ErrorKind::AlreadyExists && !path.exists() => fs::rename(draft, &path),
                other => other,
            };
            match linked {
                Ok(()) => return Ok(name),
                Err(source) if source.kind() == io::ErrorKind::AlreadyExists && self.next < u32::MAX => {}
                Err(source) => return Err(FileError::System { path, source }),
            }
        }
    }
}

/// Fills `%width% %height% %year% %month% %day% %hour% %minute% %second%` and `%date:yyyy-MM-dd%`.
fn with_variables(prefix: &str, (width, height): (usize, usize), now: &jiff::Zoned) -> String {
    let two = |it: i8| format!("{it:02}");
    let mut name = prefix.to_owned();
    for (variable, value) in [
        ("%width%", width.to_string()),
        ("%height%", height.to_string()),
        ("%year%", now.year().to_string()),
        ("%month%", two(now.month())),
        ("%day%", two(now.day())),
        ("%hour%", two(now.hour())),
        ("%minute%", two(now.minute())),
        ("%second%", two(now.second())),
    ] {
        name = name.replace(variable, &value);
    }
    while let Some((before, rest)) = name.split_once("%date:") {
        let Some((pattern, after)) = rest.split_once('%') else { break };
        name = format!("{before}{}{after}", date(pattern, now));
    }
    name
}

/// Writes a date by the editor's pattern: runs of `y M d h m s`, everything else as it is.
fn date(pattern: &str, now: &jiff::Zoned) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let run = rest.chars().take_while(|it| *it == letter).count();
        let (part, after) = rest.split_at(run * letter.len_utf8());
        rest = after;
        let value = match letter {
            'y' => i64::from(now.year()),
            'M' => i64::from(now.month()),
            'd' => i64::from(now.day()),
            'h' => i64::from(now.hour()),
            'm' => i64::from(now.minute()),
            's' => i64::from(now.second()),
            _ => {
                out.push_str(part);
                continue;
            }
        };
        match (letter, run) {
            ('y', 2) => out.push_str(&format!("{:02}", value % 100)),
            (_, 1) => out.push_str(&value.to_string()),
            _ => out.push_str(&format!("{value:02}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> jiff::Zoned {
        "2026-03-04T05:06:07[UTC]".parse().expect("a time")
    }

    fn folders(root: &Path) -> Folders {
        Folders { output: root.to_owned(), ..Folders::default() }
    }

    fn series(root: &Path, prefix: &str) -> Result<Series, FileError> {
        Series::start(&folders(root), Place::Output, prefix, (64, 32), &noon())
    }

    #[test]
    fn numbering_goes_on_after_the_largest_number() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("cat_00041_.png"), "").expect("written");
        fs::write(root.path().join("catalogue_00099_.png"), "").expect("written");
        let mut series = series(root.path(), "cat").expect("a series");
        assert_eq!(series.save(0, "png", b"x").expect("saved"), "cat_00042_.png");
        assert_eq!(series.save(1, "png", b"y").expect("saved"), "cat_00043_.png");
        let mut names: Vec<_> = fs::read_dir(root.path()).expect("listed").map(|it| it.expect("entry").file_name()).collect();
        names.sort();
        assert_eq!(names, ["cat_00041_.png", "cat_00042_.png", "cat_00043_.png", "catalogue_00099_.png"]);
    }

    #[test]
    fn prefixes_fill_variables_and_make_folders() {
        let root = tempfile::tempdir().expect("a folder");
        let mut series = series(root.path(), "%year%/%width%x%height%-%date:yy.M.dd hh:mm:ss%-%batch_num%").expect("a series");
        assert_eq!(series.subfolder, "2026");
        assert_eq!(series.save(3, "png", b"x").expect("saved"), "64x32-26.3.04 05:06:07-3_00001_.png");
        assert!(root.path().join("2026/64x32-26.3.04 05:06:07-3_00001_.png").is_file());
    }

    #[test]
    fn prefixes_that_leave_their_folder_are_refused() {
        let root = tempfile::tempdir().expect("a folder");
        for prefix in ["../cat", "/cat", "/etc/cat", "a/../../cat", "..", "a\\..\\..\\cat"] {
            assert!(matches!(series(root.path(), prefix), Err(FileError::Folder(_))), "{prefix}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_prefix_through_a_link_makes_nothing_outside() {
        let (root, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::os::unix::fs::symlink(other.path(), root.path().join("link")).expect("linked");
        assert!(matches!(series(root.path(), "link/new/cat"), Err(FileError::Folder(_))));
        assert_eq!(fs::read_dir(other.path()).expect("listed").count(), 0);
    }

    #[test]
    fn an_opaque_gif_has_no_alpha() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("it.gif");
        let frame = |value| image::Frame::new(image::RgbaImage::from_pixel(2, 3, image::Rgba([value, 0, 0, 255])));
        let mut encoder = image::codecs::gif::GifEncoder::new(File::create(&path).expect("created"));
        encoder.encode_frames([frame(255), frame(0)]).expect("encoded");
        drop(encoder);
        let (colour, alpha) = decode(&path).expect("decoded");
        assert_eq!((colour.outer, colour.height, colour.width, alpha), (2, 3, 2, None));
    }

    #[test]
    fn a_picture_comes_back_as_it_was_saved_with_its_texts() {
        let root = tempfile::tempdir().expect("a folder");
        let data: Vec<f32> = (0..2 * 3 * 4).map(|it| it as f32 / 23.0).collect();
        let block = Block { outer: 1, height: 2, width: 3, inner: 4, data };
        let bytes = encode_png(&block, 0, &[("prompt".into(), "{}".into()), ("workflow".into(), "é".into())]).expect("encoded");
        let path = root.path().join("it.png");
        fs::write(&path, &bytes).expect("written");
        let (colour, alpha) = decode(&path).expect("decoded");
        let alpha = alpha.expect("the file has alpha");
        for pixel in 0..6 {
            for c in 0..3 {
                assert_eq!(colour.data[pixel * 3 + c], (block.data[pixel * 4 + c] * 255.0).trunc() / 255.0);
            }
            assert_eq!(alpha.data[pixel], 1.0 - (block.data[pixel * 4 + 3] * 255.0).trunc() / 255.0);
        }
        let reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("a header");
        assert_eq!(reader.info().uncompressed_latin1_text[0].keyword, "prompt");
        assert_eq!(reader.info().utf8_text[0].get_text().expect("a text"), "é");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("it.png");
        for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"] {
            fs::write(&path, bytes).expect("written");
            assert!(matches!(decode(&path), Err(FileError::Picture { .. })));
        }
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused_before_it_takes_memory() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("bomb.png");
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().and_then(|mut it| it.write_image_data(&[0; 3])).expect("encoded");
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let crc = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        fs::write(&path, bytes).expect("written");
        let error = decode(&path).expect_err("too large").to_string();
        assert!(error.contains("65536 x 65536"), "{error}");
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |it, _| (it >> 1) ^ (0xEDB8_8320 * (it & 1))))
    }
}
