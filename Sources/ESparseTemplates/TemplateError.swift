// What can be wrong with a template, or with a conversation in a template's eyes.

/// A chat template could not be read or rendered.
public enum TemplateError: Error, Equatable, CustomStringConvertible {
    /// The text is no template that is understood here.
    case syntax(line: Int, reason: String)
    /// An operation that the values do not allow.
    case failed(line: Int, reason: String)
    /// The template itself refused the conversation, by `raise_exception`.
    case raised(line: Int, message: String)
    /// More time, memory or nesting than a template may have.
    case limit(line: Int, reason: String)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .syntax(let line, let reason):
            "the chat template cannot be read at line \(line): \(reason)"
        case .failed(let line, let reason):
            "the chat template fails at line \(line): \(reason)"
        case .raised(let line, let message):
            "the chat template refuses the conversation at line \(line): \(message)"
        case .limit(let line, let reason):
            "the chat template was stopped at line \(line): \(reason)"
        }
    }
}

/// A `TemplateError` whose line the parser or the interpreter adds.
struct Problem: Error {
    enum Kind { case syntax, failure, raised, limit }

    let kind: Kind
    let reason: String

    static func syntax(_ reason: String) -> Problem { Problem(kind: .syntax, reason: reason) }
    static func failure(_ reason: String) -> Problem { Problem(kind: .failure, reason: reason) }
    static func limit(_ reason: String) -> Problem { Problem(kind: .limit, reason: reason) }

    /// What the template says to `raise_exception`: on one line, and of bounded length.
    static func raised(_ message: Text) -> Problem {
        Problem(kind: .raised, reason: message.excerpt(400))
    }

    /// The error for the user.
    func error(line: Int) -> TemplateError {
        switch kind {
        case .syntax: .syntax(line: line, reason: reason)
        case .failure: .failed(line: line, reason: reason)
        case .raised: .raised(line: line, message: reason)
        case .limit: .limit(line: line, reason: reason)
        }
    }
}
