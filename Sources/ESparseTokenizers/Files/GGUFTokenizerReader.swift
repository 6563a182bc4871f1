// Turns GGUF metadata into a tokenizer definition.

extension Tokenizer {
    /// Loads the tokenizer that a GGUF file describes.
    ///
    /// Byte-level ("gpt2") tokenizers are told apart by `pre` (`GGUFByteLevelKind`). SentencePiece ("llama") merges follow
    /// from the scores: the best joined token first, as in Hugging Face's converter, with a space put in front of text as in
    /// Llama 2's own tokenizer.json. Two families differ, as in their own tokenizer.json: Gemma merges into the first token of
    /// the vocabulary first, whatever its score, and puts no space in front; Phi-3's control tokens take the white space on their
    /// right with them, except `<s>`, `<unk>` and `<|endoftext|>`.
    ///
    /// - Parameters:
    ///   - metadata: what the file says under `tokenizer.`.
    ///   - name: the file, for messages.
    /// - Throws: `TokenizerError` naming the metadata key that is wrong.
    public static func load(gguf metadata: GGUFTokenizerMetadata, name: String = "GGUF") throws(TokenizerError)
        -> Tokenizer
    {
        try Tokenizer(GGUFTokenizerReader(metadata: metadata, source: name).definition())
    }
}

/// Checks metadata and builds a definition.
private struct GGUFTokenizerReader {
    private let metadata: GGUFTokenizerMetadata
    private let source: String
    /// Spelling of each id.
    private let tokens: [[UInt8]]

    private static let mark = SentencePieceNormalizer.mark

    init(metadata: GGUFTokenizerMetadata, source: String) {
        self.metadata = metadata
        self.source = source
        let restoresMarks = GGUFTokenizerReader.isGemma(metadata)
        tokens = metadata.tokens.map { token in
            let bytes = Array(token.utf8)
            // Files of Gemma have its runs of marks as spaces, which no normalised text holds.
            guard restoresMarks, bytes.count > 1, bytes.allSatisfy({ $0 == 0x20 }) else { return bytes }
            return bytes.flatMap { _ in GGUFTokenizerReader.mark }
        }
    }

    private static func isGemma(_ metadata: GGUFTokenizerMetadata) -> Bool {
        metadata.model == "llama" && ["gemma", "gemma2", "gemma3"].contains(metadata.architecture)
    }

    private func malformed(_ key: String, _ reason: String) -> TokenizerError {
        .malformed(source: source, field: "tokenizer.ggml.\(key)", reason: reason)
    }

    func definition() throws(TokenizerError) -> TokenizerDefinition {
        guard !tokens.isEmpty else { throw malformed("tokens", "there are none") }
        var vocabulary = TokenVocabulary(source: source)
        for (id, token) in tokens.enumerated() { try vocabulary.add(token, id: id) }
        let types = try types()
        var definition: TokenizerDefinition
        switch metadata.model {
        case "gpt2": definition = try byteLevel(vocabulary)
        case "llama": definition = try sentencePiece(vocabulary, types)
        default:
            throw .unsupported(
                source: source, field: "tokenizer.ggml.model", found: "'\(metadata.model.prefix(40))'",
                supported: "gpt2, llama")
        }
        for (id, type) in types.enumerated() where [.unknown, .control, .userDefined].contains(type) {
            // What was respelled is merged like any other token.
            guard type != .userDefined || tokens[id].elementsEqual(metadata.tokens[id].utf8) else { continue }
            try definition.addToken(
                AddedToken(
                    id: Int32(id), content: tokens[id], isSpecial: type != .userDefined,
                    stripsRight: type == .control && stripsRight(tokens[id])))
        }
        definition.settings = try settings()
        return definition
    }

