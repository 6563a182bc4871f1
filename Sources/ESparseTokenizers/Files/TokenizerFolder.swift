// Reads a tokenizer from a Hugging Face folder.

import ESparseCore
import ESparseFormats

extension Tokenizer {
    /// Reads the tokenizer of a Hugging Face folder.
    ///
    /// `tokenizer.json` is preferred; else `vocab.json` and `merges.txt` (GPT-2, OPT, Qwen 2). Beginning and end tokens and
    /// the chat template come from `tokenizer_config.json`, `special_tokens_map.json`, `chat_template.jinja`,
    /// `generation_config.json` and `config.json`, where these are present. Truncation and padding are not applied.
    ///
    /// - Throws: `TokenizerError` naming the file and the place.
    public static func load(folder: String) throws(TokenizerError) -> Tokenizer {
        try TokenizerFolder(folder).load()
    }

    /// Reads a tokenizer.json alone.
    ///
    /// - Throws: `TokenizerError` naming `source` and the place.
    public static func load(tokenizerJSON bytes: [UInt8], source: String = "tokenizer.json") throws(TokenizerError)
        -> Tokenizer
    {
        try Tokenizer(try TokenizerJSONReader.read(bytes, source: source))
    }
}

/// The files of a folder that concern the tokenizer.
private struct TokenizerFolder {
    /// Largest file read; real ones stay below 50 MB.
    static let largestFile = 1 << 28

    private let folder: String
    private let configurations: [(name: String, value: JSONValue)]

