//! Objects that stand in files of their own: what was just added to the index.
//!
//! For such an object `git cat-file` takes ten times as long as it takes to read its file, and a
//! hook reads little else. What is in packs, borrowed from elsewhere or not understood is left to
//! `git`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use zeroize::Zeroizing;

use super::{LIMIT, Object};

/// The longest header, `commit 18446744073709551615` and NUL, and some.
const HEADER: u64 = 40;

/// Where the objects of a repository are.
#[derive(Debug)]
pub(super) struct Loose {
    directory: PathBuf,
}

impl Loose {
    /// The objects of the repository that a directory is in. `None` where that is not plain to see.
    /// Where `git` was told of another repository, nothing goes wrong: a name is the digest of its
    /// content, in whatever repository.
    pub(super) fn of(directory: &Path) -> Option<Self> {
        let place = directory
            .ancestors()
            .map(|above| above.join(".git"))
            .find(|place| place.symlink_metadata().is_ok())?;
        let objects = place.join("objects");
        (place.is_dir() && objects.is_dir()).then_some(Self { directory: objects })
    }

    /// The file of an object, if it has one.
    pub(super) fn file(&self, name: &[u8]) -> Option<PathBuf> {
        let is_name = matches!(name.len(), 40 | 64) && name.iter().all(u8::is_ascii_hexdigit);
        let name = std::str::from_utf8(name).ok().filter(|_| is_name)?;
        let (folder, rest) = name.split_at_checked(2)?;
        let file = self.directory.join(folder).join(rest);
        file.is_file().then_some(file)
    }
}

/// Reads an object from its file.
pub(super) fn read(file: &Path) -> io::Result<Object> {
    read_up_to(file, LIMIT)
}

fn read_up_to(file: &Path, limit: u64) -> io::Result<Object> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let file = File::open(file)?;
    let length = file.metadata()?.len();
    if length >= limit {
        return Ok(Object::TooBig);
    }
    // Room for one more, so that the end is seen without another look.
    let mut packed = Vec::with_capacity(usize::try_from(length).map_err(|_| broken())? + 32);
    file.take(limit).read_to_end(&mut packed)?;
    let most = usize::try_from(limit + HEADER).map_err(|_| broken())?;
    let mut bytes = match decompress_to_vec_zlib_with_limit(&packed, most) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput => {
            drop(Zeroizing::new(error.output));
            return Ok(Object::TooBig);
        }
        Err(error) => {
            drop(Zeroizing::new(error.output));
            return Err(broken());
        }
    };
    // `<type> <size>` NUL, then the content.
    let end = memchr::memchr(0, &bytes).ok_or_else(broken)?;
    let header = std::str::from_utf8(bytes.get(..end).unwrap_or_default()).map_err(|_| broken())?;
    let (kind, size) = header.split_once(' ').ok_or_else(broken)?;
    let size: usize = size.parse().map_err(|_| broken())?;
    if size != bytes.len() - end - 1 {
        return Err(broken());
    }
    let kind = kind.to_owned();
    if size as u64 > limit {
        return Ok(Object::TooBig);
    }
    bytes.drain(..=end);
    Ok(Object::of_kind(&kind, bytes))
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    fn read_back(text: &[u8]) -> io::Result<Object> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text).unwrap();
        read_up_to(file.path(), 1000)
    }

    #[test]
    fn a_blob_is_its_content_and_a_tree_has_none() {
        let packed = compress_to_vec_zlib(b"blob 5\0a\0b\nc", 6);
        assert!(matches!(read_back(&packed), Ok(Object::Bytes(bytes)) if *bytes == b"a\0b\nc"));
        let packed = compress_to_vec_zlib(b"commit 1\0x", 6);
        assert!(matches!(read_back(&packed), Ok(Object::Record(_))));
        let packed = compress_to_vec_zlib(b"tree 1\0x", 6);
        assert!(matches!(read_back(&packed), Ok(Object::Other)));
    }

    #[test]
    fn what_is_cut_lies_about_its_size_or_bursts_is_not_taken_for_content() {
        let packed = compress_to_vec_zlib(b"blob 5\0abcde", 6);
        assert!(read_back(&packed[..packed.len() - 6]).is_err());
        assert!(read_back(&compress_to_vec_zlib(b"blob 6\0abcde", 6)).is_err());
        assert!(read_back(b"no object").is_err());
        let bomb = compress_to_vec_zlib(&[0; 2000], 1);
        assert!(matches!(read_back(&bomb), Ok(Object::TooBig)));
    }
}
