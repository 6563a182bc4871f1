// The token sequences that calibration runs on, cut from documents.

import ESparseCore

/// Token sequences of equal length.
public struct CalibrationSet: Sendable, Equatable {
    /// Token ids `[samples, sequence length]`.
    public let sequences: [[Int32]]

    /// Takes sequences as they are, such as the model's own samples.
    public init(sequences: [[Int32]]) { self.sequences = sequences }

    /// Cuts `sampleCount` sequences at seeded random offsets out of the documents, joined with `separator` (EOS) between
    /// them.
    ///
    /// The sequences do not overlap, so every token is used at most once: the tokens to spare are dealt at random to the
    /// gaps before, between and after them. Sequences come in the order of the text.
    ///
    /// - Throws: `CalibrationError.tooLittleText` when the documents are shorter than all sequences together.
    public init(
        documents: [[Int32]], separator: Int32?, sampleCount: Int, sequenceLength: Int, seed: UInt64
    ) throws(CalibrationError) {
        let (stream, starts) = try Self.cut(
            documents, separator: separator, sampleCount: sampleCount, sequenceLength: sequenceLength, seed: seed)
        sequences = starts.map { Array(stream[$0..<$0 + sequenceLength]) }
    }

    /// Cuts `count` sequences out of what the calibration set of the same other arguments leaves: none of its tokens is in
    /// them. They lie as evenly in the text as it allows.
    ///
    /// - Throws: `CalibrationError` when the documents are too short for both.
    public static func heldOut(
        _ count: Int, documents: [[Int32]], separator: Int32?, sampleCount: Int, sequenceLength: Int, seed: UInt64
    ) throws(CalibrationError) -> CalibrationSet {
        precondition(count > 0)
        let (stream, starts) = try cut(
            documents, separator: separator, sampleCount: sampleCount, sequenceLength: sequenceLength, seed: seed)
        var places: [Int] = []
        var free = 0
        for start in starts + [stream.count] {
            places += stride(from: free, through: start - sequenceLength, by: sequenceLength)
            free = start + sequenceLength
        }
        guard places.count >= count else {
            throw .tooLittleHeldOutText(needed: count, found: places.count, length: sequenceLength)
        }
        return CalibrationSet(
            sequences: (0..<count).map { index in
                let start = places[index * places.count / count]
                return Array(stream[start..<start + sequenceLength])
            })
    }

    /// The joined documents, and where in them the sequences of a calibration set start.
    private static func cut(
        _ documents: [[Int32]], separator: Int32?, sampleCount: Int, sequenceLength: Int, seed: UInt64
    ) throws(CalibrationError) -> (stream: [Int32], starts: [Int]) {
        precondition(sampleCount > 0 && sequenceLength > 0)
        var stream: [Int32] = []
        for document in documents where !document.isEmpty {
            if !stream.isEmpty, let separator { stream.append(separator) }
            stream.append(contentsOf: document)
        }
        let needed = sampleCount * sequenceLength
        guard stream.count >= needed else {
            throw .tooLittleText(needed: needed, found: stream.count, samples: sampleCount, length: sequenceLength)
        }
        var random = SeededRandom(seed: seed)
        let gaps = (0..<sampleCount).map { _ in random.integer(below: stream.count - needed + 1) }.sorted()
        return (stream, gaps.enumerated().map { $1 + $0 * sequenceLength })
    }
}

extension CalibrationSet {
    /// This set and, after it, `sequenceCount` sequences of tokens out of it, evenly spaced, each to be read as the first token of a
    /// text.
    ///
    /// The first token of a text is where many models park attention: an early layer gives it enormous values (Sun et al., Massive
    /// Activations in Large Language Models, arXiv 2402.17762). In sequences of 2,048 tokens it is one in 2,048, so masks are
    /// chosen as if it did not matter, and a text whose first token lost these values is read badly to its end.
    package func appendingFirstTokens(sequenceCount: Int) -> CalibrationSet {
        precondition(sequenceCount <= sequences.count)
        let tokens = Array(sequences.joined())
        let added = (0..<sequenceCount).map { number in
            let length = sequences[number].count
            return (0..<length).map { tokens[(number * length + $0) * sequences.count / sequenceCount] }
        }
        return CalibrationSet(sequences: sequences + added)
    }

    /// The tokens as 32-bit little-endian integers, `[samples, sequence length]`.
    package var littleEndianBytes: [UInt8] {
        sequences.joined().flatMap { token in (0..<4).map { UInt8(truncatingIfNeeded: token >> (8 * $0)) } }
    }

    /// Reads what `littleEndianBytes` wrote, or returns nil where the bytes do not fill whole sequences.
    package init?(littleEndian bytes: [UInt8], sequenceLength: Int) {
        guard sequenceLength > 0, bytes.count % (4 * sequenceLength) == 0 else { return nil }
        sequences = stride(from: 0, to: bytes.count, by: 4 * sequenceLength).map { start in
            (0..<sequenceLength).map { token in
                let first = start + 4 * token
                let bits = bytes[first..<(first + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                return Int32(bitPattern: bits)
            }
        }
    }
}

/// Calibration cannot start.
public enum CalibrationError: Error, Equatable, CustomStringConvertible {
    /// The documents do not hold enough tokens.
    case tooLittleText(needed: Int, found: Int, samples: Int, length: Int)
    /// What the calibration set leaves of the documents is not enough for the held-out sequences.
    case tooLittleHeldOutText(needed: Int, found: Int, length: Int)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .tooLittleText(let needed, let found, let samples, let length):
            """
            the calibration text holds \(found) tokens, but \(samples) samples of \(length) need \(needed): \
            \(needed - found) are missing; give more text, or lower --samples or --sequence-length
            """
        case .tooLittleHeldOutText(let needed, let found, let length):
            """
            between the calibration samples there is room for \(found) held-out sequences of \(length) tokens, but --budget \
            needs \(needed); give more text, or lower --samples or --sequence-length
            """
        }
    }
}
