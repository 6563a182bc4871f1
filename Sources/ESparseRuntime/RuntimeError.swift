// What can go wrong between opening a model and its text.

/// A model cannot write what is asked of it.
public enum RuntimeError: Error, Equatable, CustomStringConvertible {
    /// The model has no chat form that is known here.
    case noChatFormat(path: String)
    /// A stop token that the vocabulary does not have.
    case unknownStopToken(String)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .noChatFormat(let path):
            "\(path) has no chat format that is supported (ChatML, Llama 2, Llama 3); leave out --chat to continue plain text"
        case .unknownStopToken(let text):
            "--stop \"\(text)\" is no token of the model's tokenizer; give one as the vocabulary spells it"
        }
    }
}
