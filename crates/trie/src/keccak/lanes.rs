//! The Keccak-f\[1600\] permutation on several states at once: the one place with `unsafe` (ADR 8).
//!
//! Two things here are unsafe, and nothing else is: calling a function that is compiled for instructions which not every
//! machine has, and viewing arrays of words as vectors. A unit can only be had from `detect`, so whoever has one may call.
#![allow(unsafe_code, reason = "vector instructions that are chosen at run time; see docs/adr/0008-batched-keccak.md")]

use core::arch::x86_64::{
    __m256i, __m512i, _mm256_andnot_si256, _mm256_or_si256, _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_xor_si256, _mm512_rol_epi64, _mm512_set1_epi64, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

/// 64-bit words of a state.
pub(super) const STATE_WORDS: usize = 25;

/// Source: FIPS 202, 3.2.5.
const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The 24 rounds on `$a`, 25 vectors, word (x, y) at `x + 5 * y`. Source: FIPS 202, 3.2 and 3.3.
///
/// A macro and not a function over a trait, because only code that stands inside a function compiled for the instructions may
/// use them.
macro_rules! rounds {
    ($a:ident, $splat:ident, $xor:ident, $xor3:ident, $chi:ident, $rol:ident) => {
        for constant in ROUND_CONSTANTS {
            // θ
            let c0 = $xor3!($xor3!($a[0], $a[5], $a[10]), $a[15], $a[20]);
            let c1 = $xor3!($xor3!($a[1], $a[6], $a[11]), $a[16], $a[21]);
            let c2 = $xor3!($xor3!($a[2], $a[7], $a[12]), $a[17], $a[22]);
            let c3 = $xor3!($xor3!($a[3], $a[8], $a[13]), $a[18], $a[23]);
            let c4 = $xor3!($xor3!($a[4], $a[9], $a[14]), $a[19], $a[24]);
            let r = [$rol!(c0, 1), $rol!(c1, 1), $rol!(c2, 1), $rol!(c3, 1), $rol!(c4, 1)];
            let theta = |x: usize, word| match x {
                0 => $xor3!(word, c4, r[1]),
                1 => $xor3!(word, c0, r[2]),
                2 => $xor3!(word, c1, r[3]),
                3 => $xor3!(word, c2, r[4]),
                _ => $xor3!(word, c3, r[0]),
            };
            // ρ and π
            let b = [
                theta(0, $a[0]),
                $rol!(theta(1, $a[6]), 44),
                $rol!(theta(2, $a[12]), 43),
                $rol!(theta(3, $a[18]), 21),
                $rol!(theta(4, $a[24]), 14),
                $rol!(theta(3, $a[3]), 28),
                $rol!(theta(4, $a[9]), 20),
                $rol!(theta(0, $a[10]), 3),
                $rol!(theta(1, $a[16]), 45),
                $rol!(theta(2, $a[22]), 61),
                $rol!(theta(1, $a[1]), 1),
                $rol!(theta(2, $a[7]), 6),
                $rol!(theta(3, $a[13]), 25),
                $rol!(theta(4, $a[19]), 8),
                $rol!(theta(0, $a[20]), 18),
                $rol!(theta(4, $a[4]), 27),
                $rol!(theta(0, $a[5]), 36),
                $rol!(theta(1, $a[11]), 10),
                $rol!(theta(2, $a[17]), 15),
                $rol!(theta(3, $a[23]), 56),
                $rol!(theta(2, $a[2]), 62),
                $rol!(theta(3, $a[8]), 55),
                $rol!(theta(4, $a[14]), 39),
                $rol!(theta(0, $a[15]), 41),
                $rol!(theta(1, $a[21]), 2),
            ];
            // χ
            for y in [0, 5, 10, 15, 20] {
                for x in 0..5 {
                    $a[y + x] = $chi!(b[y + x], b[y + (x + 1) % 5], b[y + (x + 2) % 5]);
                }
            }
            // ι
            $a[0] = $xor($a[0], $splat(constant.cast_signed()));
        }
    };
}

/// Four states at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) const LANES: usize = 4;

    /// The unit, if this machine has it.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Permutes the states.
    pub(super) fn permute(self, state: &mut [[u64; Self::LANES]; STATE_WORDS]) {
        // SAFETY: `self` exists, so `detect` has found AVX2.
        unsafe { permute_avx2(state) }
    }
}

#[target_feature(enable = "avx2")]
fn permute_avx2(state: &mut [[u64; Avx2::LANES]; STATE_WORDS]) {
    macro_rules! xor3 {
        ($a:expr, $b:expr, $c:expr) => {
            _mm256_xor_si256(_mm256_xor_si256($a, $b), $c)
        };
    }
    macro_rules! chi {
        ($a:expr, $b:expr, $c:expr) => {
            _mm256_xor_si256($a, _mm256_andnot_si256($b, $c))
        };
    }
    macro_rules! rol {
        ($a:expr, $n:literal) => {{
            let word = $a;
            _mm256_or_si256(_mm256_slli_epi64::<$n>(word), _mm256_srli_epi64::<{ 64 - $n }>(word))
        }};
    }
    // SAFETY: both are 800 bytes, of which every pattern is a value of either.
    let mut a: [__m256i; STATE_WORDS] = unsafe { core::mem::transmute(*state) };
    rounds!(a, _mm256_set1_epi64x, _mm256_xor_si256, xor3, chi, rol);
    // SAFETY: as above.
    *state = unsafe { core::mem::transmute::<[__m256i; STATE_WORDS], [[u64; Avx2::LANES]; STATE_WORDS]>(a) };
}

/// Eight states at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) const LANES: usize = 8;

    /// The unit, if this machine has it.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// Permutes the states.
    pub(super) fn permute(self, state: &mut [[u64; Self::LANES]; STATE_WORDS]) {
        // SAFETY: `self` exists, so `detect` has found AVX-512F.
        unsafe { permute_avx512(state) }
    }
}

#[target_feature(enable = "avx512f")]
fn permute_avx512(state: &mut [[u64; Avx512::LANES]; STATE_WORDS]) {
    // The last number is the truth table of the three operands: 0x96 is a ^ b ^ c, 0xd2 is a ^ (!b & c).
    macro_rules! xor3 {
        ($a:expr, $b:expr, $c:expr) => {
            _mm512_ternarylogic_epi64::<0x96>($a, $b, $c)
        };
    }
    macro_rules! chi {
        ($a:expr, $b:expr, $c:expr) => {
            _mm512_ternarylogic_epi64::<0xd2>($a, $b, $c)
        };
    }
    macro_rules! rol {
        ($a:expr, $n:literal) => {
            _mm512_rol_epi64::<$n>($a)
        };
    }
    // SAFETY: both are 1600 bytes, of which every pattern is a value of either.
    let mut a: [__m512i; STATE_WORDS] = unsafe { core::mem::transmute(*state) };
    rounds!(a, _mm512_set1_epi64, _mm512_xor_si512, xor3, chi, rol);
    // SAFETY: as above.
    *state = unsafe { core::mem::transmute::<[__m512i; STATE_WORDS], [[u64; Avx512::LANES]; STATE_WORDS]>(a) };
}
