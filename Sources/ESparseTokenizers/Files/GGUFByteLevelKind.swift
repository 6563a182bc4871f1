// How byte-level tokenizers cut text, under the names that GGUF files have for it.

/// What `tokenizer.ggml.pre` says of a byte-level tokenizer.
struct GGUFByteLevelKind: Sendable {
    /// Names in files; the first is written.
    let names: [String]
    /// How normalised text is cut into words.
    let preTokenizers: [PreTokenizer]
    /// What is done with the text before.
    let normalizers: [Normalizer]
    /// A word that is a token as a whole is that token.
    let ignoresMerges: Bool
    /// Whether a beginning-of-sequence token is put in front where the file does not say.
    let addsBeginning: Bool

    private init(
        _ names: [String], _ preTokenizers: [PreTokenizer], normalizers: [Normalizer] = [], ignoresMerges: Bool = false,
        addsBeginning: Bool = false
    ) {
        self.names = names
        self.preTokenizers = preTokenizers
        self.normalizers = normalizers
        self.ignoresMerges = ignoresMerges
        self.addsBeginning = addsBeginning
    }

    private static let bytes = PreTokenizer.byteLevel(addPrefixSpace: false, usesPattern: false)
    private static let gpt2Words = PreTokenizer.byteLevel(addPrefixSpace: false, usesPattern: true)

    /// All kinds.
    static let all = [
        GGUFByteLevelKind(["gpt-2", "olmo"], [gpt2Words]),
        GGUFByteLevelKind(["smollm"], [.digits(individually: true), gpt2Words]),
        GGUFByteLevelKind(
            ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"], [.split(.llama3), bytes], ignoresMerges: true,
            addsBeginning: true),
        // OLMo 2's too.
        GGUFByteLevelKind(["dbrx", "smaug-bpe"], [.split(.llama3), bytes]),
        GGUFByteLevelKind(
            ["qwen2", "deepseek-r1-qwen"], [.split(.qwen2), bytes], normalizers: [.composed]),
        GGUFByteLevelKind(["tekken"], [.split(.tekken), bytes], ignoresMerges: true, addsBeginning: true),
        GGUFByteLevelKind(["gpt-4o", "llama4"], [.split(.gpt4o), bytes]),
    ]

    /// The kind of this name, or nil where there is none.
    static func named(_ name: String) -> GGUFByteLevelKind? { all.first { $0.names.contains(name) } }

    /// The kind of a tokenizer, or nil where no name stands for it.
    static func of(_ definition: TokenizerDefinition) -> GGUFByteLevelKind? {
        all.first {
            $0.preTokenizers == definition.preTokenizers && $0.normalizers == definition.normalizers
                && $0.ignoresMerges == definition.options.ignoresMerges
        }
    }

    /// All names, for messages.
    static var supported: String {
        all.map { kind in
            kind.names[0] + (kind.names.count > 1 ? " (\(kind.names.dropFirst().joined(separator: ", ")))" : "")
        }.joined(separator: ", ")
    }
}
