// The committed fixtures and the files that may be on this machine.

import ESparseTokenizers
import FoundationEssentials
import Testing

/// Reads what scripts/fixtures/make_tokenizers.py wrote.
enum TokenizerFixtures {
    struct Case: Decodable {
        let ids: [Int32]
        let decoded: String
        /// Ids with special tokens taken as text, where they differ.
        let literal: [Int32]?
    }

    struct Decoding: Decodable {
        let ids: [Int32]
        let decoded: String
        let skipped: String
    }

    struct Expectations: Decodable {
        let cases: [Case]
        let decodings: [Decoding]
        /// Ids of "x" with the template's tokens around.
        let aroundX: [Int32]
        let size: Int
    }

    static let kinds = [
        "gpt2", "gpt2_prefix_space", "smollm", "llama3", "qwen2", "llama2", "llama2_normalized", "mistral", "metaspace",
        "no_fusing", "tekken", "gpt4o", "olmo2", "string_splits", "gemma", "phi3",
    ]

    static var folder: String {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast()
        return parts.joined(separator: "/") + "/Fixtures"
    }

    static func data(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: folder + "/" + name))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        try JSONDecoder().decode(type, from: data(name))
    }

    /// The inputs, as bytes that may not be UTF-8.
    static func inputs() throws -> [[UInt8]] {
        try decode([String].self, "inputs.json").map { hex in
            var bytes: [UInt8] = []
            var digits = Substring(hex)
            while let byte = UInt8(digits.prefix(2), radix: 16) {
                bytes.append(byte)
                digits = digits.dropFirst(2)
            }
            return bytes
        }
    }

    static func tokenizer(_ kind: String) throws -> Tokenizer {
        try Tokenizer.load(folder: folder + "/" + kind)
    }

    /// A folder with these files and the tokenizer.model of a kind of `SentencePieceTests`, removed when `body` returns.
    static func withFolder<Result>(
        _ files: [String: [UInt8]], model kind: String? = nil, _ body: (String) throws -> Result
    ) throws -> Result {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.path + "/esparse-tokenizer-" + UUID().uuidString
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? manager.removeItem(atPath: folder) }
        for (name, bytes) in files {
            let path = URL(filePath: folder + "/" + name)
            try manager.createDirectory(
                atPath: path.deletingLastPathComponent().path, withIntermediateDirectories: true)
            try Data(bytes).write(to: path)
        }
        if let kind {
            try data("sentencepiece/\(kind)/tokenizer.model").write(to: URL(filePath: folder + "/tokenizer.model"))
        }
        return try body(folder)
    }

    /// A file of the shared data, where it is present.
    static func shared(_ name: String) -> String? {
        let root = folder.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let data = ProcessInfo.processInfo.environment["ESPARSE_SHARED_DATA"] ?? root + "/../shared/data"
        return FileManager.default.fileExists(atPath: data + "/" + name) ? data + "/" + name : nil
    }

    /// The SmolLM2 GGUF, where it is present.
    static var smollm2: String? {
        ProcessInfo.processInfo.environment["ESPARSE_SMOLLM2"] ?? cached("SmolLM2-135M-Instruct.Q4_1.gguf")
    }

    /// A real model's file in ~/.cache/esparse, where scripts/model.sh puts it.
    static func cached(_ name: String) -> String? {
        let path = (ProcessInfo.processInfo.environment["HOME"] ?? "") + "/.cache/esparse/" + name
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }
}

/// FNV-1a of the ids as little-endian 32-bit integers.
func hash(_ ids: [Int32]) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
        for shift in [0, 8, 16, 24] as [Int32] {
            value = (value ^ UInt64(UInt8(truncatingIfNeeded: id >> shift))) &* 0x100_0000_01B3
        }
    }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
