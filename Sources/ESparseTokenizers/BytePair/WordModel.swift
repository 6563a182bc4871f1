// What the tokenizer needs of a model that turns words into ids.

/// A model that encodes one word at a time.
protocol WordModel: Sendable {
    /// Cuts a word into pieces whose ids, one after the other, are those of the word.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8.
    ///   - range: the word's bytes.
    ///   - pieces: where the pieces' ranges are appended.
    func cut(_ text: [UInt8], _ range: Range<Int>, into pieces: inout [Range<Int>])

    /// Appends the ids of one word.
    func encode(_ word: [UInt8], scratch: inout MergeScratch, into ids: inout [Int32])
}

extension WordModel {
    /// Cuts a word between neighbouring scalars.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8.
    ///   - range: the word's bytes.
    ///   - pieces: where the pieces' ranges are appended.
    ///   - separates: whether nothing ever joins two neighbours.
    static func cut(
        _ text: [UInt8], _ range: Range<Int>, into pieces: inout [Range<Int>], where separates: (UInt32, UInt32) -> Bool
    ) {
        var start = range.lowerBound
        var position = start
        var previous: UInt32?
        while position < range.upperBound {
            let (value, length) = UTF8Text.scalar(in: text, at: position)
            if let previous, separates(previous, value) {
                pieces.append(start..<position)
                start = position
            }
            previous = value
            position += length
        }
        if start < range.upperBound { pieces.append(start..<range.upperBound) }
    }
}
