// Byte-pair encoding as SentencePiece does it: neighbours that spell a piece together are joined, best score first.

/// SentencePiece's byte-pair encoding of normalised text.
///
/// It differs from `BytePairModel` in that any two symbols merge which together spell a piece, even a character that is no piece
/// itself; equal scores are joined from the left; and only what is left unknown after merging becomes bytes or the unknown token.
/// A symbol is a piece's id, or `-1 - scalar` for a character without one.
struct ScoredPieceModel: WordModel {
    /// Most bytes compared while the cuts of pieces are looked up, so that a small file cannot keep the reader busy.
    private static let workLimit = 1 << 30

    private let scalarIDs: [UInt32: Int32]
    private let merges: MergeTable
    /// Pairs of scalars between which some merge joins two symbols; nil where text must not be cut.
    private let joints: Set<UInt64>?
    /// `[256]`: the tokens `<0xHH>`; nil without byte fallback.
    private let byteIDs: [Int32]?
    private let unknownID: Int32
    private let unusedIDs: Set<Int32>

    /// Prepares a vocabulary.
    ///
    /// - Parameters:
    ///   - vocabulary: the pieces.
    ///   - pieces: their scores, none of them NaN, and types.
    ///   - unknownID: the piece for characters that have none.
    ///   - byteFallback: whether such characters become bytes; then there is a piece for each of the 256.
    /// - Throws: when the pieces are too long to prepare in reasonable time.
    init(
        _ vocabulary: TokenVocabulary, _ pieces: PieceScores, unknownID: Int32, byteFallback: Bool
    ) throws(TokenizerError) {
        var scalarIDs: [UInt32: Int32] = [:]
        for (token, id) in vocabulary.ids where !token.isEmpty && token.count <= 4 && id != unknownID {
            let (value, length) = UTF8Text.scalar(in: token, at: 0)
            if length == token.count { scalarIDs[value] = id }
        }
        func symbol(_ token: [UInt8], _ range: Range<Int>) -> Int32? {
            let (value, length) = UTF8Text.scalar(in: token, at: range.lowerBound)
            if length == range.count { return scalarIDs[value] ?? -1 - Int32(value) }
            guard let id = vocabulary.ids[Array(token[range])] else { return nil }
            return ScoredPieceModel.isMerged(pieces.types[Int(id)]) ? id : nil
        }
        let ranks = Dictionary(
            uniqueKeysWithValues: Set(pieces.scores).sorted(by: >).enumerated().map { ($1, Int32($0)) })
        var merges = MergeTable(capacity: 2 * vocabulary.tokens.count)
        var joints: Set<UInt64> = []
        var work = 0
        for (id, token) in vocabulary.tokens.enumerated() where ScoredPieceModel.isMerged(pieces.types[id]) {
            guard let token else { continue }
            work += token.count * token.count
            guard token.count <= 1024, work <= ScoredPieceModel.workLimit else {
                throw .malformed(
                    source: vocabulary.source, field: "piece \(id)",
                    reason: "the pieces up to this one are longer than those of any tokenizer known")
            }
            for cut in token.indices.dropFirst() where token[cut] & 0xC0 != 0x80 {
                guard let left = symbol(token, 0..<cut), let right = symbol(token, cut..<token.count) else { continue }
                merges.add(
                    left, right, id: Int32(id), rank: ranks[pieces.scores[id]] ?? 0,
                    isRemembered: pieces.types[id] == .unused)
                let last = UTF8Text.scalar(in: token, at: UTF8Text.start(before: cut, in: token)).value
                joints.insert(UInt64(last) << 32 | UInt64(UTF8Text.scalar(in: token, at: cut).value))
            }
        }
        unusedIDs = Set(pieces.types.indices.filter { pieces.types[$0] == .unused }.map { Int32($0) })
        self.scalarIDs = scalarIDs
        self.merges = merges
        // The parts of an unused piece follow from the whole text.
        self.joints = unusedIDs.isEmpty ? joints : nil
        self.unknownID = unknownID
        byteIDs =
            byteFallback
            ? (0..<256).map { vocabulary.ids[BytePairModel.fallbackToken(UInt8($0))] ?? unknownID } : nil
    }

    /// Whether text is merged into pieces of a type: user-defined ones are cut out before.
    private static func isMerged(_ type: PieceType) -> Bool { type == .normal || type == .unused }

    func cut(_ text: [UInt8], _ range: Range<Int>, into pieces: inout [Range<Int>]) {
        guard let joints else {
            pieces.append(range)
            return
        }
        Self.cut(text, range, into: &pieces) { previous, value in
            // Unknown characters side by side are one token.
            !joints.contains(UInt64(previous) << 32 | UInt64(value))
                && !(byteIDs == nil && scalarIDs[previous] == nil && scalarIDs[value] == nil)
        }
    }

    func encode(_ word: [UInt8], scratch: inout MergeScratch, into ids: inout [Int32]) {
        scratch.reset()
        var position = 0
        while position < word.count {
            let (value, length) = UTF8Text.scalar(in: word, at: position)
            scratch.append(scalarIDs[value] ?? -1 - Int32(value))
            position += length
        }
        merges.run(&scratch)
        var isAfterUnknown = false
        for symbol in scratch.symbols { append(symbol, scratch.parts, to: &ids, &isAfterUnknown) }
    }

    /// Appends the ids of a symbol; an unused piece becomes the symbols it was last joined from.
    private func append(
        _ symbol: Int32, _ parts: [Int32: (left: Int32, right: Int32)], to ids: inout [Int32],
        _ isAfterUnknown: inout Bool
    ) {
        if symbol < 0 {
            if let byteIDs {
                for byte in UTF8Text.encoded(UInt32(-1 - symbol)) { ids.append(byteIDs[Int(byte)]) }
            } else if !isAfterUnknown {
                ids.append(unknownID)
            }
            isAfterUnknown = true
        } else if let pair = parts[symbol], unusedIDs.contains(symbol) {
            append(pair.left, parts, to: &ids, &isAfterUnknown)
            append(pair.right, parts, to: &ids, &isAfterUnknown)
        } else {
            ids.append(symbol)
            isAfterUnknown = false
        }
    }
}
