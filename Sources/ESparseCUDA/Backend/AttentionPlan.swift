// Cuts the attention of a batch into launches: segments of many tokens run on tensor cores, all others together.

package import ESparseCore

/// The launches of one attention.
package struct AttentionPlan: Equatable {
    /// Tokens that one launch handles.
    package struct Part: Equatable {
        /// What handles them.
        package enum Kernel: Equatable {
            /// One segment on tiles: its slot in the cache and its first token's position.
            case tiled(sequence: Int, start: Int)
            /// Tokens of any sequences, the keys of each cut in this many splits.
            case few(splits: Int)
        }

        /// Rows of the batch.
        package var tokens: Range<Int>
        /// What handles them.
        package let kernel: Kernel

        /// Puts a part together.
        package init(tokens: Range<Int>, kernel: Kernel) {
            self.tokens = tokens
            self.kernel = kernel
        }
    }

    /// In the order of their tokens.
    package let parts: [Part]

    /// Head sizes that the tiled kernel is compiled for.
    static let tiledHeadSizes: Set<Int> = [64, 80, 96, 128]
    /// The largest head that the kernel of few tokens takes.
    static let mostHeadSize = 256
    /// Segments of up to this many tokens would leave tiles of 64 mostly empty.
    static let fewTokens = 16
    /// Positions of a split: always the same, so that a token's result does not depend on what else is in its batch.
    static let splitLength = 256
    /// Bytes of partial results that one launch may take; tokens beyond go in another.
    package static let mostPartBytes = 64 << 20

    /// Splits that hold a number of positions.
    static func splits(positionCount: Int) -> Int { (positionCount + splitLength - 1) / splitLength }

    /// Splits that hold a window, wherever it starts.
    private static func splits(window: Int?) -> Int {
        window.map { splits(positionCount: min($0, Int(Int32.max)) - 1) + 1 } ?? .max
    }

    /// Cuts a batch. `leastSplits`: splits of launches of few tokens at least, as far as the attention's window needs them; those without
    /// positions are empty and change no result.
    package init(_ batch: TokenBatch, headCount: Int, headSize: Int, window: Int? = nil, leastSplits: Int = 1) {
        var parts: [Part] = []
        var token = 0
        for segment in batch.segments {
            let range = token..<token + segment.count
            token += segment.count
            if segment.count > Self.fewTokens && Self.tiledHeadSizes.contains(headSize) {
                parts.append(Part(tokens: range, kernel: .tiled(sequence: segment.sequence, start: segment.start)))
                continue
            }
            let splits = min(
                max(leastSplits, Self.splits(positionCount: segment.start + segment.count)), Self.splits(window: window)
            )
            let bytesPerToken = headCount * splits * (headSize + 2) * 4
            let most = max(1, Self.mostPartBytes / bytesPerToken)
            for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
                Self.append(
                    first..<min(first + most, range.upperBound), splits: splits, bytesPerToken: bytesPerToken,
                    to: &parts)
            }
        }
        self.parts = parts
    }

    /// Adds tokens to the launch before, where that is of the same kind and the partial results of both fit.
    private static func append(_ tokens: Range<Int>, splits: Int, bytesPerToken: Int, to parts: inout [Part]) {
        if let last = parts.last, case .few(let before) = last.kernel {
            let count = last.tokens.count + tokens.count
            let joined = max(splits, before)
            if count * (bytesPerToken / splits) * joined <= mostPartBytes {
                parts[parts.count - 1] = Part(
                    tokens: last.tokens.lowerBound..<tokens.upperBound, kernel: .few(splits: joined))
                return
            }
        }
        parts.append(Part(tokens: tokens, kernel: .few(splits: splits)))
    }
}
