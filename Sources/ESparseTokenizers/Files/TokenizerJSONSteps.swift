// Reads the processing steps of a tokenizer.json: normalizer, pre-tokenizer, post-processor and decoder.

import ESparseFormats

extension TokenizerJSONReader {
    /// The members of a possibly nested `Sequence`, in order; nothing for null.
    private func steps(
        _ value: JSONValue?, key: String, _ field: String
    ) throws(TokenizerError) -> [(value: JSONValue, field: String)] {
        guard let value else { return [] }
        guard try type(value, field) == "Sequence" else { return [(value, field)] }
        guard let elements = value[key]?.array else { throw wrong("\(field).\(key)", value[key], "an array") }
        var result: [(value: JSONValue, field: String)] = []
        for (index, element) in elements.enumerated() {
            result += try steps(element, key: key, "\(field).\(key)[\(index)]")
        }
        return result
    }

    private func unsupported(_ field: String, _ found: String, _ supported: String) -> TokenizerError {
        .unsupported(source: source, field: field, found: found, supported: supported)
    }

    /// The only scalar of a string.
    private func scalar(_ value: JSONValue, _ key: String, _ field: String) throws(TokenizerError) -> UInt32 {
        let scalars = UTF8Text.scalars(of: try bytes(value, key, field))
        guard scalars.count == 1 else { throw malformed("\(field).\(key)", "one character is needed") }
        return scalars[0]
    }

    func normalizers(_ value: JSONValue?) throws(TokenizerError) -> [Normalizer] {
        var result: [Normalizer] = []
        for (step, field) in try steps(value, key: "normalizers", "normalizer") {
            switch try type(step, field) {
            case "Prepend": result.append(.prepend(try bytes(step, "prepend", field)))
            case "Replace":
                guard let pattern = step["pattern"]?["String"]?.bytes else {
                    throw unsupported("\(field).pattern", "a regular expression", "a string")
                }
                result.append(.replace(pattern: pattern, content: try bytes(step, "content", field)))
            case "NFC": result.append(.composed)
            case "NFD": result.append(.decomposed)
            case let other: throw unsupported(field, other, Normalizer.supported)
            }
        }
        return result
    }

    func preTokenizers(_ value: JSONValue?) throws(TokenizerError) -> [PreTokenizer] {
        var result: [PreTokenizer] = []
        for (step, field) in try steps(value, key: "pretokenizers", "pre_tokenizer") {
            if case .byteLevel? = result.last { throw unsupported(field, "a step after ByteLevel", "ByteLevel last") }
            switch try type(step, field) {
            case "ByteLevel":
                result.append(
                    .byteLevel(
                        addPrefixSpace: try flag(step, "add_prefix_space", field, default: true),
                        usesPattern: try flag(step, "use_regex", field, default: true)))
            case "Digits":
                result.append(.digits(individually: try flag(step, "individual_digits", field, default: false)))
            case "Split":
                if let text = step["pattern"]?["String"]?.bytes {
                    result.append(.splitAt(text, try behavior(step, field)))
                } else {
                    result.append(.split(try pattern(step, field)))
                }
            case "Metaspace":
                result.append(
                    .metaspace(
                        replacement: try scalar(step, "replacement", field), scheme: try scheme(step, field),
                        splits: try flag(step, "split", field, default: true)))
            case let other: throw unsupported(field, other, PreTokenizer.supported)
            }
        }
        return result
    }

    private func pattern(_ step: JSONValue, _ field: String) throws(TokenizerError) -> SplitPattern {
        guard let expression = step["pattern"]?["Regex"]?.text, let pattern = SplitPattern(expression: expression)
        else {
            let found = step["pattern"]?["Regex"]?.text ?? "nothing"
            let known = SplitPattern.allCases.map { "\($0)" }.joined(separator: ", ")
            throw unsupported("\(field).pattern", "'\(found.prefix(200))'", "the expressions of \(known)")
        }
        let behavior = step["behavior"]?.text ?? "nothing"
        guard ["Isolated", "Removed"].contains(behavior),
            try flag(step, "invert", field, default: false) == (behavior == "Removed")
        else { throw unsupported("\(field).behavior", behavior, "Isolated, and Removed with invert") }
        return pattern
    }

