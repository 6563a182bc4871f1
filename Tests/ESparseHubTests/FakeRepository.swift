// A repository that the loopback hub serves.

import Crypto

/// A repository with its contents.
struct FakeRepository: Sendable {
    var name = "acme/tiny"
    var commit = "0123456789abcdef0123456789abcdef01234567"
    /// Contents by name.
    var files: [String: [UInt8]] = [:]
    /// Names of files that are kept apart and redirected to.
    var large: Set<String> = []

    /// The digest that is a file's ETag.
    func etag(_ file: String) -> String {
        let bytes = files[file] ?? []
        return large.contains(file) ? Self.sha256(bytes) : Self.gitBlob(bytes)
    }

    static func sha256(_ bytes: [UInt8]) -> String { hexadecimal(SHA256.hash(data: bytes)) }

    static func gitBlob(_ bytes: [UInt8]) -> String {
        hexadecimal(Insecure.SHA1.hash(data: Array("blob \(bytes.count)\0".utf8) + bytes))
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// A model in two shards, with much beside it that nobody needs.
    static var sharded: FakeRepository {
        let index = #"""
            {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
            """#
        return FakeRepository(
            files: [
                "config.json": Array(#"{"model_type": "llama"}"#.utf8),
                "generation_config.json": Array("{}".utf8),
                "tokenizer.json": bytes(20_000, seed: 3),
                "LICENSE.txt": Array("Do as you like.".utf8),
                "model.safetensors.index.json": Array(index.utf8),
                "model-00001-of-00002.safetensors": bytes(300_000, seed: 1),
                "model-00002-of-00002.safetensors": bytes(200_000, seed: 2),
                "README.md": Array("# Tiny".utf8), "pytorch_model.bin": bytes(1000, seed: 4),
                "consolidated.safetensors": bytes(1000, seed: 5), "onnx/model.onnx": bytes(1000, seed: 6),
                ".gitattributes": [],
            ],
            large: [
                "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "pytorch_model.bin", "consolidated.safetensors", "onnx/model.onnx",
            ])
    }

    /// Names of `sharded` that a model needs.
    static let neededOfSharded = [
        "LICENSE.txt", "README.md", "config.json", "generation_config.json", "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json",
    ]

    /// Bytes without a short period.
    static func bytes(_ count: Int, seed: UInt32) -> [UInt8] {
        var state = seed &* 2_654_435_761 &+ 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }
}
