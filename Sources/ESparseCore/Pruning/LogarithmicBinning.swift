// Bins that widen with a number's magnitude, as the devices' kernels count them.

/// Bins by sign, exponent and leading fraction bits.
///
/// Each octave `[2^e, 2^(e+1))` with `e` in `exponents` has `2^fractionBits` equal bins; smaller magnitudes count in the first bin of
/// their sign, larger ones and values that are not numbers in the last. Bins `[0, half)` are those of positive values in rising order
/// of magnitude, `[half, 2 * half)` those of negative values (and -0).
package struct LogarithmicBinning: Sendable, Equatable {
    /// Octaves that have bins of their own, in -126...127.
    package let exponents: ClosedRange<Int>
    /// Binary logarithm of the bins of an octave, in 0...8.
    package let fractionBits: Int

    /// Describes bins.
    package init(exponents: ClosedRange<Int>, fractionBits: Int) {
        precondition(exponents.lowerBound >= -126 && exponents.upperBound <= 127 && (0...8).contains(fractionBits))
        self.exponents = exponents
        self.fractionBits = fractionBits
    }

    /// Bins of one sign.
    package var half: Int { exponents.count << fractionBits }
    /// Bins of a channel.
    package var bins: Int { 2 * half }
}
