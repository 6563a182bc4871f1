// The files beside the weights that a checkpoint made here takes from its source unchanged.

/// Files that describe the tokenizer and generation, and the licence, of a Hugging Face folder.
package enum CompanionFiles {
    /// Names of the files that describe the tokenizer and generation.
    package static let names: Set = [
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json", "merges.txt",
        "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
    ]
    /// What names of licences, notices and conditions of use begin with, in any case.
    private static let licences = ["LICENSE", "LICENCE", "NOTICE", "USE_POLICY"]
    /// Longest licence that is copied: a file of this name that is longer is none.
    private static let licenceByteLimit = 1 << 20

    /// The bytes of those files that a folder has, by name.
    ///
    /// - Throws: `FileError`.
    package static func read(from folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileSystem.names(in: folder) {
            let path = folder + "/" + name
            let isShort =
                !FileSystem.isFolder(path) && !FileSystem.isStream(path)
                && FileSystem.byteCount(of: path) <= licenceByteLimit
            guard names.contains(name) || isLicence(name) && isShort else { continue }
            files[name] = try FileSystem.read(path)
        }
        for name in ChatTemplateFiles.additional(in: folder) { files[name] = try FileSystem.read(folder + "/" + name) }
        return files
    }

    /// Whether a file is a licence, a notice or conditions of use, by its name.
    package static func isLicence(_ name: String) -> Bool {
        licences.contains { name.uppercased().hasPrefix($0) } && !name.hasSuffix(".safetensors")
    }
}
