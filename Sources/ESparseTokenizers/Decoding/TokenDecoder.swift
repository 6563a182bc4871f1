// Turns tokens back into text.

/// The kinds of decoding.
enum TokenDecoder: Sendable, Equatable {
    /// Tokens spell bytes.
    case byteLevel
    /// SentencePiece style: strings are replaced in each token, byte tokens become bytes, and up to `strippedCount` of
    /// `stripped` are taken off the front of the text.
    case sentencePiece(replacements: [Replacement], byteFallback: Bool, stripped: [UInt8], strippedCount: Int)
    /// A visible mark becomes a space, or nothing in the first token.
    case metaspace(replacement: UInt32, stripsFirst: Bool)
    /// No decoder: tokens are separated by spaces.
    case spaceJoined

    /// A string that stands for another.
    struct Replacement: Sendable, Equatable {
        let pattern: [UInt8]
        let content: [UInt8]
    }

    /// The names tokenizer.json has for these.
    static let supported = "ByteLevel, Metaspace, and Sequence of Replace, ByteFallback, Fuse and Strip (from the left)"
}

/// Turns tokens into bytes one by one.
struct TokenAssembler: Sendable {
    private let decoder: TokenDecoder
    /// Whether bytes that are complete text so far are released although later ones might make them ill-formed.
    private let releasesEarly: Bool
    private var tokenCount = 0
    private var strippedCount = 0
    private var mayStrip = true
    private var byteRun: [UInt8] = []

    init(_ decoder: TokenDecoder, releasesEarly: Bool) {
        self.decoder = decoder
        self.releasesEarly = releasesEarly
    }

    /// Appends a token's bytes.
    mutating func append(_ token: [UInt8], to output: inout [UInt8]) {
        defer { tokenCount += 1 }
        switch decoder {
        case .byteLevel:
            output.append(contentsOf: ByteAlphabet.bytes(spelledBy: token))
        case .spaceJoined:
            if tokenCount > 0 { output.append(0x20) }
            output.append(contentsOf: token)
        case .metaspace(let replacement, let stripsFirst):
            let isStripped = stripsFirst && tokenCount == 0
            let space: [UInt8] = isStripped ? [] : [0x20]
            output.append(
                contentsOf: UTF8Text.replacing(UTF8Text.encoded(replacement), with: space, in: token))
        case .sentencePiece(let replacements, let byteFallback, _, _):
            var text = token
            for replacement in replacements {
                text = UTF8Text.replacing(replacement.pattern, with: replacement.content, in: text)
            }
            if byteFallback, let byte = TokenAssembler.fallbackByte(text) {
                byteRun.append(byte)
                if releasesEarly, String(validating: byteRun, as: UTF8.self) != nil { flushBytes(to: &output) }
            } else {
                flushBytes(to: &output)
                appendStripped(text, to: &output)
            }
        }
    }

    /// Appends what was held back.
    mutating func finish(_ output: inout [UInt8]) {
        flushBytes(to: &output)
    }

    /// A run of byte tokens is text if all of it is well-formed, else one U+FFFD a byte.
    private mutating func flushBytes(to output: inout [UInt8]) {
        guard !byteRun.isEmpty else { return }
        let isText = String(validating: byteRun, as: UTF8.self) != nil
        let text = isText ? byteRun : byteRun.flatMap { _ in UTF8Text.encoded(0xFFFD) }
        byteRun.removeAll(keepingCapacity: true)
        appendStripped(text, to: &output)
    }

    private mutating func appendStripped(_ text: [UInt8], to output: inout [UInt8]) {
        var start = 0
        if mayStrip, case .sentencePiece(_, _, let stripped, let limit) = decoder, !stripped.isEmpty {
            while strippedCount < limit, text[start...].starts(with: stripped) {
                start += stripped.count
                strippedCount += 1
            }
            if start < text.count || strippedCount >= limit { mayStrip = false }
        }
        output.append(contentsOf: text[start...])
    }

    /// The byte that a token `<0xHH>` stands for.
    private static func fallbackByte(_ token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: [0x3C, 0x30, 0x78]), token[5] == 0x3E,
            token[3...4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit })
        else { return nil }
        return UInt8(String(decoding: token[3...4], as: UTF8.self), radix: 16)
    }
}
