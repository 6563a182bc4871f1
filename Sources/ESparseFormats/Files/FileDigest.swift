// SHA-256 of files, by which a pruned checkpoint names its inputs.

package import ESparseCore

/// SHA-256 (FIPS 180-4).
package enum FileDigest {
    /// The digest of a file's bytes, 64 hexadecimal digits.
    ///
    /// Pages of the mapped file are let go while reading, so hashing a large checkpoint keeps little resident.
    package static func sha256(ofFile path: String) throws(FileError) -> String {
        let storage = try ByteStorage(mapping: path)
        var state = State()
        let window = 64 << 20
        let wholeBytes = storage.byteCount / 64 * 64
        var start = 0
        while start < wholeBytes {
            let range = start..<min(start + window, wholeBytes)
            unsafe storage.withUnsafeBytes { unsafe state.update(UnsafeRawBufferPointer(rebasing: $0[range])) }
            storage.releaseResidentPages(in: range)
            start = range.upperBound
        }
        let rest = unsafe storage.withUnsafeBytes { unsafe Array($0[wholeBytes...]) }
        return state.finish(rest, byteCount: storage.byteCount)
    }

    /// The digest of bytes, 64 hexadecimal digits.
    package static func sha256(of bytes: [UInt8]) -> String {
        var state = State()
        let wholeBytes = bytes.count / 64 * 64
        unsafe bytes.withUnsafeBytes { unsafe state.update(UnsafeRawBufferPointer(rebasing: $0[..<wholeBytes])) }
        return state.finish(Array(bytes[wholeBytes...]), byteCount: bytes.count)
    }

    /// The eight words of the hash so far.
    private struct State {
        var words: InlineArray<8, UInt32> = [
            0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
        ]

        /// Takes in whole blocks of 64 bytes.
        mutating func update(_ bytes: UnsafeRawBufferPointer) {
            precondition(bytes.count % 64 == 0)
            let constants = FileDigest.roundConstants
            var schedule = InlineArray<64, UInt32>(repeating: 0)
            for block in 0..<(bytes.count / 64) {
                for index in 0..<16 {
                    let word = unsafe bytes.loadUnaligned(fromByteOffset: block &* 64 &+ index &* 4, as: UInt32.self)
                    schedule[index] = UInt32(bigEndian: word)
                }
                for index in 16..<64 {
                    let (early, late) = (schedule[index &- 15], schedule[index &- 2])
                    let sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ (early &>> 3)
                    let sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ (late &>> 10)
                    schedule[index] = schedule[index &- 16] &+ sigma0 &+ schedule[index &- 7] &+ sigma1
                }
                var (a, b, c, d) = (words[0], words[1], words[2], words[3])
                var (e, f, g, h) = (words[4], words[5], words[6], words[7])
                for index in 0..<64 {
                    let sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
                    let choice = (e & f) ^ (~e & g)
                    let first = h &+ sum1 &+ choice &+ constants[index] &+ schedule[index]
                    let sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
                    let majority = (a & b) ^ (a & c) ^ (b & c)
                    (h, g, f, e) = (g, f, e, d &+ first)
                    (d, c, b, a) = (c, b, a, first &+ sum0 &+ majority)
                }
                let mixed: InlineArray<8, UInt32> = [a, b, c, d, e, f, g, h]
                for index in 0..<8 { words[index] &+= mixed[index] }
            }
        }

        @inline(__always)
        private func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word &>> count | word &<< (32 &- count) }

        /// Pads the bytes after the last whole block and returns the digest in hexadecimal.
        mutating func finish(_ rest: [UInt8], byteCount: Int) -> String {
            var tail = rest + [0x80]
            while tail.count % 64 != 56 { tail.append(0) }
            let bitCount = UInt64(byteCount) * 8
            for shift in stride(from: 56, through: 0, by: -8) {
                tail.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
            }
            unsafe tail.withUnsafeBytes { unsafe update($0) }
            return (0..<8).map { index in
                let digits = String(words[index], radix: 16)
                return String(repeating: "0", count: 8 - digits.count) + digits
            }.joined()
        }
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let roundConstants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
