// Reads calibration and evaluation texts: plain text or JSON lines, gzip of either.

import ESparseCore

/// Text files for calibration and evaluation.
///
/// `.jsonl`, `.ndjson` and `.json` (with or without `.gz`) hold one JSON object a line with the document under `text`;
/// every other file is one document. Gzip is recognised by its first bytes, not by its name. Line ends are kept as they
/// are. A pipe has no such name, so it also holds JSON lines where its first line is an object with a text under `text`.
/// Invalid UTF-8 becomes U+FFFD, as Python's `errors="replace"` does; `contents` gives the bytes untouched.
public enum TextFile {
    /// Most bytes that a compressed text may expand to, and most that a pipe may give.
    public static let expansionLimit = 4 << 30

    /// The bytes of a file or pipe, inflated where it is gzip.
    ///
    /// - Throws: `FileError` when the file cannot be read, `FormatError` when its gzip is damaged or it is too long.
    package static func contents(_ path: String, limit: Int = expansionLimit) throws -> [UInt8] {
        let bytes: [UInt8]
        if FileSystem.isStream(path) {
            guard let read = try ByteStream.read(path, limit: limit) else {
                throw FormatError.streamTooLong(path: path, limit: limit)
            }
            bytes = read
        } else {
            bytes = try FileSystem.read(path)
        }
        return Gzip.isCompressed(bytes) ? try Gzip.decompress(bytes, path: path, limit: limit) : bytes
    }

    /// The documents of a file, in order. Documents of white space alone are kept; blank lines of JSON lines are not
    /// documents.
    ///
    /// - Throws: `FileError` or `FormatError`; a malformed line is named by its number.
    public static func documents(_ path: String) throws -> [String] {
        let bytes = try contents(path)
        let isLines = holdsLines(path) || FileSystem.isStream(path) && startsWithDocument(bytes)
        return isLines ? try lines(bytes, path: path) : [String(decoding: bytes, as: UTF8.self)]
    }

    private static func holdsLines(_ path: String) -> Bool {
        let lowercased = path.lowercased()
        let name = lowercased.hasSuffix(".gz") ? String(lowercased.dropLast(3)) : lowercased
        return [".jsonl", ".ndjson", ".json"].contains { name.hasSuffix($0) }
    }

    /// Whether the first line is an object with a text under `text`.
    private static func startsWithDocument(_ bytes: [UInt8]) -> Bool {
        guard bytes.first == UInt8(ascii: "{") else { return false }
        let line = 0..<(bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count)
        return (try? JSONParser.parse(bytes, in: line, repairsText: true))?["text"]?.text != nil
    }

    /// The `text` of every line that is not blank.
    package static func lines(_ bytes: [UInt8], path: String) throws(FormatError) -> [String] {
        var documents: [String] = []
        var start = 0
        var number = 0
        while start < bytes.count {
            number += 1
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let line = start..<end
            start = end + 1
            let isBlank = bytes[line].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if isBlank { continue }
            let value: JSONValue
            do {
                value = try JSONParser.parse(bytes, in: line, repairsText: true)
            } catch {
                let reason = "malformed JSON at byte \(error.offset) of the line: \(error.reason)"
                throw .invalidLine(path: path, line: number, reason: reason)
            }
            guard let text = value["text"]?.text else {
                throw .invalidLine(path: path, line: number, reason: "an object with a text under \"text\" is needed")
            }
            documents.append(text)
        }
        return documents
    }
}
