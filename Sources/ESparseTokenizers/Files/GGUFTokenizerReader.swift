// Turns GGUF metadata into a tokenizer definition.

extension Tokenizer {
    /// Loads the tokenizer that a GGUF file describes.
    ///
    /// Byte-level ("gpt2") tokenizers are those of GPT-2, SmolLM, Llama 3 and Qwen 2, told apart by `pre`. SentencePiece
    /// ("llama") merges follow from the scores: the best joined token first, as in Hugging Face's converter, with a space
    /// put in front of text as in Llama 2's own tokenizer.json.
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
    private enum TokenType: Int32 {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    let metadata: GGUFTokenizerMetadata
    let source: String

    private func malformed(_ key: String, _ reason: String) -> TokenizerError {
        .malformed(source: source, field: "tokenizer.ggml.\(key)", reason: reason)
    }

    func definition() throws(TokenizerError) -> TokenizerDefinition {
        guard !metadata.tokens.isEmpty else { throw malformed("tokens", "there are none") }
        var vocabulary = TokenVocabulary(source: source)
        for (id, token) in metadata.tokens.enumerated() { try vocabulary.add(Array(token.utf8), id: id) }
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
            try definition.addToken(
                AddedToken(id: Int32(id), content: Array(metadata.tokens[id].utf8), isSpecial: type != .userDefined))
        }
        definition.settings = try settings()
        return definition
    }

    /// The type of each token; where the file has none, the tokens with a role are control tokens.
    private func types() throws(TokenizerError) -> [TokenType] {
        guard let values = metadata.tokenTypes else {
            var types = [TokenType](repeating: .normal, count: metadata.tokens.count)
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
        var types: [TokenType] = []
        types.reserveCapacity(values.count)
        for (id, value) in values.enumerated() {
            guard let type = TokenType(rawValue: value) else {
                throw malformed("token_type", "type \(value) of token \(id) is outside 1...6")
            }
            types.append(type)
        }
        return types
    }

    private func isByteToken(_ id: Int) -> Bool {
        let token = Array(metadata.tokens[id].utf8)
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
            try id(value, key).map { Array(metadata.tokens[Int($0)].utf8) }
        }
        return TokenizerSettings(
            beginningOfSequence: try content(metadata.beginningOfSequenceID, "bos_token_id"),
            endOfSequence: try content(metadata.endOfSequenceID, "eos_token_id"),
            unknown: try content(metadata.unknownID, "unknown_token_id"),
            padding: try content(metadata.paddingID, "padding_token_id"),
            chatTemplate: metadata.chatTemplate)
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
        var addsBeginning = false
        switch metadata.pre {
        case "gpt-2": definition.preTokenizers = [.byteLevel(addPrefixSpace: false, usesPattern: true)]
        case "smollm":
            definition.preTokenizers = [
                .digits(individually: true), .byteLevel(addPrefixSpace: false, usesPattern: true),
            ]
        case "llama-bpe", "llama3", "llama-v3":
            definition.preTokenizers = [.split(.llama3), .byteLevel(addPrefixSpace: false, usesPattern: false)]
            definition.options.ignoresMerges = true
            addsBeginning = true
        case "qwen2":
            definition.preTokenizers = [.split(.qwen2), .byteLevel(addPrefixSpace: false, usesPattern: false)]
            definition.normalizers = [.composed]
        case let other:
            throw .unsupported(
                source: source, field: "tokenizer.ggml.pre",
                found: other.map { "'\($0.prefix(40))'" } ?? "an absent key",
                supported: "gpt-2, smollm, llama-bpe (llama3, llama-v3), qwen2")
        }
        definition.template = try template(addsBeginning: addsBeginning)
        return definition
    }

    private func sentencePiece(
        _ vocabulary: TokenVocabulary, _ types: [TokenType]
    ) throws(TokenizerError) -> TokenizerDefinition {
        for (id, type) in types.enumerated() where type == .byte && !isByteToken(id) {
            throw malformed(
                "tokens",
                "token \(id), \(TokenVocabulary.quoted(Array(metadata.tokens[id].utf8))), has the type of a byte "
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
        let mark = UTF8Text.encoded(0x2581)
        let addsSpace = metadata.addsSpacePrefix ?? true
        definition.normalizers = (addsSpace ? [.prepend(mark)] : []) + [.replace(pattern: [0x20], content: mark)]
        definition.decoder = .sentencePiece(
            replacements: [.init(pattern: mark, content: [0x20])], byteFallback: true,
            stripped: addsSpace ? [0x20] : [], strippedCount: addsSpace ? 1 : 0)
        definition.template = try template(addsBeginning: true)
        return definition
    }

    /// Every way to cut a token in two tokens is a merge; better scores come first, then longer parts.
    private func mergesFromScores(
        _ vocabulary: TokenVocabulary, _ types: [TokenType]
    ) throws(TokenizerError) -> [TokenVocabulary.Merge] {
        struct Ranked {
            let merge: TokenVocabulary.Merge
            let score: Float
            let leftLength: Int
            let rightLength: Int
        }
        guard let scores = metadata.scores, scores.count == metadata.tokens.count else {
            throw malformed(
                "scores", "\(metadata.scores?.count ?? 0) scores are there for \(metadata.tokens.count) tokens")
        }
        if let id = scores.firstIndex(where: \.isNaN) { throw malformed("scores", "the score of token \(id) is NaN") }
        func isJoinable(_ id: Int32) -> Bool { [.normal, .userDefined, .unused].contains(types[Int(id)]) }
        var ranked: [Ranked] = []
        for (id, token) in metadata.tokens.enumerated() where isJoinable(Int32(id)) {
            let bytes = Array(token.utf8)
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
