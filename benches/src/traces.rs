//! Recorded accesses, from files that are not part of this repository.

use std::env;
use std::fs;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// A trace: the keys in order, and how large a cache is that it tells something about.
#[derive(Debug)]
pub struct Trace {
    /// What it is called.
    pub name: String,
    /// The entries of the cache.
    pub capacity: usize,
    /// The keys.
    pub keys: Vec<u64>,
}

/// How a file says which keys come.
#[derive(Clone, Copy)]
enum Format {
    /// One number a line; other lines are none.
    Lirs,
    /// `start count …` a line: so many keys, one after the other.
    Arc,
    /// Big-endian numbers of 32 bits.
    Words,
}

const TRACES: [(&str, Format, &[usize]); 12] = [
    ("OLTP.lis.zst", Format::Arc, &[1000, 5000]),
    ("gli.trace.gz", Format::Lirs, &[1000]),
    ("cpp.trace.gz", Format::Lirs, &[100]),
    ("multi1.trace.gz", Format::Lirs, &[1000]),
    ("multi2.trace.gz", Format::Lirs, &[1000]),
    ("multi3.trace.gz", Format::Lirs, &[1000]),
    ("ps.trace.gz", Format::Lirs, &[1000]),
    ("sprite.trace.gz", Format::Lirs, &[500]),
    ("2_pools.trace.gz", Format::Lirs, &[1000]),
    ("loop.trace.gz", Format::Lirs, &[500]),
    ("web12.trace.xz", Format::Words, &[1000]),
    ("orm-busy.trace.xz", Format::Words, &[1000]),
];

/// The traces that are there, once for each capacity, and why others are not.
pub fn load() -> (Vec<Trace>, Vec<String>) {
    let folder = folder();
    if !folder.is_dir() {
        let reason = format!(
            "all traces: there is no folder {}; CACHEKIT_TRACES or --traces names one",
            folder.display()
        );
        return (Vec::new(), vec![reason]);
    }
    let (mut traces, mut skipped) = (Vec::new(), Vec::new());
    for (file, format, capacities) in TRACES {
        match read(&folder.join(file)) {
            Ok(bytes) => {
                let (keys, name) = (keys(format, &bytes), file.split('.').next().unwrap_or(file));
                traces.extend(capacities.iter().map(|&capacity| Trace {
                    name: name.to_owned(),
                    capacity,
                    keys: keys.clone(),
                }));
            }
            Err(error) => skipped.push(format!("{file}: {error}")),
        }
    }
    (traces, skipped)
}

/// Beside the repository, unless the environment says where.
fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    env::var_os("CACHEKIT_TRACES").map_or_else(beside, PathBuf::from)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let mut bytes = Vec::new();
    match path.extension().and_then(|own| own.to_str()) {
        Some("gz") => {
            flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes)?;
        }
        Some("xz") => {
            lzma_rs::xz_decompress(&mut file, &mut bytes)
                .map_err(|error| io::Error::other(format!("{error:?}")))?;
        }
        Some("zst") => {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).map_err(io::Error::other)?;
            decoder.read_to_end(&mut bytes)?;
        }
        _ => {
            file.read_to_end(&mut bytes)?;
        }
    }
    Ok(bytes)
}

fn keys(format: Format, bytes: &[u8]) -> Vec<u64> {
    let text = || String::from_utf8_lossy(bytes);
    match format {
        Format::Lirs => text().lines().filter_map(|line| line.trim().parse().ok()).collect(),
        Format::Arc => {
            let run = |line: &str| {
                let mut words = line.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
                words.next().zip(words.next())
            };
            text().lines().filter_map(run).flat_map(|(start, count)| start..start + count).collect()
        }
        Format::Words => {
            let (words, _) = bytes.as_chunks::<4>();
            words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).collect()
        }
    }
}
