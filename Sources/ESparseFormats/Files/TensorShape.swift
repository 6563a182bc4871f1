// Checks shapes from files before anything multiplies their dimensions.

/// Shapes that come from files.
package enum TensorShape {
    /// The product of the dimensions, or nil when one is negative or any partial product overflows.
    ///
    /// Zeros are left out of the overflow check, so that `[0, 2^40, 2^40]` is refused too: code that multiplies only the
    /// columns must not trap.
    package static func elementCount(_ shape: [Int]) -> Int? {
        var product = 1
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: max(dimension, 1))
            guard !overflow else { return nil }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }
}
