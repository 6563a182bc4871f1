// Reads Hugging Face's tokenizer.json into a definition.

import ESparseFormats

/// Reads the parts of a tokenizer.json; every refusal names the field.
struct TokenizerJSONReader {
    let source: String

    /// Reads a whole tokenizer.json.
    static func read(_ bytes: [UInt8], source: String) throws(TokenizerError) -> TokenizerDefinition {
        let root = try JSONParser.parse(bytes, source: source)
        let reader = TokenizerJSONReader(source: source)
        guard root.members != nil else { throw reader.wrong("the document", root, "an object") }
        guard let model = root["model"] else { throw reader.malformed("model", "it is missing") }
        var definition = TokenizerDefinition(vocabulary: try reader.vocabulary(model))
        definition.options = try reader.options(model, definition.vocabulary)
        for (index, value) in try reader.array(root, "added_tokens").enumerated() {
            let field = "added_tokens[\(index)]"
            let id = try reader.id(value["id"], "\(field).id")
            try definition.addToken(try reader.addedToken(value, id: id, field))
        }
        definition.normalizers = try reader.normalizers(root["normalizer"])
        definition.preTokenizers = try reader.preTokenizers(root["pre_tokenizer"])
        definition.options.isByteLevel = definition.preTokenizers.contains {
            if case .byteLevel = $0 { true } else { false }
        }
        definition.template = try reader.template(root["post_processor"])
        definition.decoder = try reader.decoder(root["decoder"])
        return definition
    }

    // MARK: Fields

    func malformed(_ field: String, _ reason: String) -> TokenizerError {
        .malformed(source: source, field: field, reason: reason)
    }

    func wrong(_ field: String, _ value: JSONValue?, _ expected: String) -> TokenizerError {
        malformed(field, "\(value?.kind ?? "nothing") is there, but \(expected) is needed")
    }

    /// The elements of an array member; none where it is absent.
    func array(_ object: JSONValue, _ key: String) throws(TokenizerError) -> [JSONValue] {
        guard let value = object[key] else { return [] }
        guard let array = value.array else { throw wrong(key, value, "an array") }
        return array
    }

    func bytes(_ object: JSONValue, _ key: String, _ field: String) throws(TokenizerError) -> [UInt8] {
        guard let bytes = object[key]?.bytes else { throw wrong("\(field).\(key)", object[key], "a string") }
        return bytes
    }

    func flag(_ object: JSONValue, _ key: String, _ field: String, default: Bool) throws(TokenizerError) -> Bool {
        guard let value = object[key] else { return `default` }
        guard let flag = value.boolean else { throw wrong("\(field).\(key)", value, "a Boolean") }
        return flag
    }

    func type(_ value: JSONValue, _ field: String) throws(TokenizerError) -> String {
        String(decoding: try bytes(value, "type", field), as: UTF8.self)
    }

    func id(_ value: JSONValue?, _ field: String) throws(TokenizerError) -> Int32 {
        guard let id = value?.integer else { throw wrong(field, value, "an integer") }
        guard id >= 0, id <= TokenVocabulary.maximumID else {
            throw malformed(field, "id \(id) is outside 0...\(TokenVocabulary.maximumID)")
        }
        return Int32(id)
    }

    // MARK: Model

    private func vocabulary(_ model: JSONValue) throws(TokenizerError) -> TokenVocabulary {
        let kind = model["type"]?.text ?? "BPE"
        guard kind == "BPE" else {
            throw .unsupported(source: source, field: "model.type", found: kind, supported: "BPE")
        }
        guard let members = model["vocab"]?.members else { throw wrong("model.vocab", model["vocab"], "an object") }
        var vocabulary = TokenVocabulary(source: source)
        for member in members {
            guard let id = member.value.integer else {
                throw wrong("model.vocab \(TokenVocabulary.quoted(member.key))", member.value, "an integer")
            }
            try vocabulary.add(member.key, id: id)
        }
        guard let merges = model["merges"]?.array else { throw wrong("model.merges", model["merges"], "an array") }
        for (index, merge) in merges.enumerated() {
            if let line = merge.bytes {
                try vocabulary.addMerge(line: line)
            } else if let pair = merge.array, pair.count == 2, let left = pair[0].bytes, let right = pair[1].bytes {
                try vocabulary.addMerge(left, right)
            } else {
                throw wrong("model.merges[\(index)]", merge, "a string or two strings")
            }
        }
        return vocabulary
    }

    private func options(_ model: JSONValue, _ vocabulary: TokenVocabulary) throws(TokenizerError) -> BytePairOptions {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let value = model[key], value.bytes != [] {
                throw .unsupported(source: source, field: "model.\(key)", found: value.kind, supported: "null")
            }
        }
        switch model["dropout"] {
        case nil, .integer(0)?, .number(0)?: break
        default: throw .unsupported(source: source, field: "model.dropout", found: "dropout", supported: "null")
        }
        var options = BytePairOptions()
        options.byteFallback = try flag(model, "byte_fallback", "model", default: false)
        options.fusesUnknown = try flag(model, "fuse_unk", "model", default: false)
        options.ignoresMerges = try flag(model, "ignore_merges", "model", default: false)
        if model["unk_token"] != nil {
            let unknown = try bytes(model, "unk_token", "model")
            guard let id = vocabulary.ids[unknown] else {
                throw malformed("model.unk_token", "\(TokenVocabulary.quoted(unknown)) is not in the vocabulary")
            }
            options.unknownID = id
        }
        return options
    }

    func addedToken(_ value: JSONValue, id: Int32, _ field: String) throws(TokenizerError) -> AddedToken {
        AddedToken(
            id: id,
            content: try bytes(value, "content", field),
            isSpecial: try flag(value, "special", field, default: false),
            isSingleWord: try flag(value, "single_word", field, default: false),
            stripsLeft: try flag(value, "lstrip", field, default: false),
            stripsRight: try flag(value, "rstrip", field, default: false),
            isNormalized: try flag(value, "normalized", field, default: true))
    }
}
