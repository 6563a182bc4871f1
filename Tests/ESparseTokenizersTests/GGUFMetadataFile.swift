// Reads the tokenizer's keys from a GGUF file that is known to be good; the hardened reader is ESparseFormats'.

import ESparseTokenizers
import FoundationEssentials

/// A cursor over a GGUF file's metadata.
struct GGUFMetadataFile {
    private enum Value {
        case number(Int)
        case float(Float)
        case text(String)
        case array([Value])
    }

    private let data: Data
    private var position = 24
    private var values: [String: Value] = [:]

    /// Reads the tokenizer of the file at `path`.
    static func tokenizer(_ path: String) throws -> GGUFTokenizerMetadata {
        let file = try GGUFMetadataFile(path)
        func strings(_ key: String) -> [String] {
            guard case .array(let values)? = file.values["tokenizer.ggml.\(key)"] else { return [] }
            return values.map { if case .text(let text) = $0 { text } else { "" } }
        }
        func text(_ key: String) -> String? {
            if case .text(let text)? = file.values["tokenizer.\(key)"] { text } else { nil }
        }
        func number(_ key: String) -> Int? {
            if case .number(let number)? = file.values["tokenizer.ggml.\(key)"] { number } else { nil }
        }
        var metadata = GGUFTokenizerMetadata(
            model: text("ggml.model") ?? "", tokens: strings("tokens"), merges: strings("merges"))
        metadata.pre = text("ggml.pre")
        if case .array(let types)? = file.values["tokenizer.ggml.token_type"] {
            metadata.tokenTypes = types.map { if case .number(let number) = $0 { Int32(number) } else { 0 } }
        }
        metadata.beginningOfSequenceID = number("bos_token_id")
        metadata.endOfSequenceID = number("eos_token_id")
        metadata.unknownID = number("unknown_token_id")
        metadata.paddingID = number("padding_token_id")
        metadata.addsBeginningOfSequence = number("add_bos_token").map { $0 != 0 }
        metadata.chatTemplate = text("chat_template")
        return metadata
    }

    private init(_ path: String) throws {
        // 16 MiB hold the metadata of the one file this is for.
        data = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped).prefix(1 << 24)
        position = 16
        let count = integer(8)
        for _ in 0..<count {
            let key = string()
            values[key] = value(type: integer(4))
        }
    }

    private mutating func integer(_ byteCount: Int) -> Int {
        var result: UInt64 = 0
        for index in 0..<byteCount { result |= UInt64(data[position + index]) << UInt64(8 * index) }
        position += byteCount
        return Int(truncatingIfNeeded: result)
    }

    private mutating func string() -> String {
        let count = integer(8)
        defer { position += count }
        return String(decoding: data[position..<(position + count)], as: UTF8.self)
    }

    private mutating func value(type: Int) -> Value {
        switch type {
        case 0, 1, 7: return .number(integer(1))
        case 2, 3: return .number(integer(2))
        case 4, 5: return .number(integer(4))
        case 6: return .float(Float(bitPattern: UInt32(truncatingIfNeeded: integer(4))))
        case 8: return .text(string())
        case 9:
            let element = integer(4)
            let count = integer(8)
            return .array((0..<count).map { _ in value(type: element) })
        default: return .number(integer(8))
        }
    }
}
