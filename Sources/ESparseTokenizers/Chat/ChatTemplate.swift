// A model's own chat template, and chats written and encoded by it.

package import ESparseTemplates

/// The Jinja template that a model was trained with, run as transformers' `apply_chat_template` runs it.
public struct ChatTemplate: Sendable {
    private let template: Template
    /// The template for conversations with tools, where the model has one of its own.
    private let toolTemplate: Template?
    private let specialTokens: [String: String]

    /// The template of a tokenizer's model, or nil where it has none.
    ///
    /// - Throws: `TokenizerError.template` where it cannot be read.
    public init?(of tokenizer: Tokenizer) throws(TokenizerError) {
        let settings = tokenizer.definition.settings
        guard let source = settings.chatTemplate else { return nil }
        template = try Self.parsed(source)
        let named = settings.namedChatTemplates.first { $0.name == "tool_use" }
        if let named { toolTemplate = try Self.parsed(named.text) } else { toolTemplate = nil }
        specialTokens = settings.namedTokens.mapValues { String(decoding: $0, as: UTF8.self) }
    }

    /// A template that is not the model's own.
    ///
    /// - Parameters:
    ///   - source: the Jinja template.
    ///   - specialTokens: what it calls `bos_token` and so on.
    /// - Throws: `TokenizerError.template` where it cannot be read.
    public init(_ source: String, specialTokens: [String: String]) throws(TokenizerError) {
        template = try Self.parsed(source)
        toolTemplate = nil
        self.specialTokens = specialTokens
    }

    private static func parsed(_ source: String) throws(TokenizerError) -> Template {
        do { return try Template(source) } catch { throw .template(error) }
    }

    /// Writes a conversation.
    ///
    /// - Throws: `TokenizerError.template` where the template fails or refuses it.
    package func render(_ conversation: Conversation, clock: TemplateClock) throws(TokenizerError) -> RenderedText {
        let template = conversation.tools == nil ? template : toolTemplate ?? template
        do {
            return try template.render(conversation.variables, texts: specialTokens, clock: clock)
        } catch {
            throw .template(error)
        }
    }

    /// Ids that end the assistant's turn: the tokenizer's own, and what the template writes after an assistant's message.
    public func stopIDs(for tokenizer: Tokenizer) -> [Int32] {
        var ids = tokenizer.stopIDs
        let answer = "Yes."
        let probe = Conversation(
            messages: [ChatMessage(.user, "Well?").json, ChatMessage(.assistant, answer).json],
            addsGenerationPrompt: false)
        guard let chat = try? render(probe, clock: .now()),
            let range = chat.conversationRanges.last(where: { chat.bytes[$0].elementsEqual(answer.utf8) }),
            let id = tokenizer.controlToken(after: range.upperBound, in: chat.bytes), !ids.contains(id)
        else { return ids }
        ids.append(id)
        return ids
    }
}

extension Tokenizer {
    /// Ids of a chat.
    ///
    /// Message contents are protected: control tokens written in them become ordinary text, so that a user cannot end a turn
    /// or speak as the system. What is plain text to the model itself, such as `[INST]` of Llama 2, cannot be told apart.
    ///
    /// - Throws: `TokenizerError.template` when the template fails or refuses the chat.
    public func encode(
        chat messages: [ChatMessage], template: ChatTemplate, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int32] {
        let conversation = Conversation(messages: messages.map(\.json), addsGenerationPrompt: addGenerationPrompt)
        return encode(try template.render(conversation, clock: .now()))
    }

    /// Ids of what a template wrote.
    package func encode(_ chat: RenderedText) -> [Int32] {
        encode(repaired: chat.bytes, literal: chat.conversationRanges)
    }
}

extension TokenizerDefinition {
    /// Marks the tokens that a template writes as control tokens, whatever the tokenizer's files say about them.
    mutating func markControlTokens() {
        let sources = [settings.chatTemplate].compactMap(\.self) + settings.namedChatTemplates.map(\.text)
        let candidates = (addedTokens + symbols).filter { token in
            !token.isSpecial && !token.content.allSatisfy { [0x09, 0x0A, 0x0D, 0x20].contains($0) }
        }
        let matcher = AddedTokenMatcher(candidates.map { (token: $0, bytes: $0.content) })
        var found: Set<Int32> = []
        for literal in sources.flatMap(Template.literals) {
            for segment in matcher.segments(of: literal, accepts: { _, _ in true }) {
                if let id = segment.token { found.insert(id) }
            }
        }
        for place in addedTokens.indices where found.contains(addedTokens[place].id) {
            addedTokens[place].isControl = true
        }
        // What SentencePiece finds in text whatever is around it may be a control token under the same id.
        found.formUnion(addedTokens.filter { $0.isSpecial || $0.isControl }.map(\.id))
        for place in symbols.indices where found.contains(symbols[place].id) { symbols[place].isControl = true }
    }
}
