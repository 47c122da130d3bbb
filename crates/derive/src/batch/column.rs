//! Bytes in and out: varints, and columns of numbers in byte planes.

use alloc::vec::Vec;

use crate::Error;

/// Appends a number as LEB128: seven bits a byte, low bits first, the high bit set on all but the last.
pub(super) fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Appends a column: one byte for the width, then that many planes, the lowest byte of every value first.
///
/// Planes keep the bytes that look alike together; high planes are nearly all zero and cost next to nothing.
pub(super) fn put_column(out: &mut Vec<u8>, values: &[u64]) {
    let all = values.iter().fold(0, |all, value| all | value);
    let width = (u64::BITS - all.leading_zeros()).div_ceil(8);
    out.push(low_byte(u64::from(width)));
    for plane in 0..width {
        out.extend(values.iter().map(|value| low_byte(value >> (8 * plane))));
    }
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// Maps a wrapping difference to a number that is small when the difference is, whatever its sign.
pub(super) const fn zigzag(from: u64, to: u64) -> u64 {
    let delta = to.wrapping_sub(from).cast_signed();
    ((delta << 1) ^ (delta >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(from: u64, delta: u64) -> u64 {
    from.wrapping_add((delta >> 1) ^ (delta & 1).wrapping_neg())
}

/// Reads from the front of bytes; nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated { what })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, Error> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated { what })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A LEB128 number in its shortest form.
    pub(super) fn uint(&mut self, what: &'static str) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(Error::Malformed { what });
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Malformed { what })
    }

    /// A number that counts things in memory.
    pub(super) fn count(&mut self, what: &'static str) -> Result<usize, Error> {
        usize::try_from(self.uint(what)?).map_err(|_| Error::Malformed { what })
    }

    /// A column of `count` numbers.
    pub(super) fn column(&mut self, count: usize, what: &'static str) -> Result<Column<'a>, Error> {
        let width = usize::from(self.byte(what)?);
        if width > size_of::<u64>() {
            return Err(Error::Malformed { what });
        }
        let size = count.checked_mul(width).ok_or(Error::Truncated { what })?;
        Ok(Column { planes: self.take(size, what)?, count, next: 0, what })
    }

    /// Everything that was not read.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Ends reading; bytes left over are an error.
    pub(super) const fn finish(self, what: &'static str) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Trailing { what, count: self.rest.len() }) }
    }
}

/// A column being read: its values are put together one at a time, so that a column costs no memory.
#[derive(Debug)]
pub(super) struct Column<'a> {
    planes: &'a [u8],
    count: usize,
    next: usize,
    what: &'static str,
}

impl Column<'_> {
    /// The next value. Errors: past the end.
    pub(super) fn next(&mut self) -> Result<u64, Error> {
        let at = self.next;
        if at >= self.count {
            return Err(Error::Truncated { what: self.what });
        }
        self.next += 1;
        let planes = self.planes.chunks_exact(self.count);
        Ok(planes.rev().fold(0, |value, plane| value << 8 | u64::from(plane[at])))
    }

    /// The next value, as a count of things in memory.
    pub(super) fn next_count(&mut self) -> Result<usize, Error> {
        usize::try_from(self.next()?).map_err(|_| Error::Malformed { what: self.what })
    }

    /// Ends reading; values left over are an error.
    pub(super) const fn finish(self) -> Result<(), Error> {
        if self.next == self.count {
            Ok(())
        } else {
            Err(Error::Trailing { what: self.what, count: self.count - self.next })
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn numbers_round_trip_and_only_the_shortest_form_is_read() {
        for value in [0, 1, 0x7f, 0x80, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_uint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.uint("it"), Ok(value));
            assert_eq!(reader.finish("it"), Ok(()));
        }
        for bad in [&[0x80, 0x00][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], &[0x80; 11]] {
            assert_eq!(Reader::new(bad).uint("it"), Err(Error::Malformed { what: "it" }));
        }
        assert_eq!(Reader::new(&[0x80]).uint("it"), Err(Error::Truncated { what: "it" }));
    }

    #[test]
    fn columns_round_trip_and_end_where_they_should() {
        let values = vec![0, 5, 256, 0x01_0203, 7];
        let mut out = Vec::new();
        put_column(&mut out, &values);
        assert_eq!(out, [3, 0, 5, 0, 3, 7, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0]);
        let mut column = Reader::new(&out).column(5, "it").unwrap();
        let read: Vec<u64> = (0..5).map(|_| column.next().unwrap()).collect();
        assert_eq!(read, values);
        assert!(column.next().is_err());
        assert!(Reader::new(&out).column(6, "it").is_err(), "more values than bytes");
        assert!(Reader::new(&[9]).column(0, "it").is_err(), "wider than 64 bits");
    }

    #[test]
    fn zigzag_is_total_and_small_for_small_steps() {
        for (from, to) in [(0, 0), (5, 4), (5, 6), (0, u64::MAX), (u64::MAX, 0), (1 << 63, 0), (0, 1 << 63)] {
            assert_eq!(unzigzag(from, zigzag(from, to)), to);
        }
        assert_eq!((zigzag(10, 9), zigzag(10, 11), zigzag(10, 10)), (1, 2, 0));
    }
}
