// `esparse generate`: continue a prompt, or talk to a model.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparseReport
import ESparseRuntime
import ESparseTokenizers
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a prompt, or chat.",
        discussion: """
            Text streams to stdout as it is drawn; speed is reported on stderr. With --chat the prompt is a user's message \
            by the model's own chat template; without --prompt, messages are read line by line from stdin.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOption
    @OptionGroup var profile: ProfileOption

    @Option(help: ArgumentHelp("Text to continue, or the message with --chat.", valueName: "text"))
    var prompt: String?

    @Flag(help: "Use the model's chat template.")
    var chat = false

    @Option(help: ArgumentHelp("System message of a chat.", valueName: "text"))
    var system: String?

    @Option(help: ArgumentHelp("The most tokens to draw.", valueName: "n"))
    var maxTokens: Int = 256

    @Option(help: ArgumentHelp("Divides the logits; 0 always takes the likeliest token.", valueName: "number"))
    var temperature: Float = 0.7

    @Option(help: ArgumentHelp("Draw from the n likeliest tokens only.", valueName: "n"))
    var topK: Int?

    @Option(help: ArgumentHelp("Draw from the likeliest tokens that together reach this probability.", valueName: "p"))
    var topP: Float?

    @Option(help: ArgumentHelp("Seed of the draws; 0 where not given.", valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("A further token that ends the text; may be repeated.", valueName: "token"))
    var stop: [String] = []

    @OptionGroup var json: JSONOption

    func validate() throws {
        guard prompt != nil || chat else { throw ValidationError("give --prompt, or --chat to talk on stdin") }
        guard maxTokens > 0 else { throw ValidationError("--max-tokens must be at least 1") }
        do {
            _ = try SamplingSettings(temperature: temperature, topK: topK, topP: topP)
        } catch {
            throw ValidationError("\(error)")
        }
        try requireEffect(of: ["--system": system != nil], with: "--chat", chat)
        try requireEffect(
            of: ["--top-k": topK != nil, "--top-p": topP != nil, "--seed": seed != nil],
            with: "a --temperature above 0",
            temperature > 0)
    }

    func run() async throws {
        let progress = TerminalProgress()
        try self.device.check(precision: model.requestedPrecision, threads: model.threads, profile: profile.source)
        let opened = try model.open(progress)
        let rules = try TextRules(
            opened, sampling: SamplingSettings(temperature: temperature, topK: topK, topP: topP), seed: seed ?? 0,
            maximumTokens: maxTokens, stopTokens: stop, isChat: chat)
        let device = try device.open(
            precision: model.requestedPrecision, threads: model.threads, profile: profile.source,
            weightType: opened.weightType, note: progress.note)
        try await generate(opened, rules, on: device.backend, progress)
    }

    private func generate(
        _ opened: OpenedModel, _ rules: TextRules, on backend: some RuntimeBackend, _ progress: TerminalProgress
    ) async throws {
        let engine = GenerationEngine(model: try opened.load(onto: backend, progress: progress), slotCount: 1)
        func write(_ request: GenerationRequest) async throws -> GeneratedText {
            let result = try await engine.text(of: request, tokenizer: opened.tokenizer, onText: Self.show)
            try finish(result, progress)
            return result
        }
        guard chat else {
            _ = try await write(rules.request(continuing: prompt ?? ""))
            return
        }
        var messages = system.map { [ChatMessage(.system, $0)] } ?? []
        if let prompt {
            messages.append(ChatMessage(.user, prompt))
            _ = try await write(rules.request(answering: messages))
            return
        }
        while let line = try Signals.endingAtOnce({ readLine() }) {
            messages.append(ChatMessage(.user, line))
            let result = try await write(rules.request(answering: messages))
            messages.append(ChatMessage(.assistant, result.text))
        }
    }

    private func finish(_ result: GeneratedText, _ progress: TerminalProgress) throws {
        Self.show("\n")
        progress.note(
            "\(result.tokenCount) tokens, first after \(Quantity.fixed(result.secondsToFirstToken, decimals: 2)) s, "
                + "then \(Quantity.fixed(result.decodeTokensPerSecond, decimals: 1)) tokens/s (\(result.reason.rawValue))"
        )
        try json.write(encoding: GenerationReport(prompt: prompt ?? "", result: result))
    }

    /// Prints at once, without waiting for the end of the line.
    private static func show(_ text: String) {
        print(text, terminator: "")
        fflush(nil)
    }
}

/// What `--json` writes.
private struct GenerationReport: Encodable {
    let prompt: String
    let text: String
    let tokens: Int
    let reason: String
    let secondsToFirstToken: Double
    let decodeTokensPerSecond: Double

    init(prompt: String, result: GeneratedText) {
        self.prompt = prompt
        text = result.text
        tokens = result.tokenCount
        reason = result.reason.rawValue
        secondsToFirstToken = result.secondsToFirstToken
        decodeTokensPerSecond = result.decodeTokensPerSecond
    }

    enum CodingKeys: String, CodingKey {
        case prompt, text, tokens
        case reason = "finish_reason"
        case secondsToFirstToken = "time_to_first_token_seconds"
        case decodeTokensPerSecond = "decode_tokens_per_second"
    }
}
