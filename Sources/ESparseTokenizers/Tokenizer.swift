// The tokenizer: encodes text to ids and decodes ids to text.

import Synchronization

/// A byte-pair tokenizer that gives the ids Hugging Face's `tokenizers` gives.
///
/// Encoding cuts out added tokens, normalises the rest, cuts it into words, encodes each word by merges, and puts the
/// template's beginning and end tokens around. Safe to use from several threads.
public final class Tokenizer: Sendable {
    let definition: TokenizerDefinition
    private let model: any WordModel
    private let rawMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher
    private let chatMatcher: AddedTokenMatcher
    /// The bytes of each id's token, `[vocabularySize]`.
    private let decodable: [[UInt8]?]
    private let isSpecial: [Bool]
    private let cache = Mutex(WordCache())

    /// Makes a tokenizer of its parts.
    ///
    /// - Throws: `TokenizerError` when they contradict each other.
    init(_ definition: TokenizerDefinition) throws(TokenizerError) {
        try definition.checkAddedTokens()
        var definition = definition
        definition.markControlTokens()
        self.definition = definition
        let vocabulary = definition.vocabulary
        let added = definition.addedTokens
        let options = definition.options
        if let pieces = definition.pieces, let unknownID = options.unknownID {
            model = try ScoredPieceModel(
                vocabulary, pieces, unknownID: unknownID, byteFallback: options.byteFallback)
        } else {
            model = BytePairModel(
                vocabulary, options: options, specialIDs: Set(added.filter(\.isSpecial).map(\.id)))
        }

        var decodable = vocabulary.tokens
        let size = max(vocabulary.tokens.count, added.reduce(0) { max($0, Int($1.id) + 1) })
        decodable.append(contentsOf: repeatElement(nil, count: size - decodable.count))
        var normalized: [(token: AddedToken, bytes: [UInt8])] = []
        var raw: [(token: AddedToken, bytes: [UInt8])] = []
        var chat: [(token: AddedToken, bytes: [UInt8])] = []
        for token in added {
            let form = token.isNormalized ? definition.normalized(token.content, isAtStart: true) : token.content
            decodable[Int(token.id)] = form
            if token.isNormalized { normalized.append((token, form)) } else { raw.append((token, form)) }
            if !token.isNormalized || Tokenizer.isControl(token) { chat.append((token, token.content)) }
        }
        for symbol in definition.symbols {
            normalized.append((symbol, symbol.content))
            if Tokenizer.isControl(symbol) { chat.append((symbol, symbol.content)) }
        }
        let special = Set(added.filter(\.isSpecial).map(\.content))
        isSpecial = decodable.map { $0.map(special.contains) ?? false }
        self.decodable = decodable
        rawMatcher = AddedTokenMatcher(raw)
        normalizedMatcher = AddedTokenMatcher(normalized)
        chatMatcher = AddedTokenMatcher(chat)
    }

    /// One more than the largest id.
    public var vocabularySize: Int { decodable.count }

    /// Number of tokens put around a text by `encode(_:addSpecialTokens:)`.
    public var templateTokenCount: Int { definition.template.prefix.count + definition.template.suffix.count }

    /// Id of the beginning-of-sequence token, where the model has one.
    public var beginningOfSequenceID: Int32? { definition.settings.beginningOfSequence.flatMap(definition.id) }

    /// Id of the end-of-sequence token, where the model has one.
    public var endOfSequenceID: Int32? { definition.settings.endOfSequence.flatMap(definition.id) }

    /// All ids at which generation stops: the end-of-sequence token and what `generation_config.json` adds.
    public var stopIDs: [Int32] {
        var ids = definition.settings.stopIDs
        if let end = endOfSequenceID, !ids.contains(end) { ids.insert(end, at: 0) }
        return ids
    }

    /// The special tokens (those that `skippingSpecialTokens` leaves out), by id.
    public var specialTokens: [(id: Int32, text: String)] {
        definition.addedTokens.filter(\.isSpecial).sorted { $0.id < $1.id }
            .map { ($0.id, String(decoding: $0.content, as: UTF8.self)) }
    }

    /// The model's Jinja template for chats, where there is one; ``ChatTemplate`` runs it.
    public var chatTemplate: String? { definition.settings.chatTemplate }

    /// The names of further chat templates, such as `tool_use`.
    public var chatTemplateNames: [String] { definition.settings.namedChatTemplates.map(\.name) }

    /// The id of a token, in the vocabulary's spelling.
    public func id(ofToken token: String) -> Int32? { definition.id(Array(token.utf8)) }

