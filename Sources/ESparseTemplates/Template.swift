// A chat template: parsed once, rendered for each conversation.

package import ESparseFormats

/// A Jinja template as transformers' `apply_chat_template` runs it.
package struct Template: Sendable {
    private let statements: [Statement]
    private let limits: TemplateLimits

    /// Parses a template.
    ///
    /// - Throws: `TemplateError` naming the line.
    package init(_ source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
        guard source.utf8.count <= limits.sourceBytes else {
            throw .limit(line: 1, reason: "it has more than \(limits.sourceBytes) bytes")
        }
        var lexer = Lexer(source)
        let tokens: [Token]
        do {
            tokens = try lexer.run()
        } catch {
            throw error.error(line: lexer.line)
        }
        var parser = Parser(tokens)
        do {
            statements = try parser.template()
        } catch {
            throw error.error(line: parser.line)
        }
        if let unknown = parser.unknownNames.first { throw .syntax(line: unknown.line, reason: unknown.problem.reason) }
        self.limits = limits
    }

    /// The texts that a template writes as they are, UTF-8: its text between tags, and its strings. What of it can be read, where
    /// it is no sound template.
    package static func literals(of source: String) -> [[UInt8]] {
        var lexer = Lexer(source)
        _ = try? lexer.run()
        return lexer.tokens.compactMap { (token) -> [UInt8]? in
            switch token.kind {
            case .data(let text), .string(let text): RenderedText(text.letters).bytes
            default: nil
            }
        }
    }

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - variables: what the template can name, such as `messages`; texts in it count as the conversation's own.
    ///   - texts: special tokens and what else is the model's own text.
    ///   - clock: what `strftime_now` tells.
    /// - Throws: `TemplateError` naming the line.
    package func render(
        _ variables: [String: JSONValue], texts: [String: String] = [:], clock: TemplateClock
    ) throws(TemplateError) -> RenderedText {
        let interpreter = Interpreter(limits, clock)
        defer { interpreter.releaseObjects() }
        do {
            for (name, value) in variables { interpreter.root[name] = try Value(value, interpreter.meter) }
            for (name, text) in texts { interpreter.root[name] = .text(Text(text)) }
            try interpreter.run(statements, in: interpreter.root)
        } catch {
            throw error.error(line: interpreter.line)
        }
        return RenderedText(interpreter.output)
    }
}

/// What a template wrote, with the places that came from the conversation.
package struct RenderedText: Sendable, Equatable {
    /// UTF-8.
    package private(set) var bytes: [UInt8] = []
    /// Ranges of `bytes` that came from the conversation, ascending and apart.
    package private(set) var conversationRanges: [Range<Int>] = []

    init(_ letters: [Letter]) {
        bytes.reserveCapacity(letters.count)
        var start: Int?
        for letter in letters {
            if letter.isLiteral, start == nil { start = bytes.count }
            if !letter.isLiteral, let first = start {
                conversationRanges.append(first..<bytes.count)
                start = nil
            }
            bytes.append(contentsOf: UTF8.encode(letter.scalar) ?? UTF8.encodedReplacementCharacter)
        }
        if let start { conversationRanges.append(start..<bytes.count) }
    }

    /// The text.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Value {
    /// A JSON value of the conversation. The `role` of a message is the template's vocabulary, not text, where it is a
    /// plain word: templates build control tokens of it.
    init(_ json: JSONValue, _ meter: Meter) throws(Problem) {
        switch json {
        case .null: self = .none
        case .boolean(let value): self = .boolean(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .float(value)
        case .string(let bytes):
            try meter.allocate(letters: bytes.count)
            self = .text(Text(String(decoding: bytes, as: UTF8.self), isLiteral: true))
        case .array(let elements):
            var values: [Value] = []
            for element in elements { values.append(try Value(element, meter)) }
            self = try .list(of: values, meter)
        case .object(let members):
            let dictionary = ValueDictionary()
            for member in members {
                let isRole = member.name == "role"
                var value = try Value(member.value, meter)
                if isRole, let text = value.text, text.letters.allSatisfy(\.isWord) { value = .text(Text(text.string)) }
                try dictionary.set(.text(Text(member.name, isLiteral: true)), value, meter)
            }
            self = .dictionary(dictionary)
        }
    }
}
