// Tokenizers of older folders: vocab.json with merges.txt, or a SentencePiece tokenizer.model.

import ESparseFormats

extension TokenizerFolder {
    /// A byte-level tokenizer in the files of GPT-2.
    func vocabularyFiles(_ vocab: [UInt8], _ merges: [UInt8]) throws(TokenizerError) -> TokenizerDefinition {
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
        try addSpecialTokens(&definition)
        return definition
    }

    private func addSpecialTokens(_ definition: inout TokenizerDefinition) throws(TokenizerError) {
        for token in try addedTokens() { try definition.addToken(token) }
        for key in TokenizerFolder.specialKeys {
            guard let content = specialToken(key), let id = definition.vocabulary.ids[content],
                !definition.addedTokens.contains(where: { $0.content == content })
            else { continue }
            try definition.addToken(AddedToken(id: id, content: content, isSpecial: true))
        }
    }

    /// A SentencePiece model with what the configuration adds to it.
    func sentencePieceFile(_ bytes: [UInt8]) throws(TokenizerError) -> TokenizerDefinition {
        let configuration = configuration("tokenizer_config.json") ?? .null
        let known = [
            "CodeLlamaTokenizer", "GemmaTokenizer", "LlamaTokenizer", "PreTrainedTokenizer", "TokenizersBackend",
        ]
        if let name = configuration["tokenizer_class"]?.text {
            guard known.contains(name.hasSuffix("Fast") ? String(name.dropLast(4)) : name) else {
                throw .unsupported(
                    source: folder + "/tokenizer_config.json", field: "tokenizer_class", found: name,
                    supported: "\(known.joined(separator: ", ")) with tokenizer.model, or a tokenizer.json")
            }
        }
        var added = try addedTokens()
        // As in transformers' tokenizers on SentencePiece, these are found in the text as it is.
        for index in added.indices { added[index].isNormalized = false }
        return try SentencePieceReader(bytes, source: folder + "/tokenizer.model").definition(
            addedTokens: added, addsSpacePrefix: configuration["add_prefix_space"]?.boolean,
            prefixesFirstTextOnly: configuration["legacy"]?.boolean != true)
    }
}
