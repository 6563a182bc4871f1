// Writes a definition as Hugging Face's tokenizer.json.

import ESparseFormats
public import FoundationEssentials

extension Tokenizer {
    /// An equivalent tokenizer.json, which Hugging Face's `tokenizers` loads and which gives the same ids.
    ///
    /// - Throws: `TokenizerError.unsupported` for a tokenizer.model, whose normalisation that format cannot express: copy the file.
    public func tokenizerJSON() throws(TokenizerError) -> Data {
        guard definition.pieces == nil else {
            throw .unsupported(
                source: definition.vocabulary.source, field: "its rules",
                found: "SentencePiece's normalisation written as tokenizer.json", supported: "copying tokenizer.model")
        }
        var writer = JSONWriter()
        writer.tokenizer(definition)
        return Data(writer.bytes)
    }

    /// A tokenizer_config.json to go with `tokenizerJSON()`: special tokens and chat template.
    public func tokenizerConfigJSON() -> Data {
        var writer = JSONWriter()
        let settings = definition.settings
        var entries: [(key: String, value: [UInt8])] = [("tokenizer_class", Array("PreTrainedTokenizerFast".utf8))]
        if let token = settings.beginningOfSequence { entries.append(("bos_token", token)) }
        if let token = settings.endOfSequence { entries.append(("eos_token", token)) }
        if let token = settings.unknown { entries.append(("unk_token", token)) }
        if let token = settings.padding { entries.append(("pad_token", token)) }
        writer.raw("{\n  \"clean_up_tokenization_spaces\": false")
        for (key, value) in entries {
            writer.raw(",\n  ")
            writer.string(key)
            writer.raw(": ")
            writer.string(value)
        }
        if let template = settings.chatTemplate {
            writer.raw(",\n  \"chat_template\": ")
            writer.chatTemplates(template, settings.namedChatTemplates)
        }
        writer.raw("\n}\n")
        return Data(writer.bytes)
    }
}

extension JSONWriter {
    /// One template as a string, several as a list of objects.
    fileprivate mutating func chatTemplates(_ template: String, _ named: [NamedChatTemplate]) {
        guard !named.isEmpty else { return string(template) }
        raw("[\n")
        list([NamedChatTemplate(name: "default", text: template)] + named, separator: ",\n") { writer, template in
            writer.raw("    {\"name\": ")
            writer.string(template.name)
            writer.raw(", \"template\": ")
            writer.string(template.text)
            writer.raw("}")
        }
        raw("\n  ]")
    }

    fileprivate mutating func tokenizer(_ definition: TokenizerDefinition) {
        raw("{\n\"version\":\"1.0\",\n\"truncation\":null,\n\"padding\":null,\n\"added_tokens\":[\n")
        list(definition.addedTokens.sorted { $0.id < $1.id }, separator: ",\n") { $0.addedToken($1) }
        raw("\n],\n\"normalizer\":")
        sequence("normalizers", definition.normalizers) { $0.normalizer($1) }
        raw(",\n\"pre_tokenizer\":")
        sequence("pretokenizers", definition.preTokenizers) { $0.preTokenizer($1) }
        raw(",\n\"post_processor\":")
        template(definition)
        raw(",\n\"decoder\":")
        decoder(definition.decoder)
        raw(",\n\"model\":")
        model(definition)
        raw("\n}\n")
    }

    private mutating func addedToken(_ token: AddedToken) {
        raw("{\"id\":\(token.id),\"content\":")
        string(token.content)
        raw(",\"single_word\":\(token.isSingleWord),\"lstrip\":\(token.stripsLeft),\"rstrip\":\(token.stripsRight)")
        raw(",\"normalized\":\(token.isNormalized),\"special\":\(token.isSpecial)}")
    }

    private mutating func sequence<Step>(_ key: String, _ steps: [Step], _ write: (inout JSONWriter, Step) -> Void) {
        guard !steps.isEmpty else { return raw("null") }
        raw("{\"type\":\"Sequence\",\"\(key)\":[")
        list(steps, write: write)
        raw("]}")
    }

    private mutating func replacement(_ pattern: [UInt8], _ content: [UInt8]) {
        raw("{\"type\":\"Replace\",\"pattern\":{\"String\":")
        string(pattern)
        raw("},\"content\":")
        string(content)
        raw("}")
    }

    private mutating func normalizer(_ step: Normalizer) {
        switch step {
        case .prepend(let prefix):
            raw("{\"type\":\"Prepend\",\"prepend\":")
            string(prefix)
            raw("}")
        case .replace(let pattern, let content): replacement(pattern, content)
        case .composed: raw("{\"type\":\"NFC\"}")
        case .decomposed: raw("{\"type\":\"NFD\"}")
        case .sentencePiece: raw("null")  // Never written: `tokenizerJSON()` refuses it.
        }
    }

