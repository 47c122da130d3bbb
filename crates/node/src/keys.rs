//! Files with the secrets of a seat, encrypted.

use std::path::{Path, PathBuf};

use sluice_simplex::SeatKeys;

use crate::Error;

/// Names the password where no file does.
pub(crate) const PASSWORD_VARIABLE: &str = "SLUICE_KEYS_PASSWORD";
/// Bytes of the two secrets, one after the other: network, vote.
const SECRETS_BYTES: usize = 64;

/// Writes a file that does not exist yet. Shape: Web3 secret storage, version 3 (scrypt, AES-128-CTR), around 64 bytes.
pub(crate) fn write(path: &Path, keys: &SeatKeys, password: &str) -> Result<(), Error> {
    if path.exists() {
        return Err(Error::Config(format!("{} exists; give another name, keys are never overwritten", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::Config(format!("{} names no file", path.display())))?;
    let (network, vote) = keys.to_secrets();
    eth_keystore::encrypt_key(folder, &mut rand::thread_rng(), [network, vote].concat(), password, Some(name))
        .map_err(|error| Error::Config(format!("cannot write {}: {error}", path.display())))?;
    restrict(path)
}

/// Reads a file.
pub(crate) fn read(path: &Path, password: &str) -> Result<SeatKeys, Error> {
    if !path.exists() {
        return Err(Error::Config(format!("{} does not exist; make keys with `sluice keys new`", path.display())));
    }
    let bad = |reason: String| Error::Config(format!("cannot read the keys in {}: {reason}", path.display()));
    let secrets = eth_keystore::decrypt_key(path, password).map_err(|error| bad(error.to_string()))?;
    let secrets: [u8; SECRETS_BYTES] = secrets.try_into().map_err(|_| bad("it holds other secrets".into()))?;
    let (network, vote) = secrets.split_at(SECRETS_BYTES / 2);
    let half = "half of the secrets";
    SeatKeys::from_secrets(network.try_into().expect(half), vote.try_into().expect(half))
        .map_err(|error| bad(error.to_string()))
}

/// The password: in the file if there is one, else in the environment.
pub(crate) fn password(file: Option<&PathBuf>) -> Result<String, Error> {
    if let Some(path) = file {
        return Ok(crate::config::read(path)?.trim_end_matches(['\r', '\n']).to_owned());
    }
    std::env::var(PASSWORD_VARIABLE).map_err(|_| {
        Error::Config(format!("no password for the keys; set {PASSWORD_VARIABLE}, or name a file with it"))
    })
}

/// Only the owner may read it.
fn restrict(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let source = |source| Error::File { path: path.to_path_buf(), source };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_with_the_password_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seat.json");
        let keys = SeatKeys::generate();
        write(&path, &keys, "secret").unwrap();
        assert_eq!(read(&path, "secret").unwrap().to_secrets(), keys.to_secrets());
        let text = std::fs::read_to_string(&path).unwrap();
        let secrets = [keys.to_secrets().0, keys.to_secrets().1];
        assert!(secrets.iter().all(|secret| !text.contains(&alloy_primitives::hex::encode(secret))));
        read(&path, "other").unwrap_err();
        let again = write(&path, &SeatKeys::generate(), "secret").unwrap_err().to_string();
        assert!(again.contains("never overwritten"), "{again}");
        let missing = read(&folder.path().join("none.json"), "secret").unwrap_err().to_string();
        assert!(missing.contains("sluice keys new"), "{missing}");
        let no_file = password(Some(&folder.path().join("none"))).unwrap_err().to_string();
        assert!(no_file.contains("none"), "{no_file}");
    }
}
