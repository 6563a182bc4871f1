// The errors of reading a tokenizer's files or metadata, and of rendering chats.

import ESparseFormats
public import ESparseTemplates

/// A tokenizer could not be read.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// A file exists but could not be read.
    case unreadable(path: String, reason: String)
    /// A folder holds no tokenizer.
    case missing(folder: String)
    /// Text that is not JSON, or JSON deeper or larger than any tokenizer's.
    case invalidJSON(source: String, offset: Int, reason: String)
    /// Contents that contradict the format or each other; `field` says where.
    case malformed(source: String, field: String, reason: String)
    /// A kind of tokenizer that is not known here.
    case unsupported(source: String, field: String, found: String, supported: String)
    /// A chat template that cannot be read, fails, or refuses a chat.
    case template(TemplateError)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read the tokenizer file \(path): \(reason)"
        case .missing(let folder):
            "no tokenizer in \(folder): tokenizer.json, vocab.json with merges.txt, or tokenizer.model is needed"
        case .invalidJSON(let source, let offset, let reason):
            "\(source) is not valid JSON at byte \(offset): \(reason); mend the file or download it again"
        case .malformed(let source, let field, let reason):
            "\(source), \(field): \(reason)"
        case .unsupported(let source, let field, let found, let supported):
            "\(source), \(field): \(found) is not supported; supported: \(supported)"
        case .template(let error):
            error.description
        }
    }
}

extension JSONParser {
    /// Parses a whole file.
    ///
    /// - Throws: `TokenizerError.invalidJSON` naming `source` and the byte offset.
    static func parse(_ bytes: [UInt8], source: String) throws(TokenizerError) -> JSONValue {
        do {
            return try parse(bytes)
        } catch {
            throw .invalidJSON(source: source, offset: error.offset, reason: error.reason)
        }
    }
}
