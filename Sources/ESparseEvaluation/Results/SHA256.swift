// SHA-256 (FIPS 180-4), for the hashes that lm-eval's samples files carry.

/// The SHA-256 digest of bytes.
enum SHA256 {
    /// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = fractions(of: 64) { root in root * root * root }
    /// First 32 bits of the fractional parts of the square roots of the first 8 primes.
    private static let start: [UInt32] = fractions(of: 8) { root in root * root }

    /// The digest as 64 hexadecimal digits.
    static func hexadecimal(_ message: [UInt8]) -> String {
        var bytes = message + [0x80]
        bytes += [UInt8](repeating: 0, count: (120 - bytes.count % 64) % 64)
        let bitCount = UInt64(message.count) * 8
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: bitCount >> (56 - 8 * UInt64($0))) }
        var state = start
        for block in stride(from: 0, to: bytes.count, by: 64) { mix(bytes[block..<block + 64], into: &state) }
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func mix(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
        var schedule = stride(from: block.startIndex, to: block.endIndex, by: 4).map { word in
            block[word..<word + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        for index in 16..<64 {
            let (early, late) = (schedule[index - 15], schedule[index - 2])
            schedule.append(
                schedule[index - 16] &+ schedule[index - 7]
                    &+ (rotated(early, 7) ^ rotated(early, 18) ^ early >> 3)
                    &+ (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10))
        }
        var words = state
        for (constant, word) in zip(constants, schedule) {
            let (a, e) = (words[0], words[4])
            let choice = e & words[5] ^ ~e & words[6]
            let majority = a & words[1] ^ a & words[2] ^ words[1] & words[2]
            let first =
                words[7] &+ (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) &+ choice &+ constant &+ word
            let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ majority
            words = [first &+ second, a, words[1], words[2], words[3] &+ first, e, words[5], words[6]]
        }
        for index in 0..<8 { state[index] &+= words[index] }
    }

    private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

    /// The fractional parts' first 32 bits of the roots of the first primes, found by bisection in exact integers: the largest
    /// `r` with `power(r) <= prime * scale`, `r` in units of 2^-32.
    private static func fractions(of count: Int, power: (UInt128) -> UInt128) -> [UInt32] {
        let scale = power(1 << 32)
        return primes(count).map { prime in
            var low: UInt128 = 0
            var high: UInt128 = 32 << 32
            while low < high {
                let middle = (low + high + 1) / 2
                if power(middle) <= UInt128(prime) * scale { low = middle } else { high = middle - 1 }
            }
            return UInt32(truncatingIfNeeded: low)
        }
    }

    private static func primes(_ count: Int) -> [Int] {
        var primes: [Int] = []
        var candidate = 2
        while primes.count < count {
            if !primes.contains(where: { candidate % $0 == 0 }) { primes.append(candidate) }
            candidate += 1
        }
        return primes
    }
}
