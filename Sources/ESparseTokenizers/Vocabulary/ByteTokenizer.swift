// A tokenizer with one token a byte, for synthetic checkpoints, so that every command runs on them.

extension Tokenizer {
    /// A byte-level tokenizer without merges: `reserved` control tokens, then one token for each byte.
    ///
    /// - Throws: `TokenizerError`, never in practice.
    public static func bytes(reserved: Int) throws -> Tokenizer {
        let control = (0..<reserved).map { "<|\($0)|>" }
        let spelled = ByteAlphabet.scalars.map { scalar in
            String(Unicode.Scalar(scalar).map { Character($0) } ?? "?")
        }
        var metadata = GGUFTokenizerMetadata(model: "gpt2", tokens: control + spelled)
        metadata.pre = "gpt-2"
        metadata.tokenTypes = control.map { _ in 3 } + spelled.map { _ in 1 }
        return try load(gguf: metadata, name: "byte tokenizer")
    }
}