    /// The token of an id, in the vocabulary's spelling.
    public func token(ofID id: Int32) -> String? {
        definition.token(id).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Ids of a text in which special tokens are recognised where they are written out.
    ///
    /// - Parameters:
    ///   - text: the text to encode.
    ///   - addSpecialTokens: whether to put the model's beginning and end tokens around.
    public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
        encode(Array(text.utf8), addSpecialTokens: addSpecialTokens)
    }

    /// Ids of a text given as bytes; every maximal ill-formed part of its UTF-8 becomes U+FFFD.
    public func encode(_ bytes: [UInt8], addSpecialTokens: Bool = true) -> [Int32] {
        let ids = encode(repaired: UTF8Text.repaired(bytes), literal: nil)
        return addSpecialTokens ? definition.template.prefix + ids + definition.template.suffix : ids
    }

    /// Ids of a text in which special tokens that are written out are ordinary text.
    public func encodeLiterally(_ text: String) -> [Int32] {
        let bytes = Array(text.utf8)
        return encode(repaired: bytes, literal: [0..<bytes.count])
    }

    /// Encodes valid UTF-8. Where `literal` is not nil, special tokens and chat markers are recognised outside these
    /// (ascending) ranges only.
    func encode(repaired text: [UInt8], literal: [Range<Int>]?) -> [Int32] {
        var ids: [Int32] = []
        var words = cache.withLock { shared in
            defer { shared = WordCache() }
            return shared
        }
        let matcher = literal == nil ? rawMatcher : chatMatcher
        let segments = matcher.segments(of: text) { token, range in
            guard let literal, Tokenizer.isControl(token) else { return true }
            return !literal.contains { $0.overlaps(range) }
        }
        for segment in segments {
            if let token = segment.token {
                ids.append(token)
                continue
            }
            let normalized = definition.normalized(
                Array(text[segment.range]), isAtStart: segment.range.lowerBound == 0)
            let parts = normalizedMatcher.segments(of: normalized) { token, _ in
                literal == nil || !Tokenizer.isControl(token)
            }
            for part in parts {
                if let token = part.token {
                    ids.append(token)
                } else {
                    let isAtStart = segment.range.lowerBound == 0 && part.range.lowerBound == 0
                    encodeWords(Words(Array(normalized[part.range]), isAtStart: isAtStart), &words, into: &ids)
                }
            }
        }
        cache.withLock { $0 = words }
        return ids
    }

    private func encodeWords(_ text: Words, _ cache: inout WordCache, into ids: inout [Int32]) {
        var words = text
        for step in definition.preTokenizers { step.apply(to: &words) }
        var pieces: [Range<Int>] = []
        for range in words.ranges {
            pieces.removeAll(keepingCapacity: true)
            model.cut(words.text, range, into: &pieces)
            for piece in pieces { cache.encode(Array(words.text[piece]), model, into: &ids) }
        }
    }

    /// Text of some ids; ids without a token are left out, and ill-formed UTF-8 becomes U+FFFD.
    public func decode(_ ids: [Int32], skippingSpecialTokens: Bool = false) -> String {
        var assembler = TokenAssembler(definition.decoder, releasesEarly: false)
        var bytes: [UInt8] = []
        for id in ids {
            guard let token = decodableToken(id, skippingSpecialTokens: skippingSpecialTokens) else { continue }
            assembler.append(token, to: &bytes)
        }
        assembler.finish(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Starts decoding token by token.
    public func makeStreamingDecoder(skippingSpecialTokens: Bool = true) -> StreamingDecoder {
        StreamingDecoder(self, skippingSpecialTokens: skippingSpecialTokens)
    }

    func decodableToken(_ id: Int32, skippingSpecialTokens: Bool) -> [UInt8]? {
        guard id >= 0, Int(id) < decodable.count else { return nil }
        return skippingSpecialTokens && isSpecial[Int(id)] ? nil : decodable[Int(id)]
    }

    /// Whether text that must stay literal may not become this token.
    private static func isControl(_ token: AddedToken) -> Bool {
        token.isSpecial || token.isControl
    }

    /// The control token that comes next in a text, with nothing but white space before it.
    func controlToken(after start: Int, in text: [UInt8]) -> Int32? {
        let rest = Array(text[start...].drop { [0x09, 0x0A, 0x0D, 0x20].contains($0) })
        let segments = chatMatcher.segments(of: rest) { token, _ in Tokenizer.isControl(token) }
        return segments.first?.token
    }
}
