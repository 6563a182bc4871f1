// A conversation as templates see it: transformers' variables, from messages, tools and documents.

package import ESparseFormats

/// What a chat template renders.
package struct Conversation: Sendable {
    /// Objects with `role`, `content` and what else a template knows, first to last.
    package var messages: [JSONValue]
    /// Functions that the model may call, as JSON schemas.
    package var tools: [JSONValue]?
    /// Texts that the model may quote.
    package var documents: [JSONValue]?
    /// Whether the text ends with the header of the assistant's next turn.
    package var addsGenerationPrompt: Bool
    /// Further variables, such as `enable_thinking`.
    package var options: [String: JSONValue]

    package init(
        messages: [JSONValue], tools: [JSONValue]? = nil, documents: [JSONValue]? = nil,
        addsGenerationPrompt: Bool = true,
        options: [String: JSONValue] = [:]
    ) {
        self.messages = messages
        self.tools = tools
        self.documents = documents
        self.addsGenerationPrompt = addsGenerationPrompt
        self.options = options
    }

    /// The variables of a template, as transformers' `apply_chat_template` makes them.
    package var variables: [String: JSONValue] {
        var variables = options
        variables["messages"] = .array(messages.map(Self.prepared))
        variables["tools"] = tools.map { .array($0) } ?? .null
        variables["documents"] = documents.map { .array($0) } ?? .null
        variables["add_generation_prompt"] = .boolean(addsGenerationPrompt)
        return variables
    }

    /// Names that a message's reasoning goes by; templates read the first or the second.
    private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

    /// A message without null members, its reasoning under both names that templates read.
    private static func prepared(_ message: JSONValue) -> JSONValue {
        guard var members = message.members?.filter({ $0.value != .null }) else { return message }
        guard let reasoning = reasoningNames.lazy.compactMap({ message[$0] }).first else { return .object(members) }
        func member(_ name: String) -> JSONValue.Member { JSONValue.Member(key: Array(name.utf8), value: reasoning) }
        if message["thinking"] == nil { members.insert(member("thinking"), at: 0) }
        if let place = members.firstIndex(where: { $0.name == "reasoning_content" }) {
            members[place] = member("reasoning_content")
        } else {
            members.append(member("reasoning_content"))
        }
        return .object(members)
    }
}
