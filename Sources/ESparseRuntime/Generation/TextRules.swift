// From a prompt or a chat to a request: tokens, and the rules that every text of a run is written by.

import ESparseFormats
public import ESparseModels
public import ESparseTokenizers

/// Makes requests of texts.
public struct TextRules: Sendable {
    private let tokenizer: Tokenizer
    /// The model's chat template; nil where texts are continued as they are.
    private let template: ChatTemplate?
    /// Everything but the prompt.
    private var rules: GenerationRequest
    /// What an empty prompt starts from.
    private let beginToken: Int32

    /// Rules for texts of a model.
    ///
    /// A text ends at the model's own stop tokens, at what its chat template ends a turn with, and at `stopTokens`, in the
    /// vocabulary's spelling.
    /// - Throws: `RuntimeError` when a stop token is unknown, or when chats are asked for and the model has no template;
    ///   `TokenizerError` when the template cannot be read.
    public init(
        _ model: OpenedModel, sampling: SamplingSettings, seed: UInt64, maximumTokens: Int, stopTokens: [String],
        isChat: Bool
    ) throws {
        tokenizer = model.tokenizer
        template = try isChat ? ChatTemplate(of: tokenizer) : nil
        if isChat, template == nil { throw RuntimeError.noChatTemplate(path: model.checkpoint.path) }
        var stops = Set(model.architecture.endTokens).union(tokenizer.stopIDs)
        if let template { stops.formUnion(template.stopIDs(for: tokenizer)) }
        for text in stopTokens {
            guard let id = tokenizer.id(ofToken: text) else { throw RuntimeError.unknownStopToken(text) }
            stops.insert(id)
        }
        rules = GenerationRequest(
            prompt: [], maximumTokens: maximumTokens, sampling: sampling, stopTokens: stops, seed: seed)
        // A model that knows no BOS token still needs something to start from.
        beginToken = model.architecture.beginToken ?? 0
    }

    /// Asks for the continuation of a text.
    public func request(continuing text: String) -> GenerationRequest {
        request(after: tokenizer.encode(text))
    }

    /// Asks for the next turn of a chat; needs rules for chats.
    ///
    /// - Throws: `TokenizerError.template` when the model's template fails or refuses the chat.
    public func request(answering chat: [ChatMessage]) throws -> GenerationRequest {
        guard let template else { preconditionFailure("these rules are not for chats") }
        return request(after: try tokenizer.encode(chat: chat, template: template))
    }

    private func request(after prompt: [Int32]) -> GenerationRequest {
        var request = rules
        request.prompt = prompt.isEmpty ? [beginToken] : prompt
        return request
    }
}
