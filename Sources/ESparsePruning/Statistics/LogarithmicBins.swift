// Bins that widen with the number's magnitude: one pass over the data fills them, whatever its range.

package import ESparseCore

/// Bins by sign, exponent and the top two fraction bits of a single, four a power of two.
///
/// Each sign has one bin for magnitudes below `2^-24`, then four for every exponent in `[-24, 16)`; larger magnitudes fall
/// in the last. Negative numbers come first.
public enum LogarithmicBins {
    /// Leading fraction bits that choose the bin within an octave.
    public static let fractionBits = 2
    /// Exponent of the least magnitude that has bins of its own.
    public static let leastExponent = -24
    /// Exponent past the greatest magnitude that has bins of its own.
    public static let exponentLimit = 16
    /// Bins of one sign.
    public static let countPerSign = 1 + ((exponentLimit - leastExponent) << fractionBits)
    /// Bins in all.
    public static let count = 2 * countPerSign

    /// The bins that kernels count in: one octave more, all of which belongs in the bin of the smallest magnitudes.
    package static let kernelBinning = LogarithmicBinning(
        exponents: (leastExponent - 1)...(exponentLimit - 1), fractionBits: fractionBits)

    /// Bin of a number, in `[0, count)`; a NaN falls in an outermost bin.
    @inlinable
    public static func bin(of value: Float) -> Int {
        let bits = value.bitPattern
        let step = Int((bits & 0x7FFF_FFFF) >> UInt32(23 - fractionBits)) - ((127 + leastExponent) << fractionBits)
        let magnitude = min(max(step + 1, 0), countPerSign - 1)
        return bits >> 31 == 0 ? countPerSign + magnitude : magnitude
    }

    /// Width of a bin, in the unit of the values.
    public static func width(of bin: Int) -> Double {
        precondition(bin >= 0 && bin < count)
        let magnitude = bin % countPerSign
        let exponent = leastExponent + max(magnitude - 1, 0) >> fractionBits
        return magnitude == 0
            ? Double(sign: .plus, exponent: leastExponent, significand: 1)
            : Double(sign: .plus, exponent: exponent - fractionBits, significand: 1)
    }
}
