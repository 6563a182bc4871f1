// What can go wrong between opening a model and its text.

/// A model cannot write what is asked of it.
public enum RuntimeError: Error, Equatable, CustomStringConvertible {
    /// The model has no chat template.
    case noChatTemplate(path: String)
    /// A stop token that the vocabulary does not have.
    case unknownStopToken(String)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .noChatTemplate(let path):
            "\(path) has no chat template; leave out --chat to continue plain text, or put the template that the model "
                + "was trained with into its folder as chat_template.jinja"
        case .unknownStopToken(let text):
            "--stop \"\(text)\" is no token of the model's tokenizer; give one as the vocabulary spells it"
        }
    }
}
