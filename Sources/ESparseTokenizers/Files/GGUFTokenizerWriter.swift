// Writes a tokenizer as the metadata of a GGUF file, which llama.cpp and `GGUFTokenizerReader` read.

package import ESparseFormats

extension Tokenizer {
    /// The tokenizer as `tokenizer.*` metadata.
    ///
    /// Byte-level tokenizers are written as "gpt2" with their merges. SentencePiece-style ones are written as "llama" with
    /// scores: a token's is the rank of the first merge that makes it, the best first, so that joining the neighbours of the best
    /// score is joining those of the best merge.
    ///
    /// - Parameters:
    ///   - vocabularySize: rows of the model's token table; ids without a token get one that no text becomes, and tokens
    ///     beyond it are left out.
    ///   - name: the checkpoint, for messages.
    /// - Throws: `TokenizerError.unsupported` where GGUF has no name for how the tokenizer cuts text.
    package func ggufMetadata(
        vocabularySize: Int, name: String
    ) throws(TokenizerError) -> [(key: String, value: GGUFValue)] {
        try GGUFTokenizerWriter(definition: definition, vocabularySize: vocabularySize, source: name).metadata()
    }
}

/// Turns a definition into metadata.
private struct GGUFTokenizerWriter {
    let definition: TokenizerDefinition
    let vocabularySize: Int
    let source: String

    /// U+2581, which stands for a space in SentencePiece's vocabularies.
    private static let mark = UTF8Text.encoded(0x2581)

    func metadata() throws(TokenizerError) -> [(key: String, value: GGUFValue)] {
        var metadata: [(key: String, value: GGUFValue)] = []
        func add(_ key: String, _ value: GGUFValue) { metadata.append(("tokenizer.ggml.\(key)", value)) }
        let (tokens, types) = tokens()
        if definition.options.isByteLevel {
            guard let kind = GGUFByteLevelKind.of(definition) else {
                throw .unsupported(
                    source: source, field: "pre_tokenizer and normalizer", found: "how the tokenizer cuts text",
                    supported: "in GGUF files that of \(GGUFByteLevelKind.supported)")
            }
            add("model", .string("gpt2"))
            add("pre", .string(kind.names[0]))
        } else {
            guard let addsSpace = spacePrefix else {
                throw .unsupported(
                    source: source, field: "pre_tokenizer and normalizer", found: "how the tokenizer marks spaces",
                    supported: "in GGUF files byte-level tokenizers, and those that mark spaces by U+2581")
            }
            add("model", .string("llama"))
            add("pre", .string("default"))
            add("add_space_prefix", .bool(addsSpace))
        }
        add("tokens", .strings(tokens))
        add("token_type", .integers(types.map { Int($0.rawValue) }))
        if !definition.options.isByteLevel { add("scores", .numbers(scores())) }
        add("merges", .strings(merges()))
        let (settings, template) = (definition.settings, definition.template)
        // A tokenizer.json alone names no tokens by their role, but what it puts around a text.
        for (key, id) in [
            ("bos", settings.beginningOfSequence.flatMap(definition.id) ?? template.prefix.first),
            ("eos", settings.endOfSequence.flatMap(definition.id) ?? template.suffix.last),
            ("unknown", settings.unknown.flatMap(definition.id)), ("padding", settings.padding.flatMap(definition.id)),
        ] {
            if let id, Int(id) < vocabularySize { add("\(key)_token_id", .integer(Int(id))) }
        }
        add("add_bos_token", .bool(!template.prefix.isEmpty))
        add("add_eos_token", .bool(!template.suffix.isEmpty))
        if let chat = settings.chatTemplate { metadata.append(("tokenizer.chat_template", .string(chat))) }
        return metadata
    }

    /// Whether a space is put in front of a text; nil where spaces are not marked as SentencePiece marks them.
    private var spacePrefix: Bool? {
        for case .metaspace(let replacement, let scheme, _) in definition.preTokenizers where replacement == 0x2581 {
            return scheme != .never
        }
        guard definition.normalizers.contains(.replace(pattern: [0x20], content: Self.mark)) else { return nil }
        return definition.normalizers.contains(.prepend(Self.mark))
    }

    /// Spelling and type of each id, `[vocabularySize]`.
    private func tokens() -> (spellings: [String], types: [PieceType]) {
        var spellings = (0..<vocabularySize).map { "[PAD\($0)]" }
        var types = [PieceType](repeating: .unused, count: vocabularySize)
        let isByteLevel = definition.options.isByteLevel
        let bytes = Set(isByteLevel ? [] : (0..<256).map { BytePairModel.fallbackToken(UInt8($0)) })
        for (id, token) in definition.vocabulary.tokens.prefix(vocabularySize).enumerated() {
            guard let token else { continue }
            spellings[id] = String(decoding: token, as: UTF8.self)
            types[id] = bytes.contains(token) ? .byte : .normal
        }
        for token in definition.addedTokens where Int(token.id) < vocabularySize {
            // Text is matched with these tokens before its spaces are marked.
            let isText = !isByteLevel && !token.isSpecial
            let content = isText ? UTF8Text.replacing(Self.mark, with: [0x20], in: token.content) : token.content
            spellings[Int(token.id)] = String(decoding: content, as: UTF8.self)
            types[Int(token.id)] = token.isSpecial ? .control : .userDefined
        }
        if !isByteLevel, let unknown = definition.options.unknownID, Int(unknown) < vocabularySize {
            types[Int(unknown)] = .unknown
        }
        return (spellings, types)
    }

    /// Score of each id, `[vocabularySize]`; 0 for tokens that no merge makes.
    private func scores() -> [Float] {
        var scores = [Float](repeating: 0, count: vocabularySize)
        for (rank, merge) in definition.vocabulary.merges.enumerated()
        where Int(merge.result) < vocabularySize && scores[Int(merge.result)] == 0 {
            scores[Int(merge.result)] = -Float(rank + 1)
        }
        return scores
    }

    /// The merges as two tokens with a space between.
    private func merges() -> [String] {
        let tokens = definition.vocabulary.tokens
        return definition.vocabulary.merges.map { merge in
            String(decoding: (tokens[Int(merge.left)] ?? []) + [0x20] + (tokens[Int(merge.right)] ?? []), as: UTF8.self)
        }
    }
}
