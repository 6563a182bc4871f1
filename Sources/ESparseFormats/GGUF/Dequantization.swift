// Dequantises ggml's block types to singles, with the arithmetic of ggml's reference in the same order.

import ESparseCore

/// Expands quantised blocks.
///
/// Layouts (bytes of a block, in order; f16 is an IEEE half, everything little endian):
/// - Q4_0: f16 d, 16 bytes of nibbles; `x = d (q - 8)`. Low nibbles are values 0-15, high nibbles 16-31.
/// - Q4_1: f16 d, f16 m, 16 bytes of nibbles; `x = d q + m`.
/// - Q5_0, Q5_1: as Q4, with 4 bytes of fifth bits before the nibbles; Q5_0 subtracts 16.
/// - Q8_0: f16 d, 32 signed bytes; `x = d q`.
/// - Q2_K: 16 bytes with a four-bit scale (low) and minimum (high) each, 64 bytes of bit pairs, f16 d, f16 dmin.
/// - Q3_K: 32 bytes of third bits, 64 bytes of bit pairs, 12 bytes with 16 six-bit scales, f16 d.
/// - Q4_K: f16 d, f16 dmin, 12 bytes with 8 six-bit scales and minima, 128 bytes of nibbles.
/// - Q5_K: as Q4_K with 32 bytes of fifth bits before the nibbles.
/// - Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, f16 d.
/// - IQ4_NL: f16 d, 16 bytes of nibbles, which choose one of 16 levels; `x = d level`.
/// - IQ4_XS: f16 d, 2 bytes with the high and 4 with the low parts of 8 six-bit scales, 128 bytes of nibbles as in IQ4_NL.
enum Dequantization {
    /// Expands whole blocks of a quantised type; sizes are the caller's responsibility.
    static func dequantize(
        _ type: GGMLType, _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) {
        let blockCount = input.count / type.blockByteCount
        precondition(output.count == blockCount * type.blockSize * 4)
        guard blockCount > 0, let source = input.baseAddress, let target = output.baseAddress else { return }
        let bytes = unsafe source.assumingMemoryBound(to: UInt8.self)
        let values = unsafe target.bindMemory(to: Float.self, capacity: blockCount * type.blockSize)
        switch type {
        case .q4Zero: unsafe each(blockCount, type, bytes, values, q4Zero)
        case .q4One: unsafe each(blockCount, type, bytes, values, q4One)
        case .q5Zero: unsafe each(blockCount, type, bytes, values, q5Zero)
        case .q5One: unsafe each(blockCount, type, bytes, values, q5One)
        case .q8Zero: unsafe each(blockCount, type, bytes, values, q8Zero)
        case .q2K: unsafe each(blockCount, type, bytes, values, q2K)
        case .q3K: unsafe each(blockCount, type, bytes, values, q3K)
        case .q4K: unsafe each(blockCount, type, bytes, values, q4K)
        case .q5K: unsafe each(blockCount, type, bytes, values, q5K)
        case .q6K: unsafe each(blockCount, type, bytes, values, q6K)
        case .iq4NonLinear: unsafe each(blockCount, type, bytes, values, iq4NonLinear)
        case .iq4Small: unsafe each(blockCount, type, bytes, values, iq4Small)
        case .f32, .f16, .bf16: preconditionFailure("not a quantised type")
        }
    }