    private func behavior(_ step: JSONValue, _ field: String) throws(TokenizerError) -> SplitBehavior {
        guard let behavior = step["behavior"]?.text.flatMap(SplitBehavior.init),
            try !flag(step, "invert", field, default: false)
        else {
            throw unsupported("\(field).behavior", step["behavior"]?.text ?? "nothing", SplitBehavior.supported)
        }
        return behavior
    }

    private func scheme(_ step: JSONValue, _ field: String) throws(TokenizerError) -> PreTokenizer.PrependScheme {
        let adds = try flag(step, "add_prefix_space", field, default: true)
        guard let value = step["prepend_scheme"] else { return adds ? .always : .never }
        guard let scheme = value.text.flatMap(PreTokenizer.PrependScheme.init) else {
            throw wrong("\(field).prepend_scheme", value, "\"always\", \"first\" or \"never\"")
        }
        guard adds || scheme == .never else {
            throw malformed("\(field).add_prefix_space", "false contradicts prepend_scheme \"\(scheme.rawValue)\"")
        }
        return scheme
    }

    func template(_ value: JSONValue?) throws(TokenizerError) -> SpecialTokenTemplate {
        var result = SpecialTokenTemplate()
        for (step, field) in try steps(value, key: "processors", "post_processor") {
            switch try type(step, field) {
            case "ByteLevel": break  // It only adjusts offsets, which are not kept here.
            case "TemplateProcessing":
                let inner = try templateIDs(step, field)
                result.prefix = inner.prefix + result.prefix
                result.suffix += inner.suffix
            case let other: throw unsupported(field, other, "ByteLevel, TemplateProcessing and Sequence")
            }
        }
        return result
    }

    private func templateIDs(_ step: JSONValue, _ field: String) throws(TokenizerError) -> SpecialTokenTemplate {
        var result = SpecialTokenTemplate()
        var sequenceCount = 0
        for (index, item) in try array(step, "single").enumerated() {
            let itemField = "\(field).single[\(index)]"
            if item["Sequence"] != nil {
                sequenceCount += 1
                continue
            }
            guard let special = item["SpecialToken"] else { throw wrong(itemField, item, "Sequence or SpecialToken") }
            let name = try bytes(special, "id", itemField)
            let entries = step["special_tokens"]?.members ?? []
            guard let ids = entries.first(where: { $0.key == name })?.value["ids"]?.array else {
                throw malformed(itemField, "\(TokenVocabulary.quoted(name)) is not among the template's special_tokens")
            }
            for value in ids {
                let id = try id(value, "\(field).special_tokens")
                if sequenceCount == 0 { result.prefix.append(id) } else { result.suffix.append(id) }
            }
        }
        guard sequenceCount == 1 else {
            throw malformed("\(field).single", "it holds the sequence \(sequenceCount) times, but once is needed")
        }
        return result
    }

    func decoder(_ value: JSONValue?) throws(TokenizerError) -> TokenDecoder {
        let steps = try steps(value, key: "decoders", "decoder")
        guard let (first, firstField) = steps.first else { return .spaceJoined }
        if steps.count == 1 {
            switch try type(first, firstField) {
            case "ByteLevel": return .byteLevel
            case "Metaspace":
                let scheme = try scheme(first, firstField)
                let replacement = try scalar(first, "replacement", firstField)
                return .metaspace(replacement: replacement, stripsFirst: scheme != .never)
            default: break
            }
        }
        var replacements: [TokenDecoder.Replacement] = []
        var byteFallback = false
        var isFused = false
        var stripped: [UInt8] = []
        var strippedCount = 0
        for (step, field) in steps {
            let kind = try type(step, field)
            switch kind {
            case "Replace" where !byteFallback && !isFused:
                guard let pattern = step["pattern"]?["String"]?.bytes else {
                    throw unsupported("\(field).pattern", "a regular expression", "a string")
                }
                replacements.append(.init(pattern: pattern, content: try bytes(step, "content", field)))
            case "ByteFallback" where !isFused: byteFallback = true
            case "Fuse": isFused = true
            case "Strip" where isFused && stripped.isEmpty:
                stripped = UTF8Text.encoded(try scalar(step, "content", field))
                guard let start = step["start"]?.integer, start >= 0, step["stop"]?.integer == 0 else {
                    throw unsupported(field, "this Strip", "Strip from the left")
                }
                strippedCount = start
            default: throw unsupported(field, "\(kind) at this place", TokenDecoder.supported)
            }
        }
        return .sentencePiece(
            replacements: replacements, byteFallback: byteFallback, stripped: stripped, strippedCount: strippedCount)
    }
}
