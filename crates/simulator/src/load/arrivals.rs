//! Numbers as they arrive: what is missing between them.

/// Frames of one direction of a call, by their numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrivals {
    /// Frames that came.
    pub(crate) came: u64,
    /// One more than the highest number.
    pub(crate) up_to: u64,
    /// Frames that came a second time, or after a later one.
    pub(crate) out_of_order: u64,
}

impl Arrivals {
    /// A frame came.
    pub(crate) fn note(&mut self, sequence: u32) {
        let sequence = u64::from(sequence);
        self.came += 1;
        if sequence < self.up_to {
            self.out_of_order += 1;
        }
        self.up_to = self.up_to.max(sequence + 1);
    }

    /// Frames that did not come although later ones did.
    pub(crate) fn missing(&self) -> u64 {
        self.up_to.saturating_sub(self.came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_missing_and_the_end_is_not() {
        let mut arrivals = Arrivals::default();
        for sequence in [0, 1, 4, 3] {
            arrivals.note(sequence);
        }
        assert_eq!(arrivals.missing(), 1);
        assert_eq!(arrivals.out_of_order, 1);
    }
}
