// Reads comma-separated values as RFC 4180 describes them.

import ESparseFormats

/// Rows of fields between commas; a field in double quotes may hold commas, line breaks and doubled quotes.
enum CommaSeparatedText {
    /// The rows that are not blank, each with the line it starts on.
    ///
    /// - Throws: `FormatError` where a quote is not closed, text follows a closing quote, or a field is not UTF-8.
    static func rows(_ bytes: [UInt8], path: String) throws(FormatError) -> [(line: Int, fields: [String])] {
        var rows: [(line: Int, fields: [String])] = []
        var position = 0
        var line = 1
        while position < bytes.count {
            let first = line
            var fields: [String] = []
            while true {
                let field = try field(bytes, &position, &line, path: path)
                guard let text = String(validating: field, as: UTF8.self) else {
                    throw .invalidLine(path: path, line: first, reason: "the line is not UTF-8; convert the file")
                }
                fields.append(text)
                guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
                position += 1
            }
            if position < bytes.count, bytes[position] == 0x0D { position += 1 }
            guard position == bytes.count || bytes[position] == 0x0A else {
                throw .invalidLine(path: path, line: line, reason: "a comma is missing after a closing quote")
            }
            position += 1
            line += 1
            if fields != [""] { rows.append((first, fields)) }
        }
        return rows
    }

    /// One field, up to the comma or the line break after it.
    private static func field(
        _ bytes: [UInt8], _ position: inout Int, _ line: inout Int, path: String
    ) throws(FormatError) -> [UInt8] {
        let start = position
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            let isEnd = { (byte: UInt8) in byte == UInt8(ascii: ",") || byte == 0x0A }
            position = bytes[position...].firstIndex(where: isEnd) ?? bytes.count
            let endsRow = position == bytes.count || bytes[position] == 0x0A
            let hasReturn = endsRow && position > start && bytes[position - 1] == 0x0D
            return Array(bytes[start..<(hasReturn ? position - 1 : position)])
        }
        let first = line
        var field: [UInt8] = []
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard position < bytes.count, bytes[position] == byte else { return field }
                position += 1
            }
            if byte == 0x0A { line += 1 }
            field.append(byte)
        }
        throw .invalidLine(path: path, line: first, reason: "a quote is not closed")
    }
}
