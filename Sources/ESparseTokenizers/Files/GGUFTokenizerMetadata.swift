// The tokenizer that a GGUF file's metadata describes, as plain values.

/// Values of a GGUF file's `tokenizer.*` keys. Nil where a key is absent.
public struct GGUFTokenizerMetadata: Sendable {
    /// `tokenizer.ggml.model`: "gpt2" (byte-level) or "llama" (SentencePiece style).
    public var model: String
    /// `general.architecture`: some families' tokenizers have rules of their own that the other keys do not tell.
    public var architecture: String?
    /// `tokenizer.ggml.pre`: how a byte-level tokenizer cuts text.
    public var pre: String?
    /// `tokenizer.ggml.tokens`, by id.
    public var tokens: [String]
    /// `tokenizer.ggml.scores`, by id.
    public var scores: [Float]?
    /// `tokenizer.ggml.token_type`, by id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    public var tokenTypes: [Int32]?
    /// `tokenizer.ggml.merges`: two tokens with a space between, best first; empty where absent.
    public var merges: [String]
    /// `tokenizer.ggml.bos_token_id`.
    public var beginningOfSequenceID: Int?
    /// `tokenizer.ggml.eos_token_id`.
    public var endOfSequenceID: Int?
    /// `tokenizer.ggml.unknown_token_id`.
    public var unknownID: Int?
    /// `tokenizer.ggml.padding_token_id`.
    public var paddingID: Int?
    /// `tokenizer.ggml.add_bos_token`.
    public var addsBeginningOfSequence: Bool?
    /// `tokenizer.ggml.add_eos_token`.
    public var addsEndOfSequence: Bool?
    /// `tokenizer.ggml.add_space_prefix`.
    public var addsSpacePrefix: Bool?
    /// `tokenizer.chat_template`.
    public var chatTemplate: String?
    /// `tokenizer.chat_template.NAME` for each name in `tokenizer.chat_templates`.
    public var namedChatTemplates: [String: String] = [:]

    /// Starts from what every file must have.
    public init(model: String, tokens: [String], merges: [String] = []) {
        self.model = model
        self.tokens = tokens
        self.merges = merges
    }
}
