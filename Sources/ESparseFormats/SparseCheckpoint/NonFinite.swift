// Finds NaN and infinity in a weight before anything is computed from it.

package import ESparseCore

/// The index of the first NaN or infinity of a floating-point tensor, or nil where all values are finite (integer tensors
/// always are). Row-major; one pass that vectorises.
package func firstNonFinite(in tensor: Tensor) -> Int? {
    unsafe tensor.withUnsafeBytes { bytes in
        switch tensor.elementType {
        case .float32: unsafe firstWithAllBits(of: 0x7F80_0000 as UInt32, in: bytes)
        case .float16: unsafe firstWithAllBits(of: 0x7C00 as UInt16, in: bytes)
        case .bfloat16: unsafe firstWithAllBits(of: 0x7F80 as UInt16, in: bytes)
        case .uint8, .int32, .int64: nil
        }
    }
}

/// The index of the first element whose bits under `exponent` are all set.
private func firstWithAllBits<Bits: FixedWidthInteger & BitwiseCopyable>(
    of exponent: Bits, in bytes: UnsafeRawBufferPointer
) -> Int? {
    let count = bytes.count / MemoryLayout<Bits>.size
    guard count > 0, let base = bytes.baseAddress else { return nil }
    let chunk = 4096
    var start = 0
    while start < count {
        let end = min(start + chunk, count)
        var found: Bits = 0
        for index in start..<end {
            let bits = unsafe base.loadUnaligned(fromByteOffset: index &* MemoryLayout<Bits>.size, as: Bits.self)
            found |= bits & exponent == exponent ? 1 : 0
        }
        if found != 0 {
            return (start..<end).first { index in
                let bits = unsafe base.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
                return bits & exponent == exponent
            }
        }
        start = end
    }
    return nil
}
