// The turns of a chat.

import ESparseFormats

/// One turn of a chat.
public struct ChatMessage: Sendable, Equatable {
    /// Who speaks.
    public enum Role: String, Sendable {
        /// Instructions for the model.
        case system
        /// The person.
        case user
        /// The model.
        case assistant
    }

    /// Who speaks.
    public let role: Role
    /// What is said; special tokens written in it are ordinary text.
    public let content: String

    /// Makes a turn.
    public init(_ role: Role, _ content: String) {
        self.role = role
        self.content = content
    }

    /// The turn as templates see it.
    var json: JSONValue {
        .object([
            JSONValue.Member(key: Array("role".utf8), value: .text(role.rawValue)),
            JSONValue.Member(key: Array("content".utf8), value: .text(content)),
        ])
    }
}