    /// The type of each token; where the file has none, the tokens with a role are control tokens.
    private func types() throws(TokenizerError) -> [PieceType] {
        guard let values = metadata.tokenTypes else {
            var types = [PieceType](repeating: .normal, count: metadata.tokens.count)
            let roles = [
                metadata.beginningOfSequenceID, metadata.endOfSequenceID, metadata.unknownID, metadata.paddingID,
            ]
            for case let id? in roles where types.indices.contains(id) { types[id] = .control }
            for id in types.indices where isByteToken(id) { types[id] = .byte }
            return types
        }
        guard values.count == metadata.tokens.count else {
            throw malformed("token_type", "\(values.count) types are there for \(metadata.tokens.count) tokens")
        }
        var types: [PieceType] = []
        types.reserveCapacity(values.count)
        for (id, value) in values.enumerated() {
            guard let type = PieceType(rawValue: value) else {
                throw malformed("token_type", "type \(value) of token \(id) is outside 1...6")
            }
            types.append(type)
        }
        return types
    }

    /// Whether a control token takes white space on its right with it.
    private func stripsRight(_ token: [UInt8]) -> Bool {
        metadata.architecture == "phi3" && metadata.model == "llama"
            && !["<s>", "<unk>", "<|endoftext|>"].contains { token.elementsEqual($0.utf8) }
    }

    private func isByteToken(_ id: Int) -> Bool {
        let token = tokens[id]
        guard metadata.model == "llama", token.count == 6,
            let byte = UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
        else { return false }
        return BytePairModel.fallbackToken(byte) == token
    }

    private func id(_ value: Int?, _ key: String) throws(TokenizerError) -> Int32? {
        guard let value else { return nil }
        guard metadata.tokens.indices.contains(value) else {
            throw malformed(key, "id \(value) is outside 0..<\(metadata.tokens.count)")
        }
        return Int32(value)
    }

    private func settings() throws(TokenizerError) -> TokenizerSettings {
        func content(_ value: Int?, _ key: String) throws(TokenizerError) -> [UInt8]? {
            try id(value, key).map { tokens[Int($0)] }
        }
        var settings = TokenizerSettings(
            beginningOfSequence: try content(metadata.beginningOfSequenceID, "bos_token_id"),
            endOfSequence: try content(metadata.endOfSequenceID, "eos_token_id"),
            unknown: try content(metadata.unknownID, "unknown_token_id"),
            padding: try content(metadata.paddingID, "padding_token_id"),
            chatTemplate: metadata.chatTemplate)
        settings.namedChatTemplates = metadata.namedChatTemplates.sorted { $0.key < $1.key }
            .map { NamedChatTemplate(name: $0.key, text: $0.value) }
        settings.nameUsualTokens()
        return settings
    }

    private func template(addsBeginning: Bool) throws(TokenizerError) -> SpecialTokenTemplate {
        var template = SpecialTokenTemplate()
        if metadata.addsBeginningOfSequence ?? addsBeginning,
            let id = try id(metadata.beginningOfSequenceID, "bos_token_id")
        {
            template.prefix = [id]
        }
        if metadata.addsEndOfSequence ?? false, let id = try id(metadata.endOfSequenceID, "eos_token_id") {
            template.suffix = [id]
        }
        return template
    }

    private func byteLevel(_ vocabulary: TokenVocabulary) throws(TokenizerError) -> TokenizerDefinition {
        var definition = TokenizerDefinition(vocabulary: vocabulary)
        for merge in metadata.merges { try definition.vocabulary.addMerge(line: Array(merge.utf8)) }
        definition.options.isByteLevel = true
        definition.decoder = .byteLevel
        guard let kind = metadata.pre.flatMap(GGUFByteLevelKind.named) else {
            throw .unsupported(
                source: source, field: "tokenizer.ggml.pre",
                found: metadata.pre.map { "'\($0.prefix(40))'" } ?? "an absent key",
                supported: GGUFByteLevelKind.supported)
        }
        definition.preTokenizers = kind.preTokenizers
        definition.normalizers = kind.normalizers
        definition.options.ignoresMerges = kind.ignoresMerges
        definition.template = try template(addsBeginning: kind.addsBeginning)
        return definition
    }