    @inline(__always)
    private static func each(
        _ blockCount: Int, _ type: GGMLType, _ bytes: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>,
        _ expand: (UnsafePointer<UInt8>, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (byteStride, valueStride) = (type.blockByteCount, type.blockSize)
        for block in 0..<blockCount {
            unsafe expand(bytes + block &* byteStride, values + block &* valueStride)
        }
    }

    /// The half at an offset of a block, as a single.
    @inline(__always)
    static func half(_ bytes: UnsafePointer<UInt8>, _ offset: Int) -> Float {
        unsafe Half.float(UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafePointer<UInt8>, _ offset: Int) -> UInt32 {
        unsafe UInt32(littleEndian: UnsafeRawPointer(bytes + offset).loadUnaligned(as: UInt32.self))
    }

    @inline(__always)
    private static func q4Zero(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let scale = unsafe half(block, 0)
        for index in 0..<16 {
            let byte = unsafe Int32(block[2 &+ index])
            unsafe values[index] = Float((byte & 15) &- 8) * scale
            unsafe values[16 &+ index] = Float((byte >> 4) &- 8) * scale
        }
    }

    @inline(__always)
    private static func q4One(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let (scale, minimum) = unsafe (half(block, 0), half(block, 2))
        for index in 0..<16 {
            let byte = unsafe Int32(block[4 &+ index])
            unsafe values[index] = Float(byte & 15) * scale + minimum
            unsafe values[16 &+ index] = Float(byte >> 4) * scale + minimum
        }
    }

    @inline(__always)
    private static func q5Zero(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let (scale, fifths) = unsafe (half(block, 0), word(block, 2))
        for index in 0..<16 {
            let byte = unsafe UInt32(block[6 &+ index])
            let low = (byte & 15) | ((fifths >> UInt32(index)) & 1) << 4
            let high = (byte >> 4) | ((fifths >> UInt32(16 &+ index)) & 1) << 4
            unsafe values[index] = Float(Int32(bitPattern: low) &- 16) * scale
            unsafe values[16 &+ index] = Float(Int32(bitPattern: high) &- 16) * scale
        }
    }

    @inline(__always)
    private static func q5One(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let (scale, minimum, fifths) = unsafe (half(block, 0), half(block, 2), word(block, 4))
        for index in 0..<16 {
            let byte = unsafe UInt32(block[8 &+ index])
            let low = (byte & 15) | ((fifths >> UInt32(index)) & 1) << 4
            let high = (byte >> 4) | ((fifths >> UInt32(16 &+ index)) & 1) << 4
            unsafe values[index] = Float(Int32(bitPattern: low)) * scale + minimum
            unsafe values[16 &+ index] = Float(Int32(bitPattern: high)) * scale + minimum
        }
    }

    @inline(__always)
    private static func q8Zero(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let scale = unsafe half(block, 0)
        for index in 0..<32 {
            unsafe values[index] = Float(Int32(Int8(bitPattern: block[2 &+ index]))) * scale
        }
    }

    /// Scale and minimum of 32 values of a Q4_K or Q5_K block: two halves, times the six-bit numbers of the 12 bytes behind.
    @inline(__always)
    private static func scaleAndMinimum(_ block: UnsafePointer<UInt8>, _ part: Int) -> (scale: Float, minimum: Float) {
        let packed = unsafe block + 4
        var (scale, minimum) = unsafe (packed[part] & 63, packed[part + 4] & 63)
        if part >= 4 {
            scale = unsafe packed[part + 4] & 15 | (packed[part - 4] >> 6) << 4
            minimum = unsafe packed[part + 4] >> 4 | (packed[part] >> 6) << 4
        }
        return unsafe (half(block, 0) * Float(scale), half(block, 2) * Float(minimum))
    }

    @inline(__always)
    private static func q4K(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        for pair in 0..<4 {
            let (scale1, minimum1) = unsafe scaleAndMinimum(block, 2 * pair)
            let (scale2, minimum2) = unsafe scaleAndMinimum(block, 2 * pair + 1)
            let (nibbles, output) = unsafe (block + 16 + 32 * pair, values + 64 * pair)
            for index in 0..<32 {
                let byte = unsafe Int32(nibbles[index])
                unsafe output[index] = scale1 * Float(byte & 15) - minimum1
                unsafe output[32 &+ index] = scale2 * Float(byte >> 4) - minimum2
            }
        }
    }

    @inline(__always)
    private static func q5K(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let fifths = unsafe block + 16
        for pair in 0..<4 {
            let (scale1, minimum1) = unsafe scaleAndMinimum(block, 2 * pair)
            let (scale2, minimum2) = unsafe scaleAndMinimum(block, 2 * pair + 1)
            let (nibbles, output) = unsafe (block + 48 + 32 * pair, values + 64 * pair)
            let shift = Int32(2 * pair)
            for index in 0..<32 {
                let byte = unsafe Int32(nibbles[index])
                let bits = unsafe Int32(fifths[index]) &>> shift
                unsafe output[index] = scale1 * Float(byte & 15 | (bits & 1) << 4) - minimum1
                unsafe output[32 &+ index] = scale2 * Float(byte >> 4 | (bits & 2) << 3) - minimum2
            }
        }
    }

    @inline(__always)
    private static func q6K(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let scale = unsafe half(block, 208)
        for half in 0..<2 {
            let (nibbles, pairs) = unsafe (block + 64 * half, block + 128 + 32 * half)
            let (scales, output) = unsafe (block + 192 + 8 * half, values + 128 * half)
            for part in 0..<2 {
                let scale0 = unsafe scale * Float(Int8(bitPattern: scales[part]))
                let scale1 = unsafe scale * Float(Int8(bitPattern: scales[part + 2]))
                let scale2 = unsafe scale * Float(Int8(bitPattern: scales[part + 4]))
                let scale3 = unsafe scale * Float(Int8(bitPattern: scales[part + 6]))
                for index in (16 * part)..<(16 * part + 16) {
                    let (low, high) = unsafe (Int32(nibbles[index]), Int32(nibbles[32 &+ index]))
                    let bits = unsafe Int32(pairs[index])
                    unsafe output[index] = scale0 * Float((low & 15 | (bits & 3) << 4) &- 32)
                    unsafe output[32 &+ index] = scale1 * Float((high & 15 | (bits & 12) << 2) &- 32)
                    unsafe output[64 &+ index] = scale2 * Float((low >> 4 | bits & 48) &- 32)
                    unsafe output[96 &+ index] = scale3 * Float((high >> 4 | (bits & 192) >> 2) &- 32)
                }
            }
        }
    }
}
