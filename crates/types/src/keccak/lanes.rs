//! The Keccak-f\[1600\] permutation on one state or several at once: the one place with `unsafe` (ADR 8).
//!
//! Two things here are unsafe, and nothing else is: calling a function that is compiled for instructions which not every
//! machine has, and viewing arrays of words as vectors. A unit can only be had from `detect`, so whoever has one may call.
#![allow(unsafe_code, reason = "vector instructions that are chosen at run time; see docs/adr/0008-batched-keccak.md")]

use core::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_rol_epi64, _mm_set1_epi64x, _mm_setzero_si128,
    _mm_ternarylogic_epi64, _mm_xor_si128, _mm256_andnot_si256, _mm256_or_si256, _mm256_set1_epi64x, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_xor_si256, _mm512_rol_epi64, _mm512_set1_epi64, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
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
/// use them. A row is finished before the next is begun, so that the state stays in 32 registers.
macro_rules! rounds {
    ($a:ident, $splat:ident, $xor:ident, $xor3:ident, $chi:ident, $rol:ident) => {
        for constant in ROUND_CONSTANTS {
            // θ
            let c0 = $xor3!($xor3!($a[0], $a[5], $a[10]), $a[15], $a[20]);
            let c1 = $xor3!($xor3!($a[1], $a[6], $a[11]), $a[16], $a[21]);
            let c2 = $xor3!($xor3!($a[2], $a[7], $a[12]), $a[17], $a[22]);
            let c3 = $xor3!($xor3!($a[3], $a[8], $a[13]), $a[18], $a[23]);
            let c4 = $xor3!($xor3!($a[4], $a[9], $a[14]), $a[19], $a[24]);
            let d0 = $xor(c4, $rol!(c1, 1));
            let d1 = $xor(c0, $rol!(c2, 1));
            let d2 = $xor(c1, $rol!(c3, 1));
            let d3 = $xor(c2, $rol!(c4, 1));
            let d4 = $xor(c3, $rol!(c0, 1));
            // ρ, π and χ of a row; the words in it come from all rows.
            macro_rules! row {
                ($w0:expr, $w1:expr, $w2:expr, $w3:expr, $w4:expr) => {{
                    let (w0, w1, w2, w3, w4) = ($w0, $w1, $w2, $w3, $w4);
                    [$chi!(w0, w1, w2), $chi!(w1, w2, w3), $chi!(w2, w3, w4), $chi!(w3, w4, w0), $chi!(w4, w0, w1)]
                }};
            }
            let [e0, e1, e2, e3, e4] = row!(
                $xor($a[0], d0),
                $rol!($xor($a[6], d1), 44),
                $rol!($xor($a[12], d2), 43),
                $rol!($xor($a[18], d3), 21),
                $rol!($xor($a[24], d4), 14)
            );
            let [e5, e6, e7, e8, e9] = row!(
                $rol!($xor($a[3], d3), 28),
                $rol!($xor($a[9], d4), 20),
                $rol!($xor($a[10], d0), 3),
                $rol!($xor($a[16], d1), 45),
                $rol!($xor($a[22], d2), 61)
            );
            let [e10, e11, e12, e13, e14] = row!(
                $rol!($xor($a[1], d1), 1),
                $rol!($xor($a[7], d2), 6),
                $rol!($xor($a[13], d3), 25),
                $rol!($xor($a[19], d4), 8),
                $rol!($xor($a[20], d0), 18)
            );
            let [e15, e16, e17, e18, e19] = row!(
                $rol!($xor($a[4], d4), 27),
                $rol!($xor($a[5], d0), 36),
                $rol!($xor($a[11], d1), 10),
                $rol!($xor($a[17], d2), 15),
                $rol!($xor($a[23], d3), 56)
            );
            let [e20, e21, e22, e23, e24] = row!(
                $rol!($xor($a[2], d2), 62),
                $rol!($xor($a[8], d3), 55),
                $rol!($xor($a[14], d4), 39),
                $rol!($xor($a[15], d0), 41),
                $rol!($xor($a[21], d1), 2)
            );
            // ι
            let e0 = $xor(e0, $splat(constant.cast_signed()));
            $a = [
                e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19, e20, e21,
                e22, e23, e24,
            ];
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

/// Eight states at a time, or one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) const LANES: usize = 8;

    /// The unit, if this machine has it.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let is_here = std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vl");
        is_here.then_some(Self(()))
    }

    /// Permutes the states.
    pub(super) fn permute(self, state: &mut [[u64; Self::LANES]; STATE_WORDS]) {
        // SAFETY: `self` exists, so `detect` has found AVX-512F.
        unsafe { permute_avx512(state) }
    }

    /// Permutes one state.
    pub(super) fn permute_one(self, state: &mut [[u64; 1]; STATE_WORDS]) {
        // SAFETY: `self` exists, so `detect` has found AVX-512F and AVX-512VL.
        unsafe { permute_one_avx512(state) }
    }
}

/// The rounds on `$a` with the instructions of AVX-512, whatever the vectors' width.
macro_rules! rounds_avx512 {
    ($a:ident, $splat:ident, $xor:ident, $ternary:ident, $rotate:ident) => {
        // The last number is the truth table of the three operands: 0x96 is a ^ b ^ c, 0xd2 is a ^ (!b & c).
        macro_rules! xor3 {
            ($x:expr, $y:expr, $z:expr) => {
                $ternary::<0x96>($x, $y, $z)
            };
        }
        macro_rules! chi {
            ($x:expr, $y:expr, $z:expr) => {
                $ternary::<0xd2>($x, $y, $z)
            };
        }
        macro_rules! rol {
            ($x:expr, $bits:literal) => {
                $rotate::<$bits>($x)
            };
        }
        rounds!($a, $splat, $xor, xor3, chi, rol);
    };
}

#[target_feature(enable = "avx512f")]
fn permute_avx512(state: &mut [[u64; Avx512::LANES]; STATE_WORDS]) {
    // SAFETY: both are 1600 bytes, of which every pattern is a value of either.
    let mut a: [__m512i; STATE_WORDS] = unsafe { core::mem::transmute(*state) };
    rounds_avx512!(a, _mm512_set1_epi64, _mm512_xor_si512, _mm512_ternarylogic_epi64, _mm512_rol_epi64);
    // SAFETY: as above.
    *state = unsafe { core::mem::transmute::<[__m512i; STATE_WORDS], [[u64; Avx512::LANES]; STATE_WORDS]>(a) };
}

/// One word in each vector, of which there are 32: enough for a state, which the other registers are not.
#[target_feature(enable = "avx512f,avx512vl")]
fn permute_one_avx512(state: &mut [[u64; 1]; STATE_WORDS]) {
    let mut a = [_mm_setzero_si128(); STATE_WORDS];
    // Loops, because a closure is compiled as a function of its own.
    for (vector, [word]) in a.iter_mut().zip(&*state) {
        *vector = _mm_cvtsi64_si128(word.cast_signed());
    }
    rounds_avx512!(a, _mm_set1_epi64x, _mm_xor_si128, _mm_ternarylogic_epi64, _mm_rol_epi64);
    for ([word], vector) in state.iter_mut().zip(a) {
        *word = _mm_cvtsi128_si64(vector).cast_unsigned();
    }
}