    private func sentencePiece(
        _ vocabulary: TokenVocabulary, _ types: [PieceType]
    ) throws(TokenizerError) -> TokenizerDefinition {
        for (id, type) in types.enumerated() where type == .byte && !isByteToken(id) {
            throw malformed(
                "tokens",
                "token \(id), \(TokenVocabulary.quoted(tokens[id])), has the type of a byte "
                    + "but not the form <0x0A>")
        }
        var definition = TokenizerDefinition(vocabulary: vocabulary)
        if metadata.merges.isEmpty {
            definition.vocabulary.appendMerges(try mergesFromScores(vocabulary, types))
        } else {
            for merge in metadata.merges { try definition.vocabulary.addMerge(line: Array(merge.utf8)) }
        }
        definition.options.byteFallback = types.contains(.byte)
        definition.options.fusesUnknown = true
        definition.options.unknownID =
            try id(metadata.unknownID, "unknown_token_id") ?? types.firstIndex(of: .unknown).map { Int32($0) }
        let mark = GGUFTokenizerReader.mark
        let addsSpace = metadata.addsSpacePrefix ?? !GGUFTokenizerReader.isGemma(metadata)
        definition.normalizers = (addsSpace ? [.prepend(mark)] : []) + [.replace(pattern: [0x20], content: mark)]
        definition.decoder = .sentencePiece(
            replacements: [.init(pattern: mark, content: [0x20])], byteFallback: true,
            stripped: addsSpace ? [0x20] : [], strippedCount: addsSpace ? 1 : 0)
        definition.template = try template(addsBeginning: true)
        return definition
    }

    /// What orders merges, by id: Gemma's scores do not follow its merges, but the order of its vocabulary does.
    private var mergeScores: [Float]? {
        GGUFTokenizerReader.isGemma(metadata) ? tokens.indices.map { -Float($0) } : metadata.scores
    }

    /// Every way to cut a token in two tokens is a merge; better scores come first, then longer parts.
    private func mergesFromScores(
        _ vocabulary: TokenVocabulary, _ types: [PieceType]
    ) throws(TokenizerError) -> [TokenVocabulary.Merge] {
        struct Ranked {
            let merge: TokenVocabulary.Merge
            let score: Float
            let leftLength: Int
            let rightLength: Int
        }
        guard let scores = mergeScores, scores.count == tokens.count else {
            throw malformed("scores", "\(metadata.scores?.count ?? 0) scores are there for \(tokens.count) tokens")
        }
        if let id = scores.firstIndex(where: \.isNaN) { throw malformed("scores", "the score of token \(id) is NaN") }
        func isJoinable(_ id: Int32) -> Bool { [.normal, .userDefined, .unused].contains(types[Int(id)]) }
        var ranked: [Ranked] = []
        for (id, bytes) in tokens.enumerated() where isJoinable(Int32(id)) {
            guard bytes.count <= 1024 else { throw malformed("tokens", "token \(id) is longer than 1,024 bytes") }
            let starts = bytes.indices.filter { bytes[$0] & 0xC0 != 0x80 }
            var local: [Ranked] = []
            for (length, start) in starts.enumerated().dropFirst() {
                guard let left = vocabulary.ids[Array(bytes[..<start])], isJoinable(left),
                    let right = vocabulary.ids[Array(bytes[start...])], isJoinable(right)
                else { continue }
                local.append(
                    Ranked(
                        merge: .init(left: left, right: right, result: Int32(id)), score: scores[id],
                        leftLength: length, rightLength: starts.count - length))
            }
            ranked += local.sorted { ($0.merge.left, $0.merge.right) < ($1.merge.left, $1.merge.right) }
        }
        // Swift's sort is stable, which settles the order of equal ones by id.
        ranked.sort { ($0.score, $0.leftLength, $0.rightLength) > ($1.score, $1.leftLength, $1.rightLength) }
        return ranked.map(\.merge)
    }
}
