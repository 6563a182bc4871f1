// Reads a task's file into records: JSON lines, tables with a header, or a text a line.

import ESparseFormats

/// Files as data sets are distributed; all of them may be gzipped.
///
/// - `.jsonl`, `.json`, `.ndjson`: an object a line.
/// - `.tsv`: fields between tabs, taken as they are; the first line names the fields.
/// - `.txt`: one item a line, as the field `text`.
///
/// A file `NAME-labels.lst` beside `NAME.jsonl` holds the right answers, one a line.
package enum TaskFile {
    /// Extensions of a file of records.
    package static let extensions = [".jsonl", ".ndjson", ".json", ".tsv", ".txt"]

    /// A path without its extensions, and the extension that says how to read it; nil where no such file is read.
    package static func split(_ path: String) -> (base: String, ending: String)? {
        let plain = path.lowercased().hasSuffix(".gz") ? String(path.dropLast(3)) : path
        guard let ending = extensions.first(where: { plain.lowercased().hasSuffix($0) }) else { return nil }
        return (String(plain.dropLast(ending.count)), ending)
    }

    /// The records of a file, with their labels.
    ///
    /// - Throws: `FileError`; `FormatError` naming the line; `EvaluationError.labelCount`.
    package static func records(_ path: String) throws -> [TaskRecord] {
        let bytes = try contents(path)
        if bytes.starts(with: "PAR1".utf8) {
            throw FormatError.unsupported(
                path: path, found: "Parquet", supported: "export the split as JSON lines, one object a line")
        }
        guard let (base, ending) = split(path) else {
            throw FormatError.unsupported(
                path: path, found: "this kind of file", supported: "use \(extensions.joined(separator: ", "))")
        }
        var records =
            switch ending {
            case ".tsv": try table(lines(bytes, path: path).map { ($0.line, split($0.text, at: "\t")) }, path: path)
            case ".txt":
                try lines(bytes, path: path).map {
                    TaskRecord(value: .sorted(["text": .text($0.text)]), path: path, line: $0.line)
                }
            default: try objects(bytes, path: path)
            }
        guard !records.isEmpty else {
            throw FormatError.invalidLine(path: path, line: 1, reason: "the file holds no items")
        }
        let labels = base + "-labels.lst"
        if FileSystem.exists(labels) { try attach(labels, to: &records) }
        return records
    }

    /// The bytes of a file without the byte order mark that some editors put first.
    private static func contents(_ path: String) throws -> [UInt8] {
        let bytes = try TextFile.contents(path)
        return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    }

    private static func attach(_ path: String, to records: inout [TaskRecord]) throws {
        let labels = try lines(contents(path), path: path).map(\.text.strippedAsPython)
        guard labels.count == records.count else {
            throw EvaluationError.labelCount(path: path, labels: labels.count, items: records.count)
        }
        for (index, label) in labels.enumerated() { records[index].label = label }
    }

    /// Objects, one a line; blank lines are none.
    private static func objects(_ bytes: [UInt8], path: String) throws(FormatError) -> [TaskRecord] {
        var records: [TaskRecord] = []
        for (number, range) in lineRanges(bytes).enumerated() {
            if bytes[range].allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            let value: JSONValue
            do {
                value = try JSONParser.parse(bytes, in: range)
            } catch {
                throw .invalidLine(
                    path: path, line: number + 1,
                    reason: "malformed JSON at byte \(error.offset) of the line: \(error.reason)")
            }
            guard value.members != nil else {
                throw .invalidLine(
                    path: path, line: number + 1, reason: "a JSON object is needed on each line, not \(value.kind)")
            }
            records.append(TaskRecord(value: value, path: path, line: number + 1))
        }
        return records
    }

    /// Rows under a header, as objects of strings.
    private static func table(_ rows: [(line: Int, fields: [String])], path: String) throws(FormatError) -> [TaskRecord]
    {
        guard let header = rows.first?.fields else { return [] }
        guard Set(header).count == header.count else {
            throw .invalidLine(path: path, line: 1, reason: "the header names a field twice")
        }
        var records: [TaskRecord] = []
        for row in rows.dropFirst() {
            guard row.fields.count == header.count else {
                throw .invalidLine(
                    path: path, line: row.line,
                    reason: "the line has \(row.fields.count) fields where the header names \(header.count)")
            }
            let members = zip(header, row.fields).map { JSONValue.Member(key: Array($0.utf8), value: .text($1)) }
            records.append(TaskRecord(value: .object(members), path: path, line: row.line))
        }
        return records
    }

    private static func lineRanges(_ bytes: [UInt8]) -> [Range<Int>] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { $0.startIndex..<$0.endIndex }
    }

    /// Lines that are not blank, as text.
    private static func lines(_ bytes: [UInt8], path: String) throws(FormatError) -> [(line: Int, text: String)] {
        var lines: [(line: Int, text: String)] = []
        for (number, range) in lineRanges(bytes).enumerated() {
            let content = bytes[range].last == 0x0D ? bytes[range].dropLast() : bytes[range]
            guard let text = String(validating: content, as: UTF8.self) else {
                throw .invalidLine(path: path, line: number + 1, reason: "the line is not UTF-8; convert the file")
            }
            if !text.strippedAsPython.isEmpty { lines.append((number + 1, text)) }
        }
        return lines
    }

    private static func split(_ text: String, at separator: Character) -> [String] {
        text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
