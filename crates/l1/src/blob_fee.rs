//! The blob base fee of an L1 block, from its header alone.
//!
//! L1 changes the rate at which the fee moves by time-scheduled forks (EIP-7892). The schedules of the public networks are data
//! here, so that every node computes the same number for the same header; a new L1 fork needs a new version of this table
//! before it happens.

use alloy::eips::eip7840::BlobParams;

/// Blob parameters and the timestamp from which they hold; ascending.
type Schedule = &'static [(u64, BlobParams)];

/// Source, of all three: the upgrade schedules in the fork modules of ethereum/execution-specs (`forks/bpo1`, `forks/bpo2` and
/// before), equal to `MainnetChainConfig`, `SepoliaChainConfig` and `HoodiChainConfig` in go-ethereum's `params/config.go`.
/// The test below holds them to the fork ids (EIP-2124) that nodes of these networks send each other.
const MAINNET: Schedule = &[
    (1_710_338_135, BlobParams::cancun()),
    (1_746_612_311, BlobParams::prague()),
    (1_764_798_551, BlobParams::osaka()),
    (1_765_290_071, BlobParams::bpo1()),
    (1_767_747_671, BlobParams::bpo2()),
];
const SEPOLIA: Schedule = &[
    (1_706_655_072, BlobParams::cancun()),
    (1_741_159_776, BlobParams::prague()),
    (1_760_427_360, BlobParams::osaka()),
    (1_761_017_184, BlobParams::bpo1()),
    (1_761_607_008, BlobParams::bpo2()),
];
const HOODI: Schedule = &[
    (0, BlobParams::cancun()),
    (1_742_999_832, BlobParams::prague()),
    (1_761_677_592, BlobParams::osaka()),
    (1_762_365_720, BlobParams::bpo1()),
    (1_762_955_544, BlobParams::bpo2()),
];
/// Development networks have every fork from the start.
const OTHER: Schedule = &[(0, BlobParams::bpo2())];

/// The blob base fee, wei, saturated.
///
/// Shape: EIP-4844's `fake_exponential` of the header's `excess_blob_gas`, with the update fraction of the chain's schedule.
pub(crate) fn blob_base_fee_wei(chain_id: u64, timestamp: u64, excess_blob_gas: u64) -> u64 {
    let schedule = match chain_id {
        1 => MAINNET,
        11_155_111 => SEPOLIA,
        560_048 => HOODI,
        _ => OTHER,
    };
    let params =
        schedule.iter().rev().find(|(since, _)| timestamp >= *since).map_or(&schedule[0].1, |(_, params)| params);
    u64::try_from(params.calc_blob_fee(excess_blob_gas)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_one_wei_and_grows_by_e_every_update_fraction() {
        assert_eq!(blob_base_fee_wei(31_337, 5, 0), 1);
        // e^10 = 22026.4…, with the fraction of each schedule.
        assert_eq!(blob_base_fee_wei(31_337, 5, 116_846_710), 22_026);
        assert_eq!(blob_base_fee_wei(1, 1_767_747_671, 116_846_710), 22_026);
        assert_eq!(blob_base_fee_wei(1, 1_767_747_670, 83_461_930), 22_026);
        assert_eq!(blob_base_fee_wei(1, 1_765_290_070, 50_077_160), 22_026);
        assert_eq!(blob_base_fee_wei(1, 1_746_612_310, 33_384_770), 22_026);
    }

    #[test]
    fn saturates() {
        assert_eq!(blob_base_fee_wei(31_337, 0, 60 * 11_684_671), u64::MAX);
    }

    /// CRC-32 (IEEE) of more bytes, continued from the checksum of those before.
    fn crc32(before: u32, bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!before, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
        })
    }

    #[test]
    fn schedules_give_the_fork_ids_of_their_networks() {
        // Source: core/forkid/forkid_test.go of go-ethereum: before Cancun (Hoodi: before Prague), and after each fork.
        let mainnet = [0xdce9_6c2d, 0x9f3d_2254, 0xc376_cf8b, 0x5167_e2a6, 0xcba2_a1c0, 0x07c9_462e];
        let sepolia = [0xf7f9_bc08, 0x88cf_81d9, 0xed88_b5fd, 0xe2ae_4999, 0x5607_8a1e, 0x2689_56b6];
        let hoodi = [0xbef7_1d30, 0x0929_e24e, 0xe7e0_e7ff, 0x3893_353e, 0x23aa_1351];
        for (schedule, ids) in [(MAINNET, &mainnet[..]), (SEPOLIA, &sepolia), (&HOODI[1..], &hoodi)] {
            assert_eq!(schedule.len() + 1, ids.len());
            for ((since, _), pair) in schedule.iter().zip(ids.windows(2)) {
                assert_eq!(crc32(pair[0], &since.to_be_bytes()), pair[1], "fork at {since}");
            }
        }
    }

    #[test]
    fn schedules_ascend() {
        for schedule in [MAINNET, SEPOLIA, HOODI, OTHER] {
            assert!(schedule.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
