// Loads the tokenizer of an opened checkpoint, from its folder or its GGUF metadata.

public import ESparseFormats

extension Tokenizer {
    /// Loads the tokenizer that belongs to a checkpoint.
    ///
    /// - Throws: `TokenizerError` when it is missing or malformed; `FormatError` when GGUF metadata has a wrong type.
    public static func load(_ checkpoint: Checkpoint) throws -> Tokenizer {
        switch checkpoint.tokenizer {
        case .folder(let folder): try load(folder: folder)
        case .gguf(let metadata): try load(gguf: GGUFTokenizerMetadata(metadata), name: metadata.path)
        }
    }
}

extension GGUFTokenizerMetadata {
    /// Picks the `tokenizer.*` keys out of a file's metadata.
    ///
    /// - Throws: `FormatError` where a key has a value of another type, or the vocabulary is missing.
    package init(_ metadata: GGUFMetadata) throws {
        guard let model = try metadata.string("tokenizer.ggml.model"),
            let tokens = try metadata.strings("tokenizer.ggml.tokens")
        else {
            throw FormatError.invalidField(
                path: metadata.path, field: "tokenizer.ggml.tokens", reason: "is missing: the file has no tokenizer")
        }
        self.init(model: model, tokens: tokens, merges: try metadata.strings("tokenizer.ggml.merges") ?? [])
        architecture = try metadata.string("general.architecture")
        pre = try metadata.string("tokenizer.ggml.pre")
        scores = try metadata.numbers("tokenizer.ggml.scores")
        tokenTypes = try metadata.integers("tokenizer.ggml.token_type")?.map { Int32(clamping: $0) }
        beginningOfSequenceID = try metadata.integer("tokenizer.ggml.bos_token_id")
        endOfSequenceID = try metadata.integer("tokenizer.ggml.eos_token_id")
        unknownID = try metadata.integer("tokenizer.ggml.unknown_token_id")
        paddingID = try metadata.integer("tokenizer.ggml.padding_token_id")
        addsBeginningOfSequence = try metadata.bool("tokenizer.ggml.add_bos_token")
        addsEndOfSequence = try metadata.bool("tokenizer.ggml.add_eos_token")
        addsSpacePrefix = try metadata.bool("tokenizer.ggml.add_space_prefix")
        chatTemplate = try metadata.string("tokenizer.chat_template")
        for name in try metadata.strings("tokenizer.chat_templates") ?? [] {
            namedChatTemplates[name] = try metadata.string("tokenizer.chat_template." + name)
        }
    }
}
