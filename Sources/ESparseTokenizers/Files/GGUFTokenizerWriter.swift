// Writes a tokenizer as the metadata of a GGUF file, which llama.cpp and `GGUFTokenizerReader` read.

package import ESparseFormats

extension Tokenizer {
    /// The tokenizer as `tokenizer.*` metadata.
    ///
    /// Byte-level tokenizers are written as "gpt2" with their merges. SentencePiece-style ones are written as "llama" with
    /// scores: those of the tokenizer.model, or else a token's is the rank of the first merge that makes it, the best first, so
    /// that joining the neighbours of the best score is joining those of the best merge.
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
            guard let addsSpace = try spacePrefix() else {
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
        if definition.pieces == nil { add("merges", .strings(merges())) }
        let (settings, template, options) = (definition.settings, definition.template, definition.options)
        // A tokenizer.model tells the unknown token by its type.
        let unknown = settings.unknown.flatMap(definition.id) ?? (definition.pieces == nil ? nil : options.unknownID)
        // A tokenizer.json alone names no tokens by their role, but what it puts around a text.
        for (key, id) in [
            ("bos", settings.beginningOfSequence.flatMap(definition.id) ?? template.prefix.first),
            ("eos", settings.endOfSequence.flatMap(definition.id) ?? template.suffix.last),
            ("unknown", unknown), ("padding", settings.padding.flatMap(definition.id)),
        ] {
            if let id, Int(id) < vocabularySize { add("\(key)_token_id", .integer(Int(id))) }
        }
        add("add_bos_token", .bool(!template.prefix.isEmpty))
        add("add_eos_token", .bool(!template.suffix.isEmpty))
        if let chat = settings.chatTemplate { metadata.append(("tokenizer.chat_template", .string(chat))) }
        return metadata
    }

    /// Whether a space is put in front of a text; nil where spaces are not marked as SentencePiece marks them.
    ///
    /// - Throws: `TokenizerError.unsupported` where a tokenizer.model prepares text as llama.cpp does not.
    private func spacePrefix() throws(TokenizerError) -> Bool? {
        for case .sentencePiece(let normalizer) in definition.normalizers {
            try check(normalizer)
            return normalizer.prefix != .never
        }
        for case .metaspace(let replacement, let scheme, _) in definition.preTokenizers where replacement == 0x2581 {
            return scheme != .never
        }
        guard definition.normalizers.contains(.replace(pattern: [0x20], content: Self.mark)) else { return nil }
        return definition.normalizers.contains(.prepend(Self.mark))
    }

    /// Checks that a tokenizer.model prepares text as llama.cpp does for every model of this kind.
    private func check(_ normalizer: SentencePieceNormalizer) throws(TokenizerError) {
        let odd: (field: String, value: String)? =
            if normalizer.characters != nil {
                ("normalizer_spec.precompiled_charsmap", "replacing characters")
            } else if normalizer.removesExtraSpaces {
                ("normalizer_spec.remove_extra_whitespaces", "true")
            } else if !normalizer.marksSpaces {
                ("normalizer_spec.escape_whitespaces", "false")
            } else if normalizer.isSuffix {
                ("trainer_spec.treat_whitespace_as_suffix", "true")
            } else if !definition.options.byteFallback {
                ("trainer_spec.byte_fallback", "false")
            } else {
                nil
            }
        guard let odd else { return }
        throw .unsupported(
            source: source, field: odd.field, found: odd.value,
            supported: "in GGUF files models that keep all characters, mark spaces in front and have bytes")
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
            types[id] = definition.pieces?.types[id] ?? (bytes.contains(token) ? .byte : .normal)
        }
        for symbol in definition.symbols where Int(symbol.id) < vocabularySize {
            spellings[Int(symbol.id)] = Self.spelledInText(symbol.content)
        }
        for token in definition.addedTokens where Int(token.id) < vocabularySize {
            let isText = !isByteLevel && !token.isSpecial
            spellings[Int(token.id)] =
                isText ? Self.spelledInText(token.content) : String(decoding: token.content, as: UTF8.self)
            types[Int(token.id)] = token.isSpecial ? .control : .userDefined
        }
        if !isByteLevel, let unknown = definition.options.unknownID, Int(unknown) < vocabularySize {
            types[Int(unknown)] = .unknown
        }
        return (spellings, types)
    }

    /// A token as text is matched with it: before spaces are marked.
    private static func spelledInText(_ content: [UInt8]) -> String {
        String(decoding: UTF8Text.replacing(mark, with: [0x20], in: content), as: UTF8.self)
    }

    /// Score of each id, `[vocabularySize]`.
    ///
    /// llama.cpp joins neighbours that spell any token, the best score first. So tokens that no merge makes score less than all
    /// others: nothing is joined into them before a merge.
    private func scores() -> [Float] {
        var known = [Float?](repeating: nil, count: vocabularySize)
        for (id, score) in (definition.pieces?.scores ?? []).prefix(vocabularySize).enumerated() { known[id] = score }
        for (rank, merge) in definition.vocabulary.merges.enumerated()
        where Int(merge.result) < vocabularySize && known[Int(merge.result)] == nil {
            known[Int(merge.result)] = -Float(rank + 1)
        }
        let lowest = known.compactMap { $0 }.min() ?? 0
        let below = min(lowest - 1, lowest.nextDown)
        return known.map { $0 ?? below }
    }

    /// The merges of tokens that are written, as two tokens with a space between.
    private func merges() -> [String] {
        let tokens = definition.vocabulary.tokens
        let merges = definition.vocabulary.merges.filter { merge in
            [merge.left, merge.right, merge.result].allSatisfy { Int($0) < vocabularySize }
        }
        return merges.map { merge in
            String(decoding: (tokens[Int(merge.left)] ?? []) + [0x20] + (tokens[Int(merge.right)] ?? []), as: UTF8.self)
        }
    }
}