    private mutating func preTokenizer(_ step: PreTokenizer) {
        switch step {
        case .split(let pattern):
            raw("{\"type\":\"Split\",\"pattern\":{\"Regex\":")
            string(pattern.expression)
            raw("},\"behavior\":\"Isolated\",\"invert\":false}")
        case .splitAt(let pattern, let behavior):
            raw("{\"type\":\"Split\",\"pattern\":{\"String\":")
            string(pattern)
            raw("},\"behavior\":\"\(behavior.rawValue)\",\"invert\":false}")
        case .digits(let individually): raw("{\"type\":\"Digits\",\"individual_digits\":\(individually)}")
        case .byteLevel(let addPrefixSpace, let usesPattern):
            raw("{\"type\":\"ByteLevel\",\"add_prefix_space\":\(addPrefixSpace)")
            raw(",\"trim_offsets\":true,\"use_regex\":\(usesPattern)}")
        case .metaspace(let replacement, let scheme, let splits):
            raw("{\"type\":\"Metaspace\",\"replacement\":")
            string(UTF8Text.encoded(replacement))
            raw(",\"prepend_scheme\":\"\(scheme.rawValue)\",\"split\":\(splits)}")
        }
    }

    private mutating func template(_ definition: TokenizerDefinition) {
        let template = definition.template
        guard template != SpecialTokenTemplate() else {
            let isByteLevel = definition.options.isByteLevel
            let byteLevel =
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":false,\"use_regex\":true}"
            return raw(isByteLevel ? byteLevel : "null")
        }
        func name(_ id: Int32) -> [UInt8] { definition.token(id) ?? Array("\(id)".utf8) }
        func special(_ writer: inout JSONWriter, _ id: Int32, _ type: Int) {
            writer.raw("{\"SpecialToken\":{\"id\":")
            writer.string(name(id))
            writer.raw(",\"type_id\":\(type)}}")
        }
        func sequence(_ writer: inout JSONWriter, _ label: String, _ type: Int) {
            for id in template.prefix {
                special(&writer, id, type)
                writer.raw(",")
            }
            writer.raw("{\"Sequence\":{\"id\":\"\(label)\",\"type_id\":\(type)}}")
            for id in template.suffix {
                writer.raw(",")
                special(&writer, id, type)
            }
        }
        raw("{\"type\":\"TemplateProcessing\",\"single\":[")
        sequence(&self, "A", 0)
        raw("],\"pair\":[")
        sequence(&self, "A", 0)
        raw(",")
        sequence(&self, "B", 1)
        raw("],\"special_tokens\":{")
        list(Set(template.prefix + template.suffix).sorted()) { writer, id in
            writer.string(name(id))
            writer.raw(":{\"id\":")
            writer.string(name(id))
            writer.raw(",\"ids\":[\(id)],\"tokens\":[")
            writer.string(name(id))
            writer.raw("]}")
        }
        raw("}}")
    }

    private mutating func decoder(_ decoder: TokenDecoder) {
        switch decoder {
        case .byteLevel:
            raw("{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}")
        case .spaceJoined, .pieces: raw("null")  // `.pieces` is never written: `tokenizerJSON()` refuses it.
        case .metaspace(let replacement, let stripsFirst):
            raw("{\"type\":\"Metaspace\",\"replacement\":")
            string(UTF8Text.encoded(replacement))
            raw(",\"prepend_scheme\":\"\(stripsFirst ? "always" : "never")\",\"split\":true}")
        case .sentencePiece(let replacements, let byteFallback, let stripped, let strippedCount):
            raw("{\"type\":\"Sequence\",\"decoders\":[")
            for step in replacements {
                replacement(step.pattern, step.content)
                raw(",")
            }
            if byteFallback { raw("{\"type\":\"ByteFallback\"},") }
            raw("{\"type\":\"Fuse\"}")
            if !stripped.isEmpty {
                raw(",{\"type\":\"Strip\",\"content\":")
                string(stripped)
                raw(",\"start\":\(strippedCount),\"stop\":0}")
            }
            raw("]}")
        }
    }

    private mutating func model(_ definition: TokenizerDefinition) {
        let options = definition.options
        let tokens = definition.vocabulary.tokens
        func name(_ id: Int32) -> [UInt8] { tokens[Int(id)] ?? [] }
        raw("{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":")
        if let unknown = options.unknownID { string(name(unknown)) } else { raw("null") }
        raw(",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null")
        raw(",\"fuse_unk\":\(options.fusesUnknown),\"byte_fallback\":\(options.byteFallback)")
        raw(",\"ignore_merges\":\(options.ignoresMerges),\n\"vocab\":{\n")
        list(tokens.indices.filter { tokens[$0] != nil }, separator: ",\n") { writer, id in
            writer.string(tokens[id] ?? [])
            writer.raw(":\(id)")
        }
        raw("\n},\n\"merges\":[\n")
        list(definition.vocabulary.merges, separator: ",\n") { writer, merge in
            writer.raw("[")
            writer.string(name(merge.left))
            writer.raw(",")
            writer.string(name(merge.right))
            writer.raw("]")
        }
        raw("\n]}")
    }
}
