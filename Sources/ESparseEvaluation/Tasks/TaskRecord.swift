// One record of a task's file and typed access to its fields; errors name file and line.

package import ESparseFormats

/// A record of a task's file.
package struct TaskRecord: Sendable {
    /// The fields.
    package let value: JSONValue
    /// The file.
    package let path: String
    /// Line of the file, counting from 1.
    package let line: Int
    /// The line of the labels file beside it, where there is one.
    package var label: String?

    /// An error about this record.
    func problem(_ reason: String) -> FormatError { .invalidLine(path: path, line: line, reason: reason) }

    /// Whether there is a field called `key` that is not null.
    func has(_ key: String) -> Bool { value[key] != nil }

    /// A field that must be there.
    func field(_ key: String) throws(FormatError) -> JSONValue {
        guard let field = value[key] else { throw problem("the field \"\(key)\" is missing") }
        return field
    }

    /// A text.
    func text(_ key: String) throws(FormatError) -> String {
        let field = try field(key)
        guard let text = field.text else { throw problem("the field \"\(key)\" must be a string, not \(field.kind)") }
        return text
    }

    /// A text that is not empty.
    func choice(_ key: String) throws(FormatError) -> String {
        let text = try text(key)
        guard !text.isEmpty else { throw problem("the field \"\(key)\" is empty") }
        return text
    }

    /// Two texts or more, none of them empty.
    func choices(_ key: String) throws(FormatError) -> [String] { try choices(field(key), called: key) }

    /// Two texts or more, none of them empty.
    func choices(_ field: JSONValue, called key: String) throws(FormatError) -> [String] {
        let texts = field.array?.map(\.text) ?? []
        let choices = texts.compactMap(\.self)
        guard choices.count == texts.count, choices.count > 1, !choices.contains("") else {
            throw problem("the field \"\(key)\" must be a list of at least two strings, none of them empty")
        }
        return choices
    }

    /// The right answer's text, from the field or from the labels file; numbers and Booleans are spelled out.
    func answer(_ key: String) throws(FormatError) -> String {
        let answer: String? =
            switch value[key] {
            case .string(let bytes): String(decoding: bytes, as: UTF8.self).strippedAsPython
            case .integer(let number): String(number)
            case .boolean(let truth): truth ? "true" : "false"
            case .null, nil: label
            case .number, .array, .object:
                throw problem("the field \"\(key)\" must be a label, not \(value[key]?.kind ?? "nothing")")
            }
        guard let answer, !answer.isEmpty, answer != "-1" else {
            throw problem(
                "the right answer is missing (field \"\(key)\"); where a test split has none, use the validation split")
        }
        return answer
    }

    /// Place of the right answer among the labels of a task, each with its other spellings.
    func answer(_ key: String, among labels: [[String]]) throws(FormatError) -> Int {
        let answer = try answer(key)
        guard let index = labels.firstIndex(where: { $0.contains(answer) }) else {
            let known = labels.map { $0[0] }.joined(separator: ", ")
            throw problem("the label \"\(answer.prefix(40))\" of field \"\(key)\" is none of \(known)")
        }
        return index
    }
}
