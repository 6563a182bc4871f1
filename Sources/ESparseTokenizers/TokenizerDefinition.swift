// A tokenizer as data: the readers make it, and the writer writes it.

/// The tokens put around a text.
struct SpecialTokenTemplate: Sendable, Equatable {
    /// Ids in front, beginning-of-sequence as a rule.
    var prefix: [Int32] = []
    /// Ids at the end.
    var suffix: [Int32] = []
}

/// A tokenizer's parts in the order in which encoding uses them.
struct TokenizerDefinition: Sendable {
    var addedTokens: [AddedToken] = []
    /// Tokens of the vocabulary that normalised text is cut at (SentencePiece's user-defined symbols).
    var symbols: [AddedToken] = []
    var normalizers: [Normalizer] = []
    var preTokenizers: [PreTokenizer] = []
    var vocabulary: TokenVocabulary
    /// What SentencePiece merges by; nil where the vocabulary lists merges.
    var pieces: PieceScores?
    var options = BytePairOptions()
    var template = SpecialTokenTemplate()
    var decoder = TokenDecoder.spaceJoined
    var settings = TokenizerSettings()

    /// Valid UTF-8 after all normalizers; `isAtStart` where nothing, not even a special token, is before it.
    func normalized(_ text: [UInt8], isAtStart: Bool) -> [UInt8] {
        normalizers.reduce(text) { $1.normalize($0, isAtStart: isAtStart) }
    }

    /// The token of an id: an added token's content or the model's token.
    func token(_ id: Int32) -> [UInt8]? {
        if let added = addedTokens.first(where: { $0.id == id }) { return added.content }
        return id >= 0 && Int(id) < vocabulary.tokens.count ? vocabulary.tokens[Int(id)] : nil
    }

    /// The id of a token.
    func id(_ token: [UInt8]) -> Int32? {
        addedTokens.first { $0.content == token }?.id ?? vocabulary.ids[token]
    }

    /// Adds a token to be matched whole, unless one with this content is there.
    ///
    /// - Throws: when the id is out of range or contradicts the vocabulary.
    mutating func addToken(_ token: AddedToken) throws(TokenizerError) {
        guard !token.content.isEmpty else { return }
        let field = "added token \(TokenVocabulary.quoted(token.content))"
        guard token.content.count <= 1024 else {
            throw .malformed(source: vocabulary.source, field: field, reason: "it is longer than 1,024 bytes")
        }
        guard token.id >= 0, token.id <= TokenVocabulary.maximumID else {
            throw .malformed(
                source: vocabulary.source, field: field,
                reason: "id \(token.id) is outside 0...\(TokenVocabulary.maximumID)")
        }
        let inModel = Int(token.id) < vocabulary.tokens.count ? vocabulary.tokens[Int(token.id)] : nil
        if let known = vocabulary.ids[token.content], known != token.id {
            throw .malformed(
                source: vocabulary.source, field: field, reason: "it has id \(token.id), but \(known) in the vocabulary"
            )
        }
        if let inModel, inModel != token.content {
            throw .malformed(
                source: vocabulary.source, field: field,
                reason: "its id \(token.id) belongs to the token \(TokenVocabulary.quoted(inModel))")
        }
        addedTokens.append(token)
    }

    /// Checks that no two added tokens share an id or a content.
    func checkAddedTokens() throws(TokenizerError) {
        var ids: Set<Int32> = []
        var contents: Set<[UInt8]> = []
        for token in addedTokens where !ids.insert(token.id).inserted || !contents.insert(token.content).inserted {
            throw .malformed(
                source: vocabulary.source, field: "added token \(TokenVocabulary.quoted(token.content))",
                reason: "its content or its id \(token.id) is there twice")
        }
    }
}

/// Settings from the configuration files beside the tokenizer.
struct TokenizerSettings: Sendable {
    var beginningOfSequence: [UInt8]?
    var endOfSequence: [UInt8]?
    var unknown: [UInt8]?
    var padding: [UInt8]?
    /// All ids at which generation stops (`eos_token_id`).
    var stopIDs: [Int32] = []
    /// The Jinja template for chats.
    var chatTemplate: String?
    /// Further templates, such as `tool_use`.
    var namedChatTemplates: [NamedChatTemplate] = []
    /// The tokens that templates can name, by names such as `bos_token`.
    var namedTokens: [String: [UInt8]] = [:]

    /// Names of special tokens, as transformers gives them to templates.
    static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
}

/// A chat template beside the usual one.
struct NamedChatTemplate: Sendable, Equatable {
    let name: String
    let text: String
}
