// A short digest of a run's inputs, by which a resumed run sees whether it was given the same ones.

import CZlib
import ESparseCore

/// Digests of inputs. They detect changes, not malice.
package enum InputDigest {
    private static let describing: Set = [
        "added_tokens.json", "config.json", "generation_config.json", "merges.txt", "model.safetensors.index.json",
        "special_tokens_map.json", "tokenizer.json",
        "tokenizer.model", "tokenizer_config.json", "vocab.json",
    ]
    private static let sampleSize = 1 << 16
    private static let sampleDistance = 1 << 24

    /// CRC-32 of bytes, as eight hexadecimal digits.
    package static func of(_ bytes: [UInt8]) -> String {
        hexadecimal(unsafe bytes.withUnsafeBytes { unsafe extend(0, $0) })
    }

    /// CRC-32 over a checkpoint's configuration, tokenizer and weight files: names, sizes, and 64 KiB out of every 16 MiB.
    ///
    /// - Throws: `FileError`.
    package static func of(_ checkpoint: Checkpoint) throws -> String {
        // GGUF files may be renamed.
        var files = checkpoint.parts.map { (name: "", path: $0) }
        if files.isEmpty {
            files = try FileSystem.names(in: checkpoint.path).filter {
                $0.hasSuffix(".safetensors") || describing.contains($0)
            }.map { ($0, checkpoint.path + "/" + $0) }
        }
        var sum: UInt = 0
        for (name, path) in files {
            let file = try ByteStorage(mapping: path)
            sum = unsafe Array("\(name) \(file.byteCount)".utf8).withUnsafeBytes { unsafe extend(sum, $0) }
            unsafe file.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: sampleDistance) {
                    let end = min(start + sampleSize, bytes.count)
                    sum = unsafe extend(sum, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                }
            }
        }
        return hexadecimal(sum)
    }

    private static func extend(_ sum: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        var sum = sum
        for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 30, bytes.count)])
            sum = unsafe crc32(sum, part.bindMemory(to: UInt8.self).baseAddress, UInt32(part.count))
        }
        return sum
    }

    private static func hexadecimal(_ sum: UInt) -> String {
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
}