    init(_ folder: String) throws(TokenizerError) {
        self.folder = folder
        var configurations: [(name: String, value: JSONValue)] = []
        for name in ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json"] {
            guard let bytes = try TokenizerFolder.read(folder, name) else { continue }
            let value = try JSONParser.parse(bytes, source: folder + "/" + name)
            guard value.members != nil else {
                throw .malformed(source: folder + "/" + name, field: "the document", reason: "an object is needed")
            }
            configurations.append((name, value))
        }
        self.configurations = configurations
    }

    /// A file's bytes, or nil where there is no such file.
    private static func read(_ folder: String, _ name: String) throws(TokenizerError) -> [UInt8]? {
        let path = folder + "/" + name
        guard FileSystem.exists(path) else { return nil }
        let byteCount = FileSystem.byteCount(of: path)
        guard byteCount <= largestFile else {
            throw .unreadable(path: path, reason: "it has \(byteCount) bytes, more than the \(largestFile) allowed")
        }
        do {
            return try FileSystem.read(path)
        } catch {
            throw .unreadable(path: path, reason: error.reason)
        }
    }

    private func configuration(_ name: String) -> JSONValue? { configurations.first { $0.name == name }?.value }

    func load() throws(TokenizerError) -> Tokenizer {
        var definition: TokenizerDefinition
        if let bytes = try TokenizerFolder.read(folder, "tokenizer.json") {
            definition = try TokenizerJSONReader.read(bytes, source: folder + "/tokenizer.json")
        } else if let vocabulary = try TokenizerFolder.read(folder, "vocab.json"),
            let merges = try TokenizerFolder.read(folder, "merges.txt")
        {
            definition = try vocabularyFiles(vocabulary, merges)
        } else {
            throw .missing(folder: folder)
        }
        try fillSettings(&definition)
        return try Tokenizer(definition)
    }

    /// A special token: written as a string, or as an object with its `content`.
    private func specialToken(_ key: String) -> [UInt8]? {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            guard let value = configuration(name)?[key] else { continue }
            if let token = value.bytes ?? value["content"]?.bytes { return token }
        }
        return nil
    }

    private func fillSettings(_ definition: inout TokenizerDefinition) throws(TokenizerError) {
        let firstBeginning = try ids("bos_token_id").first
        let ends = try ids("eos_token_id")
        var settings = TokenizerSettings()
        settings.beginningOfSequence = specialToken("bos_token") ?? firstBeginning.flatMap(definition.token)
        settings.endOfSequence = specialToken("eos_token") ?? ends.first.flatMap(definition.token)
        settings.unknown = specialToken("unk_token")
        settings.padding = specialToken("pad_token")
        settings.stopIDs = ends.filter { definition.token($0) != nil }
        settings.chatTemplate = try chatTemplate()
        definition.settings = settings
    }

    /// The ids under a key of generation_config.json, else of config.json: one, several or none.
    private func ids(_ key: String) throws(TokenizerError) -> [Int32] {
        for name in ["generation_config.json", "config.json"] {
            guard let value = configuration(name)?[key] else { continue }
            var ids: [Int32] = []
            for element in value.array ?? [value] {
                guard let id = element.integer, let id = Int32(exactly: id) else {
                    throw .malformed(
                        source: folder + "/" + name, field: key, reason: "\(value.kind) is there, but ids are needed")
                }
                ids.append(id)
            }
            return ids
        }
        return []
    }

    private func chatTemplate() throws(TokenizerError) -> String? {
        if let bytes = try TokenizerFolder.read(folder, "chat_template.jinja") {
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let value = configuration("tokenizer_config.json")?["chat_template"] else { return nil }
        let named = value.array ?? []
        return value.text ?? (named.first { $0["name"]?.text == "default" } ?? named.first)?["template"]?.text
    }

    // MARK: vocab.json and merges.txt

    private func vocabularyFiles(_ vocab: [UInt8], _ merges: [UInt8]) throws(TokenizerError) -> TokenizerDefinition {
        let source = folder + "/vocab.json"
        guard let members = try JSONParser.parse(vocab, source: source).members else {
            throw .malformed(source: source, field: "the document", reason: "an object is needed")
        }
        var vocabulary = TokenVocabulary(source: source)
        for member in members {
            guard let id = member.value.integer else {
                throw .malformed(
                    source: source, field: "token \(TokenVocabulary.quoted(member.key))",
                    reason: "\(member.value.kind) is there, but an integer is needed")
            }
            try vocabulary.add(member.key, id: id)
        }
        for (index, line) in merges.split(separator: 0x0A).enumerated() {
            if index == 0, line.starts(with: Array("#version".utf8)) { continue }
            let merge = line.last == 0x0D ? line.dropLast() : line
            if !merge.isEmpty { try vocabulary.addMerge(line: UTF8Text.repaired(Array(merge))) }
        }
        var definition = TokenizerDefinition(vocabulary: vocabulary)
        definition.options.isByteLevel = true
        definition.decoder = .byteLevel
        let configuration = configuration("tokenizer_config.json") ?? .null
        let addPrefixSpace = configuration["add_prefix_space"]?.boolean ?? false
        switch configuration["tokenizer_class"]?.text {
        case nil, "GPT2Tokenizer", "GPT2TokenizerFast", "OPTTokenizer":
            definition.preTokenizers = [.byteLevel(addPrefixSpace: addPrefixSpace, usesPattern: true)]
        case "Qwen2Tokenizer", "Qwen2TokenizerFast":
            definition.normalizers = [.composed]
            definition.preTokenizers = [.split(.qwen2), .byteLevel(addPrefixSpace: addPrefixSpace, usesPattern: false)]
        case let other?:
            throw .unsupported(
                source: folder + "/tokenizer_config.json", field: "tokenizer_class", found: other,
                supported: "GPT2Tokenizer and Qwen2Tokenizer with vocab.json and merges.txt, or a tokenizer.json")
        }
        try addSpecialTokens(configuration, &definition)
        return definition
    }

    private func addSpecialTokens(
        _ configuration: JSONValue, _ definition: inout TokenizerDefinition
    ) throws(TokenizerError) {
        let reader = TokenizerJSONReader(source: folder + "/tokenizer_config.json")
        for member in configuration["added_tokens_decoder"]?.members ?? [] {
            let field = "added_tokens_decoder"
            guard let id = Int32(String(decoding: member.key, as: UTF8.self)) else {
                throw reader.malformed(field, "\(TokenVocabulary.quoted(member.key)) is not an id")
            }
            try definition.addToken(try reader.addedToken(member.value, id: id, field))
        }
        for key in ["bos_token", "eos_token", "unk_token", "pad_token"] {
            guard let content = specialToken(key), let id = definition.vocabulary.ids[content],
                !definition.addedTokens.contains(where: { $0.content == content })
            else { continue }
            try definition.addToken(AddedToken(id: id, content: content, isSpecial: true))
        }
        if configuration["add_bos_token"]?.boolean == true, let id = specialToken("bos_token").flatMap(definition.id) {
            definition.template.prefix = [id]
        }
        if configuration["add_eos_token"]?.boolean == true, let id = specialToken("eos_token").flatMap(definition.id) {
            definition.template.suffix = [id]
        }
    }
}
