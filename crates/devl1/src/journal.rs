//! The file that lets the embedded chain survive a restart: genesis facts, then every block that was built, with its blobs.
//!
//! Shape: records `length u32 LE ‖ first 4 bytes of sha256(payload) ‖ payload`. A record that is cut short or does not match its
//! check ends the file: it was being written when the process died.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::Error;

/// Name of the file in the data folder.
const FILE: &str = "l1.journal";
/// Bytes before the payload.
const PREFIX: usize = 8;
/// A record is never longer: a block of at most 10 MB (EIP-7934) and 21 blobs fit.
const RECORD_SIZE_MAX: usize = 32 << 20;

/// An open journal; nobody else can open it meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Where the next record goes.
    end: u64,
}

impl Journal {
    /// Opens or creates the file, hands every good record to `each` with its place, and drops a torn tail.
    pub(crate) async fn open(
        dir: &Path,
        mut each: impl AsyncFnMut(u64, Vec<u8>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let failed = |reason: std::io::Error| Error::File { path: path.clone(), reason: reason.to_string() };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = "another process runs this development L1; stop it first".to_owned();
                return Err(Error::File { path, reason });
            }
            Err(TryLockError::Error(reason)) => return Err(failed(reason)),
        }
        let size = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::new(&file);
        let mut end = 0;
        while let Some(payload) = read_record(&mut reader).map_err(failed)? {
            let next = end + (PREFIX + payload.len()) as u64;
            each(end, payload).await?;
            end = next;
        }
        if end < size {
            tracing::warn!(path = %path.display(), dropped_bytes = size - end, "dropped a half-written L1 block");
            file.set_len(end).map_err(failed)?;
        }
        (&file).seek(SeekFrom::Start(end)).map_err(failed)?;
        Ok(Self { file, path, end })
    }

    /// Appends one record; durable when this returns if `sync`. Gives its place.
    pub(crate) fn append(&mut self, payload: &[u8], sync: bool) -> Result<u64, Error> {
        let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= RECORD_SIZE_MAX);
        let Some(length) = length else {
            return Err(self.failed(format!("a record of {} bytes is too long", payload.len())));
        };
        let mut record = Vec::with_capacity(PREFIX + payload.len());
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&check(payload));
        record.extend_from_slice(payload);
        self.file.write_all(&record).map_err(|reason| self.failed(reason))?;
        if sync {
            self.file.sync_data().map_err(|reason| self.failed(reason))?;
        }
        let place = self.end;
        self.end += record.len() as u64;
        Ok(place)
    }

    /// Reads the record at `place` again.
    pub(crate) fn read(&self, place: u64) -> Result<Vec<u8>, Error> {
        let mut prefix = [0; PREFIX];
        self.file.read_exact_at(&mut prefix, place).map_err(|reason| self.failed(reason))?;
        let [a, b, c, d, sum @ ..] = prefix;
        let mut payload = vec![0; (u32::from_le_bytes([a, b, c, d]) as usize).min(RECORD_SIZE_MAX)];
        self.file.read_exact_at(&mut payload, place + PREFIX as u64).map_err(|reason| self.failed(reason))?;
        if check(&payload) == sum { Ok(payload) } else { Err(self.failed("a record changed on disk")) }
    }

    fn failed(&self, reason: impl ToString) -> Error {
        Error::File { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// The next record; `None` at the end, clean or torn.
fn read_record(reader: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut prefix = [0; PREFIX];
    if !fill(reader, &mut prefix)? {
        return Ok(None);
    }
    let [a, b, c, d, sum @ ..] = prefix;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > RECORD_SIZE_MAX {
        return Ok(None);
    }
    let mut payload = vec![0; length];
    Ok((fill(reader, &mut payload)? && check(&payload) == sum).then_some(payload))
}

/// Fills the buffer; false when the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn check(payload: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(payload));
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn contents(dir: &Path) -> (Journal, Vec<(u64, Vec<u8>)>) {
        let mut seen = Vec::new();
        let journal = Journal::open(dir, async |place, payload| {
            seen.push((place, payload));
            Ok(())
        })
        .await
        .unwrap();
        (journal, seen)
    }

    #[tokio::test]
    async fn gives_back_what_was_appended_and_drops_a_torn_tail_at_every_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, seen) = contents(dir.path()).await;
        assert!(seen.is_empty());
        journal.append(b"first", true).unwrap();
        let place = journal.append(&[7; 1000], false).unwrap();
        assert_eq!(journal.read(place).unwrap(), [7; 1000]);
        drop(journal);
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for cut in [whole.len() - 1, usize::try_from(place).unwrap() + PREFIX, usize::try_from(place).unwrap() + 3] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, seen) = contents(dir.path()).await;
            assert_eq!(seen, [(0, b"first".to_vec())]);
            journal.append(b"next", true).unwrap();
            drop(journal);
            let (_, seen) = contents(dir.path()).await;
            assert_eq!(seen, [(0, b"first".to_vec()), (place, b"next".to_vec())]);
        }
        let mut flipped = whole;
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert_eq!(contents(dir.path()).await.1.len(), 1);
    }

    #[tokio::test]
    async fn only_one_process_may_hold_it() {
        let dir = tempfile::tempdir().unwrap();
        let (held, _) = contents(dir.path()).await;
        let error = Journal::open(dir.path(), async |_, _| Ok(())).await.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        drop(held);
        contents(dir.path()).await;
    }
}
