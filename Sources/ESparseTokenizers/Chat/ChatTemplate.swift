// Writes chats in the form a model was trained on.

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
}

/// A chat as text, with the places that came from messages.
public struct RenderedChat: Sendable, Equatable {
    /// The text, special tokens written out.
    public fileprivate(set) var text = ""
    /// UTF-8 ranges of message contents, ascending: special tokens in these are ordinary text.
    public fileprivate(set) var contentRanges: [Range<Int>] = []

    fileprivate mutating func marker(_ marker: String) { text += marker }

    fileprivate mutating func content(_ content: String) {
        let start = text.utf8.count
        text += content
        contentRanges.append(start..<text.utf8.count)
    }
}

/// The chat forms that are known.
public enum ChatTemplate: Sendable, Equatable {
    /// `<|im_start|>role\n…<|im_end|>\n`; the default system message is put first where the chat does not begin with one.
    case chatML(defaultSystemMessage: String?)
    /// `[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`, user and assistant in turn.
    case llama2
    /// `<|start_header_id|>role<|end_header_id|>\n\n…<|eot_id|>`; Llama 3.1 and later put a preamble (its date) in front of
    /// the system message, which is then always there.
    case llama3(systemPreamble: String?)

    /// Control tokens of these forms, whatever the tokenizer's files say about them.
    static let markers = [
        "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>", "<|eom_id|>", "<s>", "</s>",
    ]

    /// Writes a chat as the model's own template does.
    ///
    /// - Parameters:
    ///   - messages: the turns, first to last.
    ///   - tokenizer: whose special tokens begin and end the turns.
    ///   - addGenerationPrompt: whether to end with the header of the assistant's next turn.
    /// - Throws: `TokenizerError.chat` when the form cannot express the order of the roles.
    public func render(
        _ messages: [ChatMessage], for tokenizer: Tokenizer, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> RenderedChat {
        var chat = RenderedChat()
        switch self {
        case .chatML(let defaultSystemMessage):
            var messages = messages
            if let defaultSystemMessage, let first = messages.first, first.role != .system {
                messages.insert(ChatMessage(.system, defaultSystemMessage), at: 0)
            }
            for message in messages {
                chat.marker("<|im_start|>\(message.role.rawValue)\n")
                chat.content(message.content)
                chat.marker("<|im_end|>\n")
            }
            if addGenerationPrompt { chat.marker("<|im_start|>assistant\n") }
        case .llama3(let preamble):
            chat.marker("<|begin_of_text|>")
            var messages = messages
            if let preamble {
                chat.marker("<|start_header_id|>system<|end_header_id|>\n\n\(preamble)")
                if messages.first?.role == .system { chat.content(Self.stripped(messages.removeFirst().content)) }
                chat.marker("<|eot_id|>")
            }
            for message in messages {
                chat.marker("<|start_header_id|>\(message.role.rawValue)<|end_header_id|>\n\n")
                chat.content(Self.stripped(message.content))
                chat.marker("<|eot_id|>")
            }
            if addGenerationPrompt { chat.marker("<|start_header_id|>assistant<|end_header_id|>\n\n") }
        case .llama2:
            try Self.renderLlama2(messages, tokenizer, &chat)
        }
        return chat
    }

    private static func renderLlama2(
        _ messages: [ChatMessage], _ tokenizer: Tokenizer, _ chat: inout RenderedChat
    ) throws(TokenizerError) {
        let beginning = tokenizer.beginningOfSequenceID.flatMap(tokenizer.token) ?? "<s>"
        let end = tokenizer.endOfSequenceID.flatMap(tokenizer.token) ?? "</s>"
        var messages = messages
        let system = messages.first?.role == .system ? messages.removeFirst().content : nil
        for (index, message) in messages.enumerated() {
            guard message.role == (index % 2 == 0 ? .user : .assistant) else {
                throw .chat(reason: "user and assistant must take turns, beginning with the user")
            }
            if message.role == .assistant {
                chat.marker(" ")
                chat.content(stripped(message.content))
                chat.marker(" \(end)")
                continue
            }
            chat.marker("\(beginning)[INST] ")
            if index == 0, let system {
                chat.marker("<<SYS>>\n")
                chat.content(system)
                chat.marker("\n<</SYS>>\n\n")
                chat.content(strippedRight(message.content))
            } else {
                chat.content(stripped(message.content))
            }
            chat.marker(" [/INST]")
        }
    }

    /// Ids that end the assistant's turn.
    public func stopIDs(for tokenizer: Tokenizer) -> [Int32] {
        let turnEnds =
            switch self {
            case .chatML: ["<|im_end|>"]
            case .llama2: [String]()
            case .llama3: ["<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"]
            }
        var ids = tokenizer.stopIDs
        for id in turnEnds.compactMap(tokenizer.id(ofToken:)) where !ids.contains(id) { ids.append(id) }
        return ids
    }

    /// Python's `str.strip`: white space and the separators U+001C to U+001F go.
    private static func stripped(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let start = scalars.firstIndex(where: { !isStripped($0) }) else { return "" }
        return strippedRight(String(String.UnicodeScalarView(scalars[start...])))
    }

    private static func strippedRight(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let end = scalars.lastIndex(where: { !isStripped($0) }) else { return "" }
        return String(String.UnicodeScalarView(scalars[...end]))
    }

    private static func isStripped(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
}

extension Tokenizer {
    /// Ids of a chat.
    ///
    /// Message contents are protected: special tokens and chat markers written in them become ordinary text, so that a
    /// user cannot end a turn or speak as the system. `[INST]` and `<<SYS>>` of Llama 2 are plain text to the model itself
    /// and cannot be told apart.
    ///
    /// - Throws: `TokenizerError.chat` when the template cannot express the chat.
    public func encode(
        chat messages: [ChatMessage], template: ChatTemplate, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int32] {
        let chat = try template.render(messages, for: self, addGenerationPrompt: addGenerationPrompt)
        return encode(repaired: Array(chat.text.utf8), literal: chat.contentRanges)
    }
}
