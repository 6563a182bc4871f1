// A byte-pair encoding's vocabulary and merges, checked.

/// The byte-pair encoding as files describe it.
///
/// Tokens are keyed by their bytes, because Swift strings compare by canonical equivalence.
struct TokenVocabulary: Sendable {
    /// Two neighbouring tokens that become one.
    struct Merge: Sendable, Equatable {
        let left: Int32
        let right: Int32
        let result: Int32
    }

    /// Largest id accepted, so that a small file cannot ask for much memory.
    static let maximumID = (1 << 21) - 1

    /// Id of each token.
    private(set) var ids: [[UInt8]: Int32] = [:]
    /// Token of each id, `[size]`; nil where no token has the id.
    private(set) var tokens: [[UInt8]?] = []
    /// Merges, best first.
    private(set) var merges: [Merge] = []
    /// The file, for messages.
    let source: String

    /// An empty vocabulary read from `source`.
    init(source: String) {
        self.source = source
    }

    /// Adds a token.
    ///
    /// - Throws: when the id is out of range, or token or id are taken.
    mutating func add(_ token: [UInt8], id: Int) throws(TokenizerError) {
        let name = TokenVocabulary.quoted(token)
        guard id >= 0, id <= TokenVocabulary.maximumID else {
            throw .malformed(
                source: source, field: "token \(name)",
                reason: "id \(id) is outside 0...\(TokenVocabulary.maximumID)")
        }
        if id >= tokens.count { tokens.append(contentsOf: repeatElement(nil, count: id + 1 - tokens.count)) }
        if let taken = tokens[id] {
            throw .malformed(
                source: source, field: "token \(name)",
                reason: "id \(id) belongs to the token \(TokenVocabulary.quoted(taken)) already")
        }
        tokens[id] = token
        guard ids.updateValue(Int32(id), forKey: token) == nil else {
            throw .malformed(source: source, field: "token \(name)", reason: "it is in the vocabulary twice")
        }
    }

    /// Appends a merge.
    ///
    /// - Throws: when a part or the joined token is not in the vocabulary.
    mutating func addMerge(_ left: [UInt8], _ right: [UInt8]) throws(TokenizerError) {
        guard let leftID = ids[left], let rightID = ids[right], let result = ids[left + right] else {
            let unknown = ids[left] == nil ? left : ids[right] == nil ? right : left + right
            throw .malformed(
                source: source, field: "merge \(merges.count)",
                reason: "the token \(TokenVocabulary.quoted(unknown)) is not in the vocabulary")
        }
        merges.append(Merge(left: leftID, right: rightID, result: result))
    }

    /// Appends a merge written as two tokens with a space between.
    mutating func addMerge(line: [UInt8]) throws(TokenizerError) {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .malformed(
                source: source, field: "merge \(merges.count)",
                reason: "\(TokenVocabulary.quoted(line)) is not two tokens with a space between")
        }
        try addMerge(Array(parts[0]), Array(parts[1]))
    }

    /// Appends merges that are known to be sound.
    mutating func appendMerges(_ more: [Merge]) { merges.append(contentsOf: more) }

    /// A token for messages, shortened.
    static func quoted(_ token: [UInt8]) -> String {
        let text = String(decoding: token.prefix(40), as: UTF8.self)
        return "\"\(text)\(token.count > 40 ? "…" : "")\""
    }
}
