// What a token is for, as SentencePiece's model files and GGUF files number it.

/// The type of a token. The raw values are those of `ModelProto.SentencePiece.Type` and `tokenizer.ggml.token_type`.
enum PieceType: Int32, Sendable {
    /// Text is merged into it.
    case normal = 1
    /// Stands for what no other token spells.
    case unknown
    /// Never comes from text: the beginning of a sequence, for example.
    case control
    /// Found whole in the text, whatever is around it.
    case userDefined
    /// Merged like a normal token, then taken apart again.
    case unused
    /// One byte, spelled `<0x0A>`.
    case byte
}

/// How SentencePiece merges: by the scores of the tokens that come out, not by a list of merges.
struct PieceScores: Sendable {
    /// Score of each id, `[vocabulary size]`; the best neighbours are joined first.
    let scores: [Float]
    /// Type of each id, `[vocabulary size]`.
    let types: [PieceType]
}
