// ggml's block types with fewer than four bits a value, and those whose four bits choose from a table.

import ESparseCore

extension Dequantization {
    /// The levels that IQ4's nibbles choose from; closer together near zero, where most weights are.
    private static let levels: InlineArray<16, Float> = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    /// 16 groups of 16 values; group `8 h + 2 p + s` is bits `2 p` and `2 p + 1` of bytes `32 h + 16 s` to `32 h + 16 s + 15`.
    @inline(__always)
    static func q2K(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let (scale, minimum) = unsafe (half(block, 80), half(block, 82))
        for group in 0..<16 {
            let packed = unsafe block[group]
            let (groupScale, groupMinimum) = (scale * Float(packed & 15), minimum * Float(packed >> 4))
            let pairs = unsafe block + 16 + 32 * (group / 8) + 16 * (group & 1)
            let (output, shift) = unsafe (values + 16 * group, UInt8(2 * (group % 8 / 2)))
            for index in 0..<16 {
                unsafe output[index] = groupScale * Float((pairs[index] &>> shift) & 3) - groupMinimum
            }
        }
    }

    /// Groups as in Q2_K; byte `16 s + i` of the third bits has group `8 h + 2 p + s`'s at bit `4 h + p`, 1 for no offset.
    @inline(__always)
    static func q3K(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let scale = unsafe half(block, 108)
        for group in 0..<16 {
            // Low four bits: groups 0-7 in low nibbles of the first eight bytes, 8-15 in high ones. High two: four a byte.
            let low = unsafe block[96 + group % 8] >> UInt8(4 * (group / 8)) & 15
            let high = unsafe block[104 + group % 4] >> UInt8(2 * (group / 4)) & 3
            let groupScale = scale * Float(Int32(low | high << 4) - 32)
            let pairs = unsafe block + 32 + 32 * (group / 8) + 16 * (group & 1)
            let thirds = unsafe block + 16 * (group & 1)
            let (shift, bit) = (UInt8(2 * (group % 8 / 2)), UInt8(group / 2))
            let output = unsafe values + 16 * group
            for index in 0..<16 {
                let pair = unsafe Int32((pairs[index] &>> shift) & 3)
                let offset = unsafe 4 - 4 * Int32((thirds[index] &>> bit) & 1)
                unsafe output[index] = groupScale * Float(pair - offset)
            }
        }
    }

    @inline(__always)
    static func iq4NonLinear(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        unsafe choose(block + 2, scale: half(block, 0), values)
    }

    @inline(__always)
    static func iq4Small(_ block: UnsafePointer<UInt8>, _ values: UnsafeMutablePointer<Float>) {
        let scale = unsafe half(block, 0)
        let highs = unsafe UInt16(block[2]) | UInt16(block[3]) << 8
        for group in 0..<8 {
            let low = unsafe block[4 + group / 2] >> UInt8(4 * (group % 2)) & 15
            let high = UInt8(highs >> UInt16(2 * group) & 3)
            let groupScale = scale * Float(Int32(low | high << 4) - 32)
            unsafe choose(block + 8 + 16 * group, scale: groupScale, values + 32 * group)
        }
    }

    /// 32 values from 16 bytes: low nibbles are values 0-15, high nibbles 16-31.
    @inline(__always)
    private static func choose(
        _ nibbles: UnsafePointer<UInt8>, scale: Float, _ values: UnsafeMutablePointer<Float>
    ) {
        for index in 0..<16 {
            let byte = unsafe Int(nibbles[index])
            unsafe values[index] = scale * levels[byte & 15]
            unsafe values[16 &+ index] = scale * levels[byte >> 4]
        }
    }
}
