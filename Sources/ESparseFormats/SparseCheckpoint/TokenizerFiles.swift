// The tokenizer files that a pruned checkpoint copies from its source unchanged.

/// Files that describe the tokenizer and generation, copied from a Hugging Face folder.
package enum TokenizerFiles {
    private static let names = [
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json", "merges.txt",
        "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
    ]

    /// The bytes of those files that a folder has, by name.
    package static func read(from folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in names where FileSystem.exists(folder + "/" + name) {
            files[name] = try FileSystem.read(folder + "/" + name)
        }
        return files
    }
}
