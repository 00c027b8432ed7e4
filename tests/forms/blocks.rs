//! Compressed bytes in stored blocks, which a few lines of code can read and write.

use std::io::Write;

const CRC_OF_GZIP: u32 = 0xedb8_8320;
const CRC_OF_SNAPPY: u32 = 0x82f6_3b78;

fn crc(polynomial: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 }
        })
    })
}

/// Bytes in stored blocks of a form.
pub fn packed(form: &str, blocks: &[&[u8]]) -> Vec<u8> {
    let whole: Vec<u8> = blocks.concat();
    let mut to = Vec::new();
    match form {
        "gzip" => {
            to.extend(b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
            for block in blocks.iter().chain([&&b""[..]]) {
                let length = block.len() as u16;
                to.push(u8::from(block.is_empty()));
                to.extend(length.to_le_bytes());
                to.extend((!length).to_le_bytes());
                to.extend(*block);
            }
            to.extend(crc(CRC_OF_GZIP, &whole).to_le_bytes());
            to.extend((whole.len() as u32).to_le_bytes());
        }
        "zstd" => {
            to.extend(b"\x28\xb5\x2f\xfd\0\x50");
            for block in blocks.iter().chain([&&b""[..]]) {
                let header = (block.len() as u32) << 3 | u32::from(block.is_empty());
                to.extend(&header.to_le_bytes()[..3]);
                to.extend(*block);
            }
        }
        "lz4" => {
            to.extend(b"\x04\x22\x4d\x18\x60\x40\x82");
            for block in blocks {
                to.extend((block.len() as u32 | 1 << 31).to_le_bytes());
                to.extend(*block);
            }
            to.extend([0; 4]);
        }
        "snappy" => {
            to.extend(b"\xff\x06\0\0sNaPpY");
            for block in blocks {
                let sum = crc(CRC_OF_SNAPPY, block).rotate_right(15).wrapping_add(0xa282_ead8);
                to.push(1);
                to.extend(&(block.len() as u32 + 4).to_le_bytes()[..3]);
                to.extend(sum.to_le_bytes());
                to.extend(*block);
            }
        }
        "bzip2" => {
            let mut writer = bzip2::write::BzEncoder::new(&mut to, bzip2::Compression::fast());
            writer.write_all(&whole).and_then(|()| writer.try_finish()).expect("room");
        }
        _ => to = whole,
    }
    to
}

/// What is in stored blocks, one form after the other; `Err` with what is there of what is cut off.
pub fn unpacked(mut bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let mut text = Vec::new();
    match unpack(&mut bytes, &mut text) {
        Some(()) => Ok(text),
        None => Err(text),
    }
}

/// Takes so many bytes off the front.
fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(first)
}

fn number(bytes: &mut &[u8], count: usize) -> Option<usize> {
    Some(taken(bytes, count)?.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// `None` where the end of a member is missing.
fn unpack(bytes: &mut &[u8], text: &mut Vec<u8>) -> Option<()> {
    let all = bytes.len();
    while !bytes.is_empty() {
        if let Some(rest) = bytes.strip_prefix(b"\x1f\x8b\x08\0\0\0\0\0\0\xff") {
            *bytes = rest;
            loop {
                let is_last = number(bytes, 1)? == 1;
                let length = number(bytes, 2)?;
                taken(bytes, 2)?;
                text.extend(taken(bytes, length)?);
                if is_last {
                    break;
                }
            }
            taken(bytes, 8)?;
        } else if let Some(rest) = bytes.strip_prefix(b"\x28\xb5\x2f\xfd\0\x50") {
            *bytes = rest;
            loop {
                let header = number(bytes, 3)?;
                text.extend(taken(bytes, header >> 3)?);
                if header & 1 == 1 {
                    break;
                }
            }
        } else if let Some(rest) = bytes.strip_prefix(b"\x04\x22\x4d\x18\x60\x40\x82") {
            *bytes = rest;
            loop {
                let length = number(bytes, 4)? & 0x7fff_ffff;
                text.extend(taken(bytes, length)?);
                if length == 0 {
                    break;
                }
            }
        } else if let Some(rest) = bytes.strip_prefix(b"\xff\x06\0\0sNaPpY") {
            *bytes = rest;
            while bytes.first() == Some(&1) {
                let length = number(bytes, 4)? >> 8;
                text.extend(&taken(bytes, length)?[4..]);
            }
        } else {
            let is_plain = bytes.len() == all;
            text.extend(is_plain.then(|| std::mem::take(bytes))?);
        }
    }
    Some(())
}
