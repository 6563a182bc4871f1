// Reads a tokenizer from a Hugging Face folder.

import ESparseCore
import ESparseFormats

extension Tokenizer {
    /// Reads the tokenizer of a Hugging Face folder.
    ///
    /// `tokenizer.json` is preferred; else `vocab.json` and `merges.txt` (GPT-2, OPT, Qwen 2), or `tokenizer.model`
    /// (SentencePiece's byte-pair encoding). Beginning and end tokens and the chat template come from `tokenizer_config.json`,
    /// `special_tokens_map.json`, `chat_template.jinja`, `generation_config.json` and `config.json`, where these are present.
    /// Truncation and padding are not applied.
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
struct TokenizerFolder {
    /// Largest file read; real ones stay below 50 MB.
    static let largestFile = 1 << 28

    let folder: String
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
    private static func read(
        _ folder: String, _ name: String, atMost largestFile: Int = largestFile
    ) throws(TokenizerError) -> [UInt8]? {
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

    func configuration(_ name: String) -> JSONValue? { configurations.first { $0.name == name }?.value }

    func load() throws(TokenizerError) -> Tokenizer {
        var definition: TokenizerDefinition
        if let bytes = try TokenizerFolder.read(folder, "tokenizer.json") {
            definition = try TokenizerJSONReader.read(bytes, source: folder + "/tokenizer.json")
        } else if let vocabulary = try TokenizerFolder.read(folder, "vocab.json"),
            let merges = try TokenizerFolder.read(folder, "merges.txt")
        {
            definition = try vocabularyFiles(vocabulary, merges)
        } else if let bytes = try TokenizerFolder.read(
            folder, "tokenizer.model", atMost: SentencePieceReader.largestFile)
        {
            definition = try sentencePieceFile(bytes)
        } else {
            throw .missing(folder: folder)
        }
        try fillSettings(&definition)
        fillTemplate(&definition)
        return try Tokenizer(definition)
    }

    /// A special token: written as a string, or as an object with its `content`.
    func specialToken(_ key: String) -> [UInt8]? {
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
        let known = definition.settings
        settings.beginningOfSequence =
            specialToken("bos_token") ?? firstBeginning.flatMap(definition.token) ?? known.beginningOfSequence
        settings.endOfSequence =
            specialToken("eos_token") ?? ends.first.flatMap(definition.token) ?? known.endOfSequence
        settings.unknown = specialToken("unk_token")
        settings.padding = specialToken("pad_token") ?? known.padding
        settings.stopIDs = ends.filter { definition.token($0) != nil }
        settings.readChatTemplates(try chatTemplates())
        for name in TokenizerSettings.tokenNames { settings.namedTokens[name] = specialToken(name) }
        if configuration("tokenizer_config.json") == nil { settings.nameUsualTokens() }
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

    /// The chat templates by name: those of chat_template.jinja and the folder `additional_chat_templates`, else those of
    /// tokenizer_config.json.
    private func chatTemplates() throws(TokenizerError) -> [NamedChatTemplate] {
        var templates: [NamedChatTemplate] = []
        if let bytes = try TokenizerFolder.read(folder, "chat_template.jinja") {
            templates.append(NamedChatTemplate(name: "default", text: String(decoding: bytes, as: UTF8.self)))
        }
        for name in ChatTemplateFiles.additional(in: folder) {
            guard let bytes = try TokenizerFolder.read(folder, name) else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            templates.append(NamedChatTemplate(name: ChatTemplateFiles.template(in: name), text: text))
        }
        guard templates.isEmpty else { return templates }
        let value = configuration("tokenizer_config.json")?["chat_template"]
        if let text = value?.text { return [NamedChatTemplate(name: "default", text: text)] }
        for element in value?.array ?? [] {
            guard let name = element["name"]?.text, let text = element["template"]?.text else { continue }
            templates.append(NamedChatTemplate(name: name, text: text))
        }
        return templates
    }

    // MARK: Added tokens

    /// The tokens that the configuration adds, by `added_tokens_decoder` or, in older folders, added_tokens.json.
    func addedTokens() throws(TokenizerError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        let reader = TokenizerJSONReader(source: folder + "/tokenizer_config.json")
        let field = "added_tokens_decoder"
        for member in configuration("tokenizer_config.json")?[field]?.members ?? [] {
            guard let id = Int32(String(decoding: member.key, as: UTF8.self)) else {
                throw reader.malformed(field, "\(TokenVocabulary.quoted(member.key)) is not an id")
            }
            tokens.append(try reader.addedToken(member.value, id: id, field))
        }
        if tokens.isEmpty, let bytes = try TokenizerFolder.read(folder, "added_tokens.json") {
            let older = TokenizerJSONReader(source: folder + "/added_tokens.json")
            let special = TokenizerFolder.specialKeys.compactMap(specialToken)
            for member in try JSONParser.parse(bytes, source: older.source).members ?? [] {
                let id = try older.id(member.value, TokenVocabulary.quoted(member.key))
                tokens.append(AddedToken(id: id, content: member.key, isSpecial: special.contains(member.key)))
            }
        }
        return tokens
    }

    static let specialKeys = ["bos_token", "eos_token", "unk_token", "pad_token"]

    /// Puts the beginning and end tokens around a text as the configuration says; as in transformers 5, what it says overrules
    /// tokenizer.json. Where it says nothing, SentencePiece models have a beginning token.
    private func fillTemplate(_ definition: inout TokenizerDefinition) {
        let configuration = configuration("tokenizer_config.json")
        let addsBeginning = configuration?["add_bos_token"]?.boolean
        let addsEnd = configuration?["add_eos_token"]?.boolean
        if addsBeginning != nil || addsEnd != nil { definition.template = SpecialTokenTemplate() }
        let settings = definition.settings
        if addsBeginning ?? (definition.pieces != nil), let id = settings.beginningOfSequence.flatMap(definition.id) {
            definition.template.prefix = [id]
        }
        if addsEnd == true, let id = settings.endOfSequence.flatMap(definition.id) { definition.template.suffix = [id] }
    }
}
