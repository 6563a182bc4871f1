// Turns tokens back into text.

/// The kinds of decoding.
enum TokenDecoder: Sendable, Equatable {
    /// Tokens spell bytes.
    case byteLevel
    /// SentencePiece style: strings are replaced in each token, byte tokens become bytes, and up to `strippedCount` of
    /// `stripped` are taken off the front of the text.
    case sentencePiece(replacements: [Replacement], byteFallback: Bool, stripped: [UInt8], strippedCount: Int)
    /// As SentencePiece decodes with its own model file: marks become spaces and byte tokens bytes. Where the model puts a space in
    /// front (`stripsFirst`) the first mark is left out; where it removes spaces (`stripsAll`), all marks at the start are.
    case pieces(stripsFirst: Bool, stripsAll: Bool, hasBytes: Bool)
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
    private var hasStripped = false
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
        case .pieces(let stripsFirst, let stripsAll, let hasBytes):
            if hasBytes, let byte = TokenAssembler.fallbackByte(token), BytePairModel.fallbackToken(byte) == token {
                byteRun.append(byte)
                releaseCharacters(to: &output, isRunComplete: false)
            } else {
                releaseCharacters(to: &output, isRunComplete: true)
                appendPiece(token, stripsFirst: stripsFirst, stripsAll: stripsAll, to: &output)
            }
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
        if case .pieces = decoder { return releaseCharacters(to: &output, isRunComplete: true) }
        flushBytes(to: &output)
    }

    /// Appends a piece with its marks as spaces, without those that stand for a space put in front.
    private mutating func appendPiece(_ piece: [UInt8], stripsFirst: Bool, stripsAll: Bool, to output: inout [UInt8]) {
        let mark = SentencePieceNormalizer.mark
        if hasStripped { mayStrip = false }
        let strips = mayStrip && (stripsFirst || stripsAll) && piece.starts(with: mark)
        hasStripped = strips && !stripsAll
        let text = UTF8Text.replacing(mark, with: [0x20], in: strips ? Array(piece.dropFirst(mark.count)) : piece)
        if !text.isEmpty { mayStrip = false }
        output.append(contentsOf: text)
    }

    /// Appends the characters that the run of byte tokens holds; a byte that is part of none becomes U+FFFD.
    private mutating func releaseCharacters(to output: inout [UInt8], isRunComplete: Bool) {
        var position = 0
        while position < byteRun.count {
            let rest = byteRun[position...]
            let length = rest[position] < 0x80 ? 1 : rest[position] < 0xE0 ? 2 : rest[position] < 0xF0 ? 3 : 4
            if rest.count >= length, String(validating: rest.prefix(length), as: UTF8.self) != nil {
                output.append(contentsOf: rest.prefix(length))
                position += length
            } else if !isRunComplete, UTF8Text.completePrefix(of: Array(rest)) == 0 {
                break
            } else {
                output.append(contentsOf: UTF8Text.encoded(0xFFFD))
                position += 1
            }
            mayStrip = false
        }
        byteRun.removeFirst(position)
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
