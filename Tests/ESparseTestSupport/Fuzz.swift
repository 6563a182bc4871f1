// Seeded mutations of sound inputs: reading one must end in a value or an error, never in a crash.

import ESparseCore
import FoundationEssentials

/// A fuzz of one reader. Deterministic: iteration `i` of a stream and round is always the same input, so that a crash is reproduced
/// by running as many again.
package struct Fuzz {
    /// Inputs to mutate, taken in turn.
    package let seeds: [[UInt8]]
    /// Tells the random numbers of this fuzz from those of others.
    package let stream: UInt64
    /// Bytes at the start of a seed that most mutations go to: where its structure is.
    package let headLength: Int
    /// How many inputs are made.
    package let iterations: Int
    /// Text that means something to the reader and is put in here and there.
    private let pieces: [String]
    /// Other rounds make other inputs.
    private let round: UInt64

    /// Describes a fuzz; in the environment ESPARSE_FUZZ_ITERATIONS overrides `iterations`, and ESPARSE_FUZZ_ROUND is the round,
    /// 0 where it is absent.
    package init(
        seeds: [[UInt8]], stream: UInt64, headLength: Int = 4096, iterations: Int, pieces: [String] = Fuzz.jsonPieces
    ) {
        self.seeds = seeds
        self.pieces = pieces
        self.stream = stream
        self.headLength = headLength
        let environment = ProcessInfo.processInfo.environment
        self.iterations = environment["ESPARSE_FUZZ_ITERATIONS"].flatMap { Int($0) } ?? iterations
        round = environment["ESPARSE_FUZZ_ROUND"].flatMap { UInt64($0) } ?? 0
    }

    /// Runs `read` on mutations and counts those it accepted, so that a fuzz that tests nothing is noticed; errors go to
    /// `refused`.
    package func run(
        _ read: ([UInt8]) throws -> Void, refused: (any Error, [UInt8]) -> Void = { _, _ in }
    ) -> (accepted: Int, refused: Int) {
        var random = SeededRandom(seed: 20_231_015 + round, stream: stream)
        var accepted = 0
        for iteration in 0..<iterations {
            let bytes = mutate(seeds[iteration % seeds.count], &random)
            do {
                try read(bytes)
                accepted += 1
            } catch {
                refused(error, bytes)
            }
        }
        print("fuzz stream \(stream), round \(round): \(iterations) inputs, \(accepted) accepted")
        return (accepted, iterations - accepted)
    }

    /// Numbers at the edges of what lengths and offsets can be.
    private static let edges: [UInt64] = [
        0, 1, 7, 31, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 32, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 7, .max,
    ]

    /// Text that means something to a JSON reader.
    package static let jsonPieces = [
        "{", "}", "[", "]", "\"", ",", ":", "-", "1e9", "1e-9", "9223372036854775807", "99999999", "\\u", "\"\\u0000\"",
        "null", "true", "0", "\"\"", "{}",
    ]

    /// One to four mutations: flipped bits, edge values, cuts, repeats, insertions, and swapped digits in text.
    private func mutate(_ original: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = original
        for _ in 0...random.integer(below: 4) where !bytes.isEmpty {
            let range = random.integer(below: 8) == 0 ? bytes.count : min(bytes.count, headLength)
            let place = random.integer(below: range)
            switch random.integer(below: 8) {
            case 0: bytes[place] ^= 1 << UInt8(random.integer(below: 8))
            case 1: bytes[place] = UInt8(random.integer(below: 256))
            case 2:
                let edge = Self.edges[random.integer(below: Self.edges.count)]
                let width = [2, 4, 8][random.integer(below: 3)]
                for offset in 0..<width where place + offset < bytes.count {
                    bytes[place + offset] = UInt8(truncatingIfNeeded: edge >> UInt64(8 * offset))
                }
            case 3: bytes.removeLast(random.integer(below: bytes.count))
            case 4:
                let end = min(bytes.count, place + 1 + random.integer(below: 40))
                bytes.removeSubrange(place..<end)
            case 5:
                let end = min(bytes.count, place + 1 + random.integer(below: 40))
                let other = random.integer(below: range)
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: other)
            case 6: bytes.insert(contentsOf: pieces[random.integer(below: pieces.count)].utf8, at: place)
            default:
                if let digit = bytes[place...].firstIndex(where: { $0 >= 0x30 && $0 <= 0x39 }) {
                    bytes[digit] = 0x30 + UInt8(random.integer(below: 10))
                }
            }
        }
        return bytes
    }
}
