// Remembers the ids of words, since natural text repeats its words.

/// Ids of words seen before, up to a bound.
struct WordCache: Sendable {
    /// Words kept; all are forgotten when there are more.
    private static let capacity = 1 << 16
    /// Longest word kept, in bytes.
    private static let longestWord = 128

    private var places: [[UInt8]: Range<Int32>] = [:]
    private var ids: [Int32] = []
    private var scratch = MergeScratch()

    /// Appends the ids of a word.
    mutating func encode(_ word: [UInt8], _ model: some WordModel, into result: inout [Int32]) {
        guard word.count <= WordCache.longestWord else {
            model.encode(word, scratch: &scratch, into: &result)
            return
        }
        if let place = places[word] {
            result.append(contentsOf: ids[Int(place.lowerBound)..<Int(place.upperBound)])
            return
        }
        if places.count >= WordCache.capacity {
            places.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
        }
        let start = Int32(ids.count)
        model.encode(word, scratch: &scratch, into: &ids)
        places[word] = start..<Int32(ids.count)
        result.append(contentsOf: ids[Int(start)...])
    }
}
