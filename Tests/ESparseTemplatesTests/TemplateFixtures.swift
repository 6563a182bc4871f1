// The committed golden files, and the real templates that may be on this machine.

import ESparseFormats
import ESparseTemplates
import FoundationEssentials
import Testing

/// Reads what scripts/fixtures/chat_templates.py wrote.
enum TemplateFixtures {
    /// The moment of the golden files, a Thursday.
    static let clock = TemplateClock(year: 2026, month: 3, day: 5, hour: 14, minute: 7, second: 9)

    private static var folder: String {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast()
        return parts.joined(separator: "/") + "/Fixtures"
    }

    static func json(_ name: String) throws -> JSONValue {
        try JSONParser.parse(Array(Data(contentsOf: URL(filePath: folder + "/" + name))))
    }

    /// The members of an object, by name.
    static func members(_ value: JSONValue?) -> [String: JSONValue] {
        Dictionary(uniqueKeysWithValues: (value?.members ?? []).map { ($0.name, $0.value) })
    }

    /// A conversation of families.json.
    static func conversation(_ value: JSONValue) -> Conversation {
        let known: Set = ["name", "messages", "tools", "documents", "add_generation_prompt"]
        return Conversation(
            messages: value["messages"]?.array ?? [], tools: value["tools"]?.array,
            documents: value["documents"]?.array,
            addsGenerationPrompt: value["add_generation_prompt"]?.boolean ?? false,
            options: members(value).filter { !known.contains($0.key) })
    }

    /// The texts of the real templates that are on this machine, by the digest of each.
    static func realTemplates() throws -> [String: String] {
        let environment = ProcessInfo.processInfo.environment
        let cache = (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache") + "/esparse"
        var templates: [String: String] = [:]
        func add(_ text: String) throws {
            templates[digest(Array(text.utf8))] = text
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: cache) {
            let path = cache + "/" + name
            if name.hasPrefix("templates-") {
                for file in try FileSystem.names(in: path) where file.hasSuffix(".jinja") {
                    try add(String(decoding: FileSystem.read(path + "/" + file), as: UTF8.self))
                }
            } else if name.hasSuffix(".gguf"), let metadata = try? GGUFFile(path: path).metadata,
                let text = try metadata.string("tokenizer.chat_template")
            {
                try add(text)
            }
        }
        return templates
    }

    /// Whether scripts/templates.sh has been run.
    static var hasRealTemplates: Bool { (try? realTemplates().count > 30) ?? false }
}

/// FNV-1a, 64 bits, in hexadecimal digits.
func digest(_ bytes: [UInt8]) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
