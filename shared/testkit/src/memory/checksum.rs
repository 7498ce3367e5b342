//! The checksum that S3 computes of every object by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Polynomial of CRC-64/NVME, lowest bit first.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;

const TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u64, 0);
        while bit < 8 {
            value = (value >> 1) ^ (POLYNOMIAL * (value & 1));
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// CRC-64/NVME in base64, as S3 writes it.
pub fn crc64nvme(bytes: &[u8]) -> String {
    let step = |crc: u64, byte: &u8| TABLE[usize::from(*byte ^ crc as u8)] ^ (crc >> 8);
    STANDARD.encode((!bytes.iter().fold(u64::MAX, step)).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_algorithm_comes_out() {
        assert_eq!(crc64nvme(b"123456789"), STANDARD.encode(0xAE8B_1486_0A79_9888_u64.to_be_bytes()));
        assert_eq!(crc64nvme(b""), "AAAAAAAAAAA=");
    }
}
