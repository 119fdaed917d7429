//! Vectors as they lie in a file: kept in the form they came in, read row by row.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// Why a file has no vectors.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnusableTensor {
    #[error("it is no safetensors file ({0})")]
    NoTensors(String),
    #[error("it has no tensor named embeddings")]
    NoVectors,
    #[error("its embeddings are no table")]
    NoTable,
    #[error("its numbers are {0:?}; F32, F16 and I8 can be read")]
    Numbers(Dtype),
}

/// Rows of numbers.
pub(super) struct Matrix {
    bytes: Vec<u8>,
    /// Where in `bytes` the first row begins.
    begin: usize,
    rows: usize,
    columns: usize,
    numbers: Numbers,
}

#[derive(Clone, Copy)]
enum Numbers {
    F32,
    F16,
    I8,
}

impl Numbers {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::I8 => 1,
        }
    }
}

impl Matrix {
    /// The first tensor of these names.
    pub(super) fn of(bytes: Vec<u8>, names: &[&str]) -> Result<Self, UnusableTensor> {
        let (begin, rows, columns, numbers) = {
            let tensors = SafeTensors::deserialize(&bytes)
                .map_err(|error| UnusableTensor::NoTensors(error.to_string()))?;
            let tensor = names.iter().find_map(|name| tensors.tensor(name).ok());
            let tensor = tensor.ok_or(UnusableTensor::NoVectors)?;
            let &[rows, columns] = tensor.shape() else { return Err(UnusableTensor::NoTable) };
            if rows == 0 || columns == 0 {
                return Err(UnusableTensor::NoTable);
            }
            let numbers = match tensor.dtype() {
                Dtype::F32 => Numbers::F32,
                Dtype::F16 => Numbers::F16,
                Dtype::I8 => Numbers::I8,
                other => return Err(UnusableTensor::Numbers(other)),
            };
            (tensor.data().as_ptr().addr() - bytes.as_ptr().addr(), rows, columns, numbers)
        };
        Ok(Self { bytes, begin, rows, columns, numbers })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Adds a row, so often, to `sum`; a row that is not there adds nothing.
    pub(super) fn add(&self, row: usize, weight: f32, sum: &mut [f32]) {
        let width = self.numbers.bytes() * self.columns;
        let Some(bytes) = (row < self.rows).then(|| &self.bytes[self.begin + row * width..][..width]) else {
            return;
        };
        let numbers = bytes.chunks_exact(self.numbers.bytes()).map(|number| match (self.numbers, number) {
            (Numbers::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Numbers::F16, &[a, b]) => of_half(u16::from_le_bytes([a, b])),
            (_, number) => f32::from(i8::from_le_bytes([number[0]])),
        });
        sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += weight * number);
    }
}

/// A tensor's numbers, of whatever precision.
pub(super) fn numbers(tensor: &TensorView<'_>) -> Result<Vec<f32>, UnusableTensor> {
    let data = tensor.data();
    Ok(match tensor.dtype() {
        Dtype::F64 => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| of_half(u16::from_le_bytes(bytes))).collect(),
        other => return Err(UnusableTensor::Numbers(other)),
    })
}

/// A tensor's whole numbers; one below zero is none's place.
pub(super) fn whole_numbers(tensor: &TensorView<'_>) -> Result<Vec<usize>, UnusableTensor> {
    let data = tensor.data();
    let place = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(match tensor.dtype() {
        Dtype::I64 => data.as_chunks().0.iter().map(|&bytes| place(i64::from_le_bytes(bytes))).collect(),
        Dtype::I32 => {
            data.as_chunks().0.iter().map(|&bytes| place(i32::from_le_bytes(bytes).into())).collect()
        }
        other => return Err(UnusableTensor::Numbers(other)),
    })
}

/// A number of 16 bits (IEEE 754).
fn of_half(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1F), f32::from(half & 0x03FF));
    match exponent {
        0 => sign * fraction * 2_f32.powi(-24),
        0x1F if fraction == 0.0 => sign * f32::INFINITY,
        0x1F => f32::NAN,
        _ => sign * (1.0 + fraction / 1_024.0) * 2_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_16_bits_are_what_they_are() {
        for (half, expect) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7BFF, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x7C00, f32::INFINITY),
        ] {
            assert_eq!(of_half(half), expect, "{half:04x}");
        }
        assert!(of_half(0x7E00).is_nan());
    }
}
